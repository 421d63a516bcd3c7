//! `schema_driven_xml`: the rows of an XML answer, found by its shape and the schema of a row.

use serde_json::{Map, Value};

use super::maps::decode;
use crate::TransformError;
use crate::golang::{parse_bool, parse_float, write_json};

/// How the answers of a service are wrapped: the document's `info.x-protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `<OpResponse><OpResult>...`
    Query,
    /// `<OpResponse>...`
    Ec2,
    /// A root of the operation's own.
    RestXml,
    /// Whatever else: as `Query` where there is a `...Result`, else as `RestXml`.
    Other,
}

impl Protocol {
    /// Reads `info.x-protocol`.
    pub fn parse(name: &str) -> Self {
        match name {
            "query" => Self::Query,
            "ec2" => Self::Ec2,
            "rest-xml" => Self::RestXml,
            _ => Self::Other,
        }
    }
}

/// The `type` that the schema declares for a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// Text, as it is.
    String,
    /// An integer, if the text is one.
    Integer,
    /// A number, if the text is one.
    Number,
    /// A boolean, if the text is one.
    Boolean,
    /// Becomes JSON text.
    Object,
    /// Becomes JSON text.
    Array,
    /// No type declared: whatever the XML has.
    Other,
}

impl FieldKind {
    /// Reads the `type` of a schema.
    pub fn parse(name: &str) -> Self {
        match name {
            "string" => Self::String,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "object" => Self::Object,
            "array" => Self::Array,
            _ => Self::Other,
        }
    }
}

/// A property of the row schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowField {
    /// Name of the element and of the property.
    pub name: String,
    /// Declared type.
    pub kind: FieldKind,
}

/// Finds the rows of an XML answer and gives `{list_key: [row, ...]}`, every row with all fields.
///
/// The payload is what is inside the root and, but for `rest-xml` and `ec2`, inside its `...Result`. If it
/// has any field of a row, it is the one row; else its first list, or what looks like one, has them.
/// An answer of another shape has no rows. Without fields rows come whole, and an answer without a
/// list is one row.
pub fn schema_driven_xml(
    xml: &str,
    protocol: Protocol,
    list_key: &str,
    row: &[RowField],
) -> Result<Value, TransformError> {
    let decoded = decode(xml, false).map_err(TransformError::xml)?;
    let rows = match payload(&decoded, protocol) {
        Some(payload) => find_rows(payload, row),
        None => Vec::new(),
    };
    let rows: Vec<Value> = match (rows.is_empty(), row.is_empty()) {
        // Nothing is known of the rows: they are what is there.
        (true, true) => payload(&decoded, protocol)
            .filter(|payload| !payload.is_empty())
            .map(|payload| {
                let attribute = |key: &str| key.starts_with("-xmlns");
                let kept = payload.iter().filter(|(key, _)| !attribute(key));
                Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
            })
            .into_iter()
            .collect(),
        (false, true) => rows.into_iter().cloned().map(Value::Object).collect(),
        _ => rows.into_iter().map(|found| project(found, row)).collect(),
    };
    Ok(Value::Object(Map::from_iter([(list_key.to_owned(), Value::Array(rows))])))
}

type Entries = Map<String, Value>;

fn payload(decoded: &Value, protocol: Protocol) -> Option<&Entries> {
    let root = decoded.as_object()?.values().next()?.as_object()?;
    if matches!(protocol, Protocol::Query | Protocol::Other) {
        let results = root.iter().filter(|(key, _)| key.ends_with("Result"));
        let first =
            results.filter_map(|(key, value)| Some((key, value.as_object()?))).min_by_key(|e| e.0);
        if let Some((_, result)) = first {
            return Some(result);
        }
    }
    Some(root)
}

