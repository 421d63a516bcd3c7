//! The transforms that documents name, between what users see and what services send.

use bytes::Bytes;
use nephos_catalog::{Column, ColumnOrigin, Kind, Response, Step, Transform};
use nephos_transform::{
    self as transform, FieldKind, Protocol, RowField, Template, TransformError, TransformKind,
    schema_driven_xml,
};
use serde_json::Value;

use crate::{CallError, CallErrorKind};

/// Makes the text that rows are read from out of an answer.
pub(crate) struct AnswerTransform {
    how: Result<How, String>,
}

enum How {
    Text(transform::Transform),
    SchemaDrivenXml { protocol: Protocol, list: String, row: Vec<RowField> },
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
    fn of(transform: &Transform, response: &Response) -> Result<Self, TransformError> {
        if TransformKind::parse(&transform.kind)? != TransformKind::SchemaDrivenXml {
            let template = transform::Transform::parse(&transform.kind, &transform.source)?;
            return Ok(Self::Text(template));
        }
        // The anonymous column is the row itself: nothing is known of its fields.
        let known = |c: &&Column| c.origin == ColumnOrigin::Row && c.wire != "column_anon";
        let rows = response.columns.iter().filter(known);
        Ok(Self::SchemaDrivenXml {
            protocol: Protocol::parse(&transform.protocol),
            list: list_key(response),
            row: rows
                .map(|c| RowField { name: c.wire.clone(), kind: field_kind(c.schema.kind) })
                .collect(),
        })
    }

    fn apply(&self, text: &str) -> Result<String, TransformError> {
        match self {
            Self::Text(transform) => transform.apply(text.as_bytes()),
            Self::SchemaDrivenXml { protocol, list, row } => {
                schema_driven_xml(text, *protocol, list, row).map(|made| made.to_string())
            }
        }
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
        Kind::String => FieldKind::String,
        Kind::Binary | Kind::Any => FieldKind::Other,
    }
}

/// The body that a document's template makes of a structure.
pub(crate) fn made_body(transform: &Transform, value: &Value) -> Result<Bytes, CallError> {
    let template = transform::Transform::parse(&transform.kind, &transform.source);
    let made = template.and_then(|template| template.apply_value(value));
    made.map(Bytes::from).map_err(|error| {
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
