//! Responses: how a body is read and which columns come out.

use serde_json::Value;

use super::casing::snake_case;
use super::schema::{element, kind_of, member, members, schema, shallow};
use super::surroundings::Surroundings;
use crate::document::{Document, text};
use crate::{Column, ColumnOrigin, Kind, Response, ResponseBody, RowPath, Schema, Step, Transform};

/// Column that stands for the answer where a method has nothing else to say.
const RESULT_COLUMN: &str = "result";
/// Column of rows that are plain values.
const ANONYMOUS_COLUMN: &str = "column_anon";
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
    schema: Option<&'a Value>,
}

fn declared<'a>(document: &'a Document, method: &'a Value, operation: &'a Value) -> Declared<'a> {
    let said = |key: &str| method.get("response").map(|r| text(r, key)).unwrap_or_default();
    let responses = operation.get("responses").and_then(Value::as_object);
    let wanted = said("openAPIDocKey");
    let found = responses.and_then(|all| all.get(&wanted).or_else(|| successful(all)));
    let answer = found.and_then(|answer| document.resolve(answer));
    let contents = answer.and_then(|a| a.get("content")).and_then(Value::as_object);
    let media = said("mediaType");
    let chosen = contents.and_then(|all| {
        all.get_key_value(&media)
            .or_else(|| PREFERRED.iter().find_map(|media| all.get_key_value(*media)))
            .or_else(|| all.iter().next())
    });
    let declared = chosen.and_then(|(_, content)| content.get("schema"));
    // The schema of what a transform makes stands beside it.
    let overridden = method.pointer("/response/schema_override");
    Declared {
        answer,
        media: match chosen {
            Some((chosen, _)) if media.is_empty() => chosen.clone(),
            _ => media,
        },
        content: chosen.map(|(_, content)| content),
        schema: overridden.or(declared),
    }
}

/// Media types in the order in which one is taken where a method names none.
const PREFERRED: [&str; 3] = ["application/json", "application/xml", "application/octet-stream"];

/// The successful answer of the lowest status, else the one for every status.
fn successful(responses: &serde_json::Map<String, Value>) -> Option<&Value> {
    responses
        .iter()
        .filter(|(status, _)| status.starts_with('2'))
        .min_by_key(|(status, _)| (*status).clone())
        .map(|(_, answer)| answer)
        .or_else(|| responses.get("default"))
}

/// The schema of the whole body that a method answers with, as far as a look for page tokens needs.
pub(crate) fn body_schema<'a>(
    document: &'a Document,
    method: &'a Value,
    operation: &'a Value,
) -> Option<&'a Value> {
    declared(document, method, operation).schema
}

/// What a method's `response` and its operation's `responses` say together. `reads` is true for
/// GET and HEAD.
pub(crate) fn response(
    around: &Surroundings<'_>,
    method: &Value,
    operation: &Value,
    reads: bool,
) -> Response {
    let document = around.document;
    let Declared { answer, media, content, schema: declared } =
        declared(document, method, operation);
    let transform = transform(around, method);
    let made = method.get("response").map(|r| text(r, "overrideMediaType")).unwrap_or_default();
    let media = if transform.is_some() && !made.is_empty() { made } else { media };
    let kind = declared.map(|value| kind_of(document, value));
    let headers = header_columns(document, answer);
    if transform.is_some() || is_json(&media) && kind.is_some() {
        return json_response(around, method, declared, transform, headers);
    }

    let shape = declared.map(|value| schema(document, value));
    let rows = object_key(method);
    let mut headers = headers;
    let says_something = shape.as_ref().is_some_and(|shape| {
        !shape.properties.is_empty() || !matches!(shape.kind, Kind::Object | Kind::Any)
    });
    let body = match () {
        () if !says_something => ResponseBody::Empty,
        () if media.contains("xml") => ResponseBody::Xml,
        () => ResponseBody::Raw,
    };
    if headers.is_empty()
        && body == ResponseBody::Empty
        && around.signing_name == "s3"
        && around.protocol.is_empty()
        && !reads
    {
        headers = S3_HEADERS.iter().map(|(wire, name)| header_column(name, wire)).collect();
    }
    let mut columns = match (&shape, body) {
        (Some(shape), ResponseBody::Xml) => body_columns(shape, &rows),
        (Some(shape), ResponseBody::Raw) => vec![raw_column(document, content, shape)],
        _ => Vec::new(),
    };
    if body == ResponseBody::Empty && !reads && !headers.iter().any(|c| c.name == "ETag")
        || (columns.is_empty() && headers.is_empty())
    {
        columns.push(result_column());
    }
    add_headers(&mut columns, headers);
    Response { body, transform: None, rows, columns }
}