fn find_rows<'v>(payload: &'v Entries, row: &[RowField]) -> Vec<&'v Entries> {
    if row.iter().any(|field| payload.contains_key(&field.name)) {
        return vec![payload];
    }
    let mut members: Vec<(&String, &Value)> = payload.iter().collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    let first = |shape: &dyn Fn(&Value) -> bool| {
        members.iter().find(|(_, member)| shape(member)).map(|(_, member)| *member)
    };
    // What is surely a list goes before what may be one.
    if let Some(list) = first(&Value::is_array) {
        return rows_of(list);
    }
    // `<User>` alone around the fields of a row is that row; the incumbent finds nothing there.
    let shares = |map: &Entries| row.iter().filter(|field| map.contains_key(&field.name)).count();
    let one = members.iter().filter_map(|(_, member)| member.as_object());
    if let Some(one) = one.filter(|map| shares(map) > 0).max_by_key(|map| shares(map)) {
        return vec![one];
    }
    let has_items = |member: &Value| member.as_object().is_some_and(|map| map.contains_key("item"));
    let holds_one = |member: &Value| member.as_object().and_then(only_container).is_some();
    first(&has_items).or_else(|| first(&holds_one)).map(rows_of).unwrap_or_default()
}

/// The list or map that is all that a map has.
fn only_container(map: &Entries) -> Option<&Value> {
    let mut values = map.values();
    match (values.next(), values.next()) {
        (Some(only), None) if only.is_array() || only.is_object() => Some(only),
        _ => None,
    }
}

fn rows_of(member: &Value) -> Vec<&Entries> {
    match member {
        Value::Array(items) => items.iter().filter_map(Value::as_object).collect(),
        Value::Object(map) => match map.get("item").or_else(|| only_container(map)) {
            Some(inner) => rows_of(inner),
            None => vec![map],
        },
        _ => Vec::new(),
    }
}

fn project(found: &Entries, row: &[RowField]) -> Value {
    let fields = row.iter().map(|field| {
        let value = found.get(&field.name).map_or(Value::Null, |raw| convert(raw, field.kind));
        (field.name.clone(), value)
    });
    Value::Object(fields.collect())
}

fn convert(raw: &Value, kind: FieldKind) -> Value {
    let text = raw.as_str();
    if text == Some("") && kind != FieldKind::String {
        return Value::Null;
    }
    let converted = match kind {
        FieldKind::Integer => text.and_then(|text| text.parse::<i64>().ok()).map(Value::from),
        FieldKind::Number => text.and_then(number),
        FieldKind::Boolean => text.and_then(parse_bool).map(Value::from),
        FieldKind::Object | FieldKind::Array => Some(json_text(raw)),
        FieldKind::String if text.is_none() => Some(json_text(raw)),
        FieldKind::String | FieldKind::Other => None,
    };
    converted.unwrap_or_else(|| raw.clone())
}

fn number(text: &str) -> Option<Value> {
    match text.parse::<i64>() {
        Ok(integer) => Some(Value::from(integer)),
        Err(_) => parse_float(text).map(Value::from),
    }
}

