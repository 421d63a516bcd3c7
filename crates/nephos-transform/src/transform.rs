//! A transform as a method of a document has it: a type and a body.

use serde_json::{Deserializer, Value};

use crate::{AzureShape, Template, TransformError, TransformKind, mxj, recognise_azure};

/// A transform that is written as a template, parsed once and used for every body.
#[derive(Debug, Clone)]
pub struct Transform {
    kind: TransformKind,
    template: Template,
    azure: Option<AzureShape>,
}

impl Transform {
    /// Reads `transform.type` and `transform.body`. The type must be one that has a template.
    pub fn parse(name: &str, source: &str) -> Result<Self, TransformError> {
        let kind = TransformKind::parse(name)?;
        if !kind.has_template() {
            return Err(TransformError::Parse {
                line: 1,
                reason: format!("{name} takes no template"),
            });
        }
        let azure = match kind {
            TransformKind::JsonTemplate => recognise_azure(source),
            _ => None,
        };
        Ok(Self { kind, template: Template::parse(source)?, azure })
    }

    /// What the template reads.
    pub fn kind(&self) -> TransformKind {
        self.kind
    }

    /// The native form that [`Transform::apply`] uses in place of the template, if it has one.
    pub fn azure(&self) -> Option<AzureShape> {
        self.azure
    }

    /// Turns a body. JSON documents that follow each other are turned one by one; an empty body and
    /// `null` give an empty text, as in Go.
    pub fn apply(&self, body: &[u8]) -> Result<String, TransformError> {
        if let Some(shape) = self.azure {
            return shape.flatten(body);
        }
        match self.kind {
            TransformKind::JsonTemplate => {
                let mut out = String::new();
                for document in Deserializer::from_slice(body).into_iter::<Value>() {
                    let document = document.map_err(TransformError::json)?;
                    if document.is_null() {
                        break;
                    }
                    out.push_str(&self.template.render(&document)?);
                }
                Ok(out)
            }
            TransformKind::TextTemplate => self.template.render_text(text(body)?),
            TransformKind::MxjTemplate | TransformKind::SchemaDrivenXml => {
                self.template.render(&mxj(text(body)?)?)
            }
        }
    }

    /// Turns the values of a request into its body: `values` is the JSON body that would be sent
    /// without the transform. A template over text gets it serialised.
    pub fn apply_value(&self, values: &Value) -> Result<String, TransformError> {
        match self.kind {
            TransformKind::TextTemplate => self.template.render_text(&values.to_string()),
            _ if values.is_null() => Ok(String::new()),
            _ => self.template.render(values),
        }
    }
}

fn text(body: &[u8]) -> Result<&str, TransformError> {
    std::str::from_utf8(body)
        .map_err(|error| TransformError::Body { format: "UTF-8 text", reason: error.to_string() })
}
