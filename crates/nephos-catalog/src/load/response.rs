//! Responses: how a body is read and which columns come out.

use serde_json::Value;

use super::schema::schema;
use crate::document::{Document, text};
use crate::{Column, ColumnOrigin, Kind, Response, ResponseBody, RowPath, Schema, Step};

/// Column that stands for the answer where a method has nothing else to say.
const RESULT_COLUMN: &str = "result";
/// Column that says which element a row was found as.
const ELEMENT_COLUMN: &str = "Element";

/// Headers that S3 sends with an object, a part or a copy, under their names in AWS's API. S3
/// documents published before response headers were declared leave them out.
const S3_HEADERS: [(&str, &str); 15] = [
    ("ETag", "ETag"),
    ("x-amz-checksum-crc32", "ChecksumCRC32"),
    ("x-amz-checksum-crc32c", "ChecksumCRC32C"),
    ("x-amz-checksum-crc64nvme", "ChecksumCRC64NVME"),
    ("x-amz-checksum-sha1", "ChecksumSHA1"),
    ("x-amz-checksum-sha256", "ChecksumSHA256"),
    ("x-amz-checksum-type", "ChecksumType"),
    ("x-amz-expiration", "Expiration"),
    ("x-amz-server-side-encryption", "ServerSideEncryption"),
    ("x-amz-server-side-encryption-aws-kms-key-id", "SSEKMSKeyId"),
    ("x-amz-server-side-encryption-bucket-key-enabled", "BucketKeyEnabled"),
    ("x-amz-server-side-encryption-customer-algorithm", "SSECustomerAlgorithm"),
    ("x-amz-server-side-encryption-customer-key-MD5", "SSECustomerKeyMD5"),
    ("x-amz-version-id", "VersionId"),
    ("x-amz-request-charged", "RequestCharged"),
];

/// The answer that a method declares and the content it is read as.
struct Declared<'a> {
    answer: Option<&'a Value>,
    media: String,
    content: Option<&'a Value>,
}

fn declared<'a>(document: &'a Document, method: &'a Value, operation: &'a Value) -> Declared<'a> {
    let said = |key: &str| method.get("response").map(|r| text(r, key)).unwrap_or_default();
    let responses = operation.get("responses").and_then(Value::as_object);
    let wanted = said("openAPIDocKey");
    let found = responses.and_then(|all| {
        all.get_key_value(&wanted)
            .or_else(|| all.iter().find(|(status, _)| status.starts_with('2')))
    });
    let answer = found.and_then(|(_, answer)| document.resolve(answer));
    let contents = answer.and_then(|a| a.get("content")).and_then(Value::as_object);
    let media = said("mediaType");
    let chosen = contents.and_then(|all| all.get_key_value(&media).or_else(|| all.iter().next()));
    Declared {
        answer,
        media: chosen.map_or(media, |(media, _)| media.clone()),
        content: chosen.map(|(_, content)| content),
    }
}

/// The schema of the whole body that a method answers with.
pub(crate) fn body_schema(
    document: &Document,
    method: &Value,
    operation: &Value,
) -> Option<Schema> {
    let content = declared(document, method, operation).content?;
    content.get("schema").map(|value| schema(document, value))
}

/// What a method's `response` and its operation's `responses` say together. `reads` is true for
/// GET and HEAD.
pub(crate) fn response(
    document: &Document,
    method: &Value,
    operation: &Value,
    signing_name: &str,
    reads: bool,
) -> Response {
    let Declared { answer, media, content } = declared(document, method, operation);
    let shape = content.and_then(|c| c.get("schema")).map(|value| schema(document, value));
    let rows =
        RowPath::parse(&method.get("response").map(|r| text(r, "objectKey")).unwrap_or_default());

    let mut headers = header_columns(document, answer);
    let says_something = shape.as_ref().is_some_and(|shape| {
        !shape.properties.is_empty() || !matches!(shape.kind, Kind::Object | Kind::Any)
    });
    let body = match () {
        () if !says_something => ResponseBody::Empty,
        () if media.contains("json") && shape.as_ref().is_some_and(|s| s.kind != Kind::String) => {
            ResponseBody::Json
        }
        () if media.contains("xml") => ResponseBody::Xml,
        () => ResponseBody::Raw,
    };
    if headers.is_empty() && body == ResponseBody::Empty && signing_name == "s3" && !reads {
        headers = S3_HEADERS.iter().map(|(wire, name)| header_column(name, wire)).collect();
    }
    let mut columns = match (&shape, body) {
        (Some(shape), ResponseBody::Xml | ResponseBody::Json) => body_columns(shape, &rows),
        (Some(shape), ResponseBody::Raw) => vec![raw_column(document, content, shape)],
        _ => Vec::new(),
    };
    if body == ResponseBody::Empty && !reads && !headers.iter().any(|c| c.name == "ETag")
        || (columns.is_empty() && headers.is_empty())
    {
        columns.push(Column {
            name: RESULT_COLUMN.to_owned(),
            wire: String::new(),
            schema: Schema::of(Kind::String),
            description: "Says that the call succeeded; the service answers nothing else."
                .to_owned(),
            origin: ColumnOrigin::Body,
        });
    }
    for header in headers {
        if !columns.iter().any(|column| column.name == header.name) {
            columns.push(header);
        }
    }
    Response { body, rows, columns }
}

