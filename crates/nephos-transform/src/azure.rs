//! The two templates that nearly all of Azure has, natively.
//!
//! Both lift what is inside `properties` of a row beside the row's own fields. As templates they are
//! rendered from a decoded tree; here the body is read once and its values are copied as they stand.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::TransformError;
use crate::golang::write_string;

/// A template with a native form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AzureShape {
    /// `{"value": [rows], "nextLink": ...}`
    List,
    /// One row.
    Single,
}

/// The row of both templates, without spaces and trim markers.
const ROW: &str = concat!(
    r#"{{{$p:=index$row"properties"}}{{ifeq(kindOf$p)"map"}}{{range$k,$v:=$p}}"#,
    r#"{{printf"%q"$k}}:{{toJson$v}},{{end}}{{end}}{{range$k,$v:=$row}}"#,
    r#"{{printf"%q"$k}}:{{toJson$v}},{{end}}"_flattened":true}"#,
);
const LIST: (&str, &str) = (
    r#"{"value":[{{range$i,$row:=index."value"}}{{if$i}},{{end}}"#,
    r#"{{end}}],"nextLink":{{toJson(index."nextLink")}}}"#,
);
const SINGLE: &str = "{{$row:=.}}";

/// Recognises the source of one of the two templates, however it is spaced.
pub fn recognise_azure(source: &str) -> Option<AzureShape> {
    let bare = source.replace("{{- ", "{{").replace(" -}}", "}}");
    let bare: String = bare.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    if bare.strip_prefix(SINGLE) == Some(ROW) {
        return Some(AzureShape::Single);
    }
    let row = bare.strip_prefix(LIST.0)?.strip_suffix(LIST.1)?;
    (row == ROW).then_some(AzureShape::List)
}

impl AzureShape {
    /// Does what the template does, to a JSON body: JSON in which no key is there twice. The order of
    /// keys is that of the body, where the template sorts them. `null` gives nothing, as in Go.
    pub fn flatten(self, body: &[u8]) -> Result<String, TransformError> {
        let body = std::str::from_utf8(body).map_err(TransformError::json)?;
        let trimmed = body.trim_ascii();
        let mut out = String::new();
        if trimmed.is_empty() || trimmed == "null" {
            return Ok(out);
        }
        // What is lifted out of `properties` is written twice.
        out.reserve(trimmed.len().saturating_mul(2));
        let whole = object(trimmed)?.ok_or_else(|| TransformError::json("it is not an object"))?;
        match self {
            Self::Single => write_row(&mut out, whole)?,
            Self::List => write_rows(&mut out, &whole)?,
        }
        Ok(out)
    }
}

/// Members of an object in their order, values as they are written.
type Members<'b> = Vec<(Cow<'b, str>, &'b str)>;

/// Up to so many members comparing each with each is faster than hashing.
const FEW: usize = 48;

fn write_rows(out: &mut String, whole: &Members<'_>) -> Result<(), TransformError> {
    let member = |name: &str| whole.iter().rev().find(|(key, _)| key == name).map(|m| m.1);
    out.push_str("{\"value\":[");
    match member("value") {
        // A range goes over an empty map as over an empty list.
        None | Some("null") => {}
        Some(map) if object(map)?.is_some_and(|members| members.is_empty()) => {}
        Some(list) if list.starts_with('[') => {
            let rows: Vec<Object<'_>> = serde_json::from_str(list).map_err(TransformError::json)?;
            for (index, Object(row)) in rows.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_row(out, row)?;
            }
        }
        Some(_) => return Err(TransformError::json("its value is not a list")),
    }
    out.push_str("],\"nextLink\":");
    out.push_str(member("nextLink").unwrap_or("null"));
    out.push('}');
    Ok(())
}

/// Writes the members of `properties`, the row's own and the mark, the last of each name.
fn write_row(out: &mut String, row: Members<'_>) -> Result<(), TransformError> {
    let properties = row.iter().rev().find(|(key, _)| key == "properties");
    let mut members = match properties {
        Some((_, raw)) => object(raw)?.unwrap_or_default(),
        None => Members::new(),
    };
    members.extend(row);
    members.push((Cow::Borrowed("_flattened"), "true"));
    let counted = members.len() > FEW;
    let last: HashMap<&str, usize> = if counted {
        members.iter().enumerate().map(|(index, (key, _))| (&**key, index)).collect()
    } else {
        HashMap::new()
    };
    out.push('{');
    let mut first = true;
    for (index, (key, raw)) in members.iter().enumerate() {
        let comes_again = if counted {
            last.get(&**key) != Some(&index)
        } else {
            members[index + 1..].iter().any(|(later, _)| later == key)
        };
        if comes_again {
            continue;
        }
        if !first {
            out.push(',');
        }
        first = false;
        write_string(out, key);
        out.push(':');
        out.push_str(raw);
    }
    out.push('}');
    Ok(())
}

/// The members of a JSON text, if it is an object.
fn object(json: &str) -> Result<Option<Members<'_>>, TransformError> {
    if !json.starts_with('{') {
        return Ok(None);
    }
    let Object(members) = serde_json::from_str(json).map_err(TransformError::json)?;
    Ok(Some(members))
}

/// An object whose values are not looked into.
struct Object<'b>(Members<'b>);

/// A key, borrowed unless it has escapes.
#[derive(Deserialize)]
struct Key<'b>(#[serde(borrow)] Cow<'b, str>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::new();
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    members.push((key, value.get()));
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}