/// A part of the answer as text. Go prints `map[a:1]` where a string was declared, which nothing reads.
fn json_text(raw: &Value) -> Value {
    let mut out = String::new();
    write_json(&mut out, raw);
    Value::from(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(protocol: Protocol, row: &[(&str, FieldKind)], xml: &str) -> Value {
        let row: Vec<RowField> = row
            .iter()
            .map(|(name, kind)| RowField { name: (*name).to_owned(), kind: *kind })
            .collect();
        schema_driven_xml(xml, protocol, "line_items", &row).unwrap()["line_items"].clone()
    }

    #[test]
    fn a_lone_object_around_the_fields_is_the_row() {
        let fields = [("UserName", FieldKind::String), ("Tags", FieldKind::Array)];
        let xml = "<GetUserResponse><GetUserResult><User><UserName>ann</UserName>\
                   <Tags><member><Key>a</Key></member></Tags></User></GetUserResult>\
                   <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetUserResponse>";
        let found = rows(Protocol::Query, &fields, xml);
        assert_eq!(found, json!([{"UserName": "ann", "Tags": r#"{"member":{"Key":"a"}}"#}]));
    }

    #[test]
    fn a_marker_beside_a_list_is_no_row() {
        let fields = [("Name", FieldKind::String), ("Size", FieldKind::Integer)];
        let xml = "<ListResponse><ListResult><Things><member><Name>a</Name><Size>1</Size></member>\
                   <member><Name>b</Name></member></Things><Marker>m</Marker></ListResult></ListResponse>";
        let expected = json!([{"Name": "a", "Size": 1}, {"Name": "b", "Size": null}]);
        assert_eq!(rows(Protocol::Query, &fields, xml), expected);
        assert_eq!(rows(Protocol::parse(""), &fields, xml), expected);
    }

    #[test]
    fn an_ec2_list_has_items() {
        let fields = [
            ("volumeId", FieldKind::String),
            ("size", FieldKind::Integer),
            ("encrypted", FieldKind::Boolean),
            ("tagSet", FieldKind::Array),
        ];
        let one = "<item><volumeId>v1</volumeId><size>8</size><encrypted>true</encrypted><tagSet/></item>";
        let two =
            "<item><volumeId>123456789012</volumeId><tagSet><item><k>a</k></item></tagSet></item>";
        let wrap = |items: &str| {
            format!(
                "<DescribeVolumesResponse><requestId>r</requestId><volumeSet>{items}</volumeSet></DescribeVolumesResponse>"
            )
        };
        let first = json!({"volumeId": "v1", "size": 8, "encrypted": true, "tagSet": null});
        let second = json!({"volumeId": "123456789012", "size": null, "encrypted": null,
            "tagSet": r#"{"item":{"k":"a"}}"#});
        assert_eq!(
            rows(Protocol::Ec2, &fields, &wrap(&format!("{one}{two}"))),
            json!([first, second])
        );
        assert_eq!(rows(Protocol::Ec2, &fields, &wrap(one)), json!([first]));
        assert_eq!(rows(Protocol::Ec2, &fields, &wrap("")), json!([]));
    }

    #[test]
    fn a_query_answer_is_in_its_result() {
        let fields = [("Name", FieldKind::String)];
        let list = "<R><LResult><Next>n</Next><Stacks><member><Name>a</Name></member>\
                    <member><Name>b</Name></member></Stacks></LResult><ResponseMetadata/></R>";
        assert_eq!(rows(Protocol::Query, &fields, list), json!([{"Name": "a"}, {"Name": "b"}]));
        let empty = "<R><LResult><Stacks/></LResult><ResponseMetadata><RequestId>r</RequestId>\
                     </ResponseMetadata></R>";
        assert_eq!(rows(Protocol::Query, &fields, empty), json!([]));
    }

    #[test]
    fn a_field_of_the_row_at_the_top_makes_one_row() {
        let fields = [("HostedZone", FieldKind::Object), ("VPCs", FieldKind::Array)];
        let xml = "<R><HostedZone><Id>z</Id></HostedZone><VPCs><VPC><I>1</I></VPC></VPCs></R>";
        assert_eq!(
            rows(Protocol::RestXml, &fields, xml),
            json!([{"HostedZone": r#"{"Id":"z"}"#, "VPCs": r#"{"VPC":{"I":"1"}}"#}])
        );
    }

    #[test]
    fn an_answer_of_another_shape_has_no_rows() {
        let fields = [("a", FieldKind::Number)];
        for xml in ["<R/>", "<R>text</R>", "<R><b>1</b></R>"] {
            assert_eq!(rows(Protocol::RestXml, &fields, xml), json!([]), "{xml}");
        }
        assert_eq!(
            rows(Protocol::RestXml, &fields, "<R><l><x><a>1.5</a></x><x><a>abc</a></x></l></R>"),
            json!([{"a": 1.5}, {"a": "abc"}])
        );
    }
}