fn header_columns(document: &Document, answer: Option<&Value>) -> Vec<Column> {
    answer
        .and_then(|a| a.get("headers"))
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(wire, header)| Some((wire, document.resolve(header)?)))
        .map(|(wire, header)| {
            let alias = text(header, "x-stackQL-alias");
            let mut column = header_column(if alias.is_empty() { wire } else { &alias }, wire);
            if let Some(value) = header.get("schema") {
                column.schema = schema(document, value);
            }
            column.description = text(header, "description");
            column
        })
        .collect()
}

fn header_column(name: &str, wire: &str) -> Column {
    Column {
        name: name.to_owned(),
        wire: wire.to_owned(),
        schema: Schema::of(Kind::String),
        description: format!("Response header {wire}."),
        origin: ColumnOrigin::Header,
    }
}

fn raw_column(document: &Document, content: Option<&Value>, shape: &Schema) -> Column {
    let alias = content
        .and_then(|content| document.resolve(content.get("schema")?))
        .map(|value| text(value, "x-stackQL-alias"))
        .filter(|alias| !alias.is_empty());
    Column {
        name: alias.unwrap_or_else(|| "Body".to_owned()),
        wire: String::new(),
        schema: shape.clone(),
        description: shape.description.clone(),
        origin: ColumnOrigin::Body,
    }
}

fn body_columns(root: &Schema, rows: &RowPath) -> Vec<Column> {
    let mut columns = Vec::new();
    if rows.is_union() {
        columns.push(Column {
            name: ELEMENT_COLUMN.to_owned(),
            wire: String::new(),
            schema: Schema::of(Kind::String),
            description: "Which element of the answer the row is.".to_owned(),
            origin: ColumnOrigin::Element,
        });
    }
    let mut add = |name: &str, schema: &Schema, origin: ColumnOrigin| {
        if !columns.iter().any(|column| column.name == name) {
            columns.push(Column {
                name: name.to_owned(),
                wire: schema
                    .xml
                    .name
                    .clone()
                    .filter(|_| !is_list(schema))
                    .unwrap_or_else(|| name.to_owned()),
                schema: schema.clone(),
                description: schema.description.clone(),
                origin,
            });
        }
    };
    if rows.is_whole() {
        if root.properties.is_empty() {
            add("value", root, ColumnOrigin::Row);
        }
        for (name, property) in &root.properties {
            add(name, property, ColumnOrigin::Row);
        }
        return columns;
    }
    for steps in &rows.alternatives {
        let row = walk(root, steps);
        if row.properties.is_empty() {
            add("value", row, ColumnOrigin::Row);
        }
        for (name, property) in &row.properties {
            add(name, property, ColumnOrigin::Row);
        }
    }
    let on_path = |name: &str| {
        rows.alternatives.iter().any(|steps| {
            steps
                .iter()
                .find(|step| **step != Step::Any)
                .is_some_and(|step| matches!(step, Step::Name(n) | Step::Last(n) if n == name))
        })
    };
    for (name, property) in &root.properties {
        if !on_path(name) {
            add(name, property, ColumnOrigin::Envelope);
        }
    }
    columns
}

fn is_list(schema: &Schema) -> bool {
    schema.kind == Kind::Array
}

/// The schema of the rows that `steps` lead to. A step that a list's element does not have
/// (`member`, or the element's own name) stays where it is.
fn walk<'a>(root: &'a Schema, steps: &[Step]) -> &'a Schema {
    let mut at = root;
    for step in steps {
        let (Step::Name(name) | Step::Last(name)) = step else { continue };
        if let Some(next) = at.property(name) {
            at = next;
        }
        while let Some(items) = at.items.as_deref() {
            at = items;
        }
    }
    at
}
