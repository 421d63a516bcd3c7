//! Cells of XML answers.

use std::borrow::Cow;

use nephos_catalog::{Column, Kind};
use serde_json::Value;

use super::ROW_ITSELF;
use super::cell::Cell;
use crate::xml::Element;

/// The member of `element` that a column holds.
pub(super) fn member_cell<'a>(column: &Column, element: &'a Element<'_>) -> Cell<'a> {
    let schema = &column.schema;
    let simple = !matches!(schema.kind, Kind::Array | Kind::Object)
        && !schema.xml.attribute
        && !schema.xml.text
        && schema.properties.is_empty();
    // A column that is the row itself: a list of plain values.
    let itself = ROW_ITSELF.contains(&column.wire.as_str());
    if simple && element.children.is_empty() && itself {
        return Cell::Text(Cow::Borrowed(&element.text));
    }
    if simple {
        return match element.child(&column.wire) {
            None => Cell::Null,
            Some(child) if child.children.is_empty() => {
                if schema.kind != Kind::String && child.text.trim().is_empty() {
                    Cell::Null
                } else {
                    Cell::Text(Cow::Borrowed(&child.text))
                }
            }
            Some(child) => child.value(None).to_string().into(),
        };
    }
    match element.member(&column.wire, schema) {
        None => Cell::Null,
        Some(Value::String(text)) => text.into(),
        Some(value) => value.to_string().into(),
    }
}
