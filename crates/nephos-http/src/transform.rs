//! The transforms that documents name, between what users see and what services send.

use bytes::Bytes;
use nephos_catalog::{Kind, Response, Step, Transform};
use nephos_transform::{
    AzureShape, FieldKind, Protocol, RowField, Template, TransformKind, mxj, recognise_azure,
    schema_driven_xml,
};
use serde_json::Value;

use crate::{CallError, CallErrorKind};

/// Makes the text that rows are read from out of an answer.
pub(crate) struct AnswerTransform {
    how: Result<How, String>,
}

enum How {
    Azure(AzureShape),
    Json(Template),
    Text(Template),
    Mxj(Template),
    SchemaDrivenXml { protocol: String, list: String, row: Vec<RowField> },
}

impl AnswerTransform {
    /// A transform that cannot be used fails when it is used.
    pub(crate) fn new(transform: &Transform, response: &Response) -> Self {
        let how = How::of(transform, response).map_err(|error| error.to_string());
        Self { how }
    }

    /// What the transform makes of an answer.
    pub(crate) fn apply(&self, text: &str) -> Result<String, CallError> {
        let fault = |error: &dyn std::fmt::Display| {
            CallError::new(
                CallErrorKind::Answer,
                format!("the document's transform cannot read the answer: {error}"),
            )
        };
        let how = self.how.as_ref().map_err(|error| fault(error))?;
        how.apply(text).map_err(|error| fault(&error))
    }
}

impl How {
    fn of(transform: &Transform, response: &Response) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(match TransformKind::parse(&transform.kind)? {
            TransformKind::JsonTemplate => match recognise_azure(&transform.source) {
                Some(shape) => Self::Azure(shape),
                None => Self::Json(Template::parse(&transform.source)?),
            },
            TransformKind::TextTemplate => Self::Text(Template::parse(&transform.source)?),
            TransformKind::MxjTemplate => Self::Mxj(Template::parse(&transform.source)?),
            TransformKind::SchemaDrivenXml => Self::SchemaDrivenXml {
                protocol: transform.protocol.clone(),
                list: list_key(response),
                row: response
                    .columns
                    .iter()
                    .map(|column| RowField {
                        name: column.wire.clone(),
                        kind: field_kind(column.schema.kind),
                    })
                    .collect(),
            },
        })
    }

    fn apply(&self, text: &str) -> Result<String, Box<dyn std::error::Error>> {
        Ok(match self {
            Self::Azure(shape) => shape.flatten(text)?,
            Self::Json(template) => template.render(&serde_json::from_str(text)?)?,
            Self::Text(template) => template.render_text(text)?,
            Self::Mxj(template) => template.render(&mxj(text)?)?,
            Self::SchemaDrivenXml { protocol, list, row } => {
                let protocol = match protocol.as_str() {
                    "query" => Protocol::Query,
                    _ => Protocol::RestXml,
                };
                schema_driven_xml(text, protocol, list, row)?.to_string()
            }
        })
    }
}

/// The member of the made object that holds the rows: the object key's.
fn list_key(response: &Response) -> String {
    match response.rows.alternatives.first().and_then(|steps| steps.last()) {
        Some(Step::Name(name) | Step::Last(name)) => name.clone(),
        _ => "line_items".to_owned(),
    }
}

fn field_kind(kind: Kind) -> FieldKind {
    match kind {
        Kind::Integer => FieldKind::Integer,
        Kind::Number => FieldKind::Number,
        Kind::Boolean => FieldKind::Boolean,
        Kind::Object => FieldKind::Object,
        Kind::Array => FieldKind::Array,
        Kind::String | Kind::Binary | Kind::Any => FieldKind::String,
    }
}

/// The body that a document's template makes of a structure.
pub(crate) fn made_body(transform: &Transform, value: &Value) -> Result<Bytes, CallError> {
    let make = || -> Result<String, Box<dyn std::error::Error>> {
        let template = Template::parse(&transform.source)?;
        Ok(match TransformKind::parse(&transform.kind)? {
            TransformKind::TextTemplate => template.render_text(&value.to_string())?,
            _ => template.render(value)?,
        })
    };
    make().map(Bytes::from).map_err(|error| {
        CallError::new(
            CallErrorKind::Payload,
            format!("the document's template cannot write the request body: {error}"),
        )
    })
}

/// A template of a document filled in.
pub(crate) fn filled(template: &str, data: &Value) -> Result<String, CallError> {
    Template::parse(template).and_then(|template| template.render(data)).map_err(|error| {
        CallError::new(
            CallErrorKind::Payload,
            format!("the document's GraphQL query cannot be written: {error}"),
        )
    })
}