/// JSON, or what a transform makes, which is read as JSON.
fn json_response(
    around: &Surroundings<'_>,
    method: &Value,
    declared: Option<&Value>,
    transform: Option<Transform>,
    headers: Vec<Column>,
) -> Response {
    let document = around.document;
    let mut rows = object_key(method);
    if rows.is_whole()
        && declared
            .and_then(|shape| member(document, shape, "items"))
            .is_some_and(|items| kind_of(document, items) == Kind::Array)
    {
        // An answer with a list called `items` is that list.
        rows = RowPath::parse("$.items");
    }
    let row = declared.and_then(|shape| row_schema(document, shape, &rows));
    let mut columns: Vec<Column> = Vec::new();
    for (name, value) in row.map(|row| members(document, row)).unwrap_or_default() {
        // A column needs a name that can be written.
        let wire = if name.is_empty() { "_" } else { name };
        let snake = if around.snake_case { snake_case(wire) } else { wire.to_owned() };
        let taken = columns.iter().any(|column| column.name == snake);
        let schema = shallow(document, value, 0);
        columns.push(Column {
            name: if taken { wire.to_owned() } else { snake },
            wire: name.to_owned(),
            description: schema.description.clone(),
            schema,
            origin: ColumnOrigin::Row,
        });
    }
    // Some documents say of a row only that it is a list of such rows.
    let says_nothing = transform.as_ref().is_some_and(|t| t.source.is_empty())
        && matches!(columns.as_slice(), [only] if rows.is_member(&only.wire));
    if says_nothing {
        columns.clear();
    }
    if columns.is_empty() {
        let schema = row
            .filter(|_| !says_nothing)
            .map_or_else(|| Schema::of(Kind::Any), |row| shallow(document, row, 0));
        columns.push(Column {
            name: ANONYMOUS_COLUMN.to_owned(),
            wire: ANONYMOUS_COLUMN.to_owned(),
            description: schema.description.clone(),
            schema,
            origin: ColumnOrigin::Row,
        });
    }
    // Rows of JSON are what the document says they are; only headers that it names join them.
    add_headers(&mut columns, headers.into_iter().filter(|c| c.name != c.wire).collect());
    Response { body: ResponseBody::Json, transform, rows, columns }
}

/// The schema of one row: what the path leads to, and of a list its element. `None` where the path
/// does not lead through the schema: the rows are read all the same.
fn row_schema<'a>(document: &'a Document, shape: &'a Value, rows: &RowPath) -> Option<&'a Value> {
    let mut at = shape;
    for step in rows.alternatives.first().map(Vec::as_slice).unwrap_or_default() {
        at = match step {
            Step::Name(name) | Step::Last(name) => match member(document, at, name) {
                Some(found) => found,
                // What stands in free names, or in each element of a list.
                None => member(document, element(document, at)?, name)?,
            },
            Step::Any => {
                let resolved = document.resolve(at)?;
                element(document, at).or_else(|| resolved.get("additionalProperties"))?
            }
        };
    }
    let list = kind_of(document, at) == Kind::Array;
    if list { element(document, at) } else { Some(at) }
}

/// `transform` of a response. It counts where `overrideMediaType` says what it makes, and in GraphQL.
fn transform(around: &Surroundings<'_>, method: &Value) -> Option<Transform> {
    let response = method.get("response")?;
    let declared = response.get("transform")?;
    if text(response, "overrideMediaType").is_empty() {
        return None;
    }
    Some(Transform {
        kind: text(declared, "type"),
        source: declared.get("body").and_then(Value::as_str).unwrap_or_default().to_owned(),
        protocol: around.protocol.clone(),
    })
}

fn object_key(method: &Value) -> RowPath {
    RowPath::parse(&method.get("response").map(|r| text(r, "objectKey")).unwrap_or_default())
}

fn is_json(media: &str) -> bool {
    media.contains("json")
}

fn result_column() -> Column {
    Column {
        name: RESULT_COLUMN.to_owned(),
        wire: String::new(),
        schema: Schema::of(Kind::String),
        description: "Says that the call succeeded; the service answers nothing else.".to_owned(),
        origin: ColumnOrigin::Body,
    }
}

fn add_headers(columns: &mut Vec<Column>, headers: Vec<Column>) {
    for header in headers {
        if !columns.iter().any(|column| column.name == header.name) {
            columns.push(header);
        }
    }
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
