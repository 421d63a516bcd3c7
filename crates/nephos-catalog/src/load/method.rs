//! Methods: an operation of the document, as a resource uses it.

use serde_json::Value;

use super::response::{body_schema, response};
use super::schema::schema;
use crate::document::{Document, flag, scalar, text};
use crate::name::fold;
use crate::{
    Body, BodyNaming, HttpVerb, Kind, Location, Method, Page, PageAlgorithm, Param, RowPath,
    Schema, Server, ServerVariable, TokenPair, TokenPlace,
};

/// Reads the method `name`; the error says why it cannot be used.
pub(crate) fn method(
    document: &Document,
    signing_name: &str,
    name: &str,
    value: &Value,
) -> Result<Method, String> {
    let reference = value
        .pointer("/operation/$ref")
        .and_then(Value::as_str)
        .ok_or_else(|| "it has no operation.$ref".to_owned())?;
    let (path, verb, item, operation) = document
        .operation(reference)
        .ok_or_else(|| format!("operation {reference} is not in the document"))?;
    let http = HttpVerb::parse(verb).ok_or_else(|| format!("{verb} is not an HTTP method"))?;
    let servers = servers(document, value, item, operation);
    let mut params = params(document, item, operation);
    // A constant of the path key is never asked of the user.
    let constants = path.split_once('?').map(|(_, query)| query.split('#').next().unwrap_or(query));
    let is_constant = |name: &str| {
        constants
            .is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some(name)))
    };
    for param in &mut params {
        if param.location == Location::Query && is_constant(&param.name) {
            param.required = false;
        }
    }
    let reads = matches!(http, HttpVerb::Get | HttpVerb::Head);
    let page = page(document, value)
        .or_else(|| inferred_page(&params, &body_schema(document, value, operation)?));
    Ok(Method {
        name: name.to_owned(),
        operation: text(operation, "operationId"),
        description: text(operation, "description"),
        http,
        servers,
        path: path.split('#').next().unwrap_or(&path).to_owned(),
        params,
        body: body(document, value, operation),
        response: response(document, value, operation, signing_name, reads),
        page,
        signing_name: operation
            .get("x-nephos-signing-name")
            .and_then(Value::as_str)
            .map(str::to_owned),
        idempotent: reads
            || matches!(http, HttpVerb::Options)
            || flag(operation, "x-nephos-idempotent"),
        checksum_required: flag(operation, "x-nephos-checksum-required"),
    })
}

/// Servers by precedence: operation, path item, method, service.
fn servers(document: &Document, method: &Value, item: &Value, operation: &Value) -> Vec<Server> {
    [operation, item, method, document.root()]
        .into_iter()
        .filter_map(|place| place.get("servers").and_then(Value::as_array))
        .find(|list| !list.is_empty())
        .into_iter()
        .flatten()
        .map(server)
        .collect()
}

fn server(value: &Value) -> Server {
    let url = text(value, "url").trim_end_matches('/').to_owned();
    let variables = value
        .get("variables")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, variable)| ServerVariable {
            name: name.clone(),
            default: variable.get("default").and_then(scalar).filter(|d| !d.is_empty()),
            description: text(variable, "description"),
            used: url.contains(&format!("{{{name}}}")),
        })
        .collect();
    Server { url, variables }
}

fn params(document: &Document, item: &Value, operation: &Value) -> Vec<Param> {
    let mut params: Vec<Param> = Vec::new();
    for place in [operation, item] {
        let list = place.get("parameters").and_then(Value::as_array);
        for value in list.into_iter().flatten().filter_map(|p| document.resolve(p)) {
            if let Some(found) = param(document, value)
                && !params.iter().any(|p| p.name == found.name)
            {
                params.push(found);
            }
        }
    }
    params
}

fn param(document: &Document, value: &Value) -> Option<Param> {
    let location = match value.get("in").and_then(Value::as_str)? {
        "path" => Location::Path,
        "query" => Location::Query,
        "header" => Location::Header,
        _ => return None,
    };
    let shape = value.get("schema").and_then(|s| document.resolve(s));
    let described = text(value, "description");
    Some(Param {
        name: text(value, "name"),
        location,
        required: flag(value, "required") && !flag(value, "allowEmptyValue"),
        kind: shape.map_or(Kind::Any, |s| schema(document, s).kind),
        description: match (described.is_empty(), shape) {
            (true, Some(shape)) => text(shape, "description"),
            _ => described,
        },
        default: (location == Location::Header)
            .then(|| shape?.get("default").and_then(scalar))
            .flatten(),
        minimum: shape.and_then(|s| s.get("minimum")).and_then(Value::as_i64),
        maximum: shape.and_then(|s| s.get("maximum")).and_then(Value::as_i64),
        values: shape
            .and_then(|s| s.get("enum"))
            .and_then(Value::as_array)
            .map(|all| all.iter().filter_map(scalar).collect())
            .unwrap_or_default(),
        secret: shape.is_some_and(|s| text(s, "format") == "password"),
    })
}

fn body(document: &Document, method: &Value, operation: &Value) -> Option<Body> {
    let declared = document.resolve(operation.get("requestBody")?)?;
    let content = declared.get("content").and_then(Value::as_object)?;
    let wanted = method.get("request").map(|r| text(r, "mediaType")).unwrap_or_default();
    let (media_type, chosen) = content.get_key_value(&wanted).or_else(|| content.iter().next())?;
    let schema =
        chosen.get("schema").map_or_else(|| Schema::of(Kind::Any), |s| schema(document, s));
    let algorithm = method
        .pointer("/config/requestBodyTranslate/algorithm")
        .and_then(Value::as_str)
        .unwrap_or_default();
    // Documents made before binary bodies existed wrap the bytes in a lone text field.
    let lone_blob = schema.properties.len() == 1 && schema.property("Body").is_some();
    let raw = matches!(schema.kind, Kind::Binary | Kind::String) || lone_blob;
    Some(Body {
        media_type: if lone_blob {
            "application/octet-stream".to_owned()
        } else {
            media_type.clone()
        },
        required: flag(declared, "required"),
        schema: if raw { Schema::of(Kind::Binary) } else { schema },
        naming: if algorithm.starts_with("naive") {
            BodyNaming::Naive
        } else {
            BodyNaming::Prefixed
        },
        raw,
    })
}

fn page(document: &Document, method: &Value) -> Option<Page> {
    let config = method
        .pointer("/config/pagination")
        .or_else(|| document.root().pointer("/x-stackQL-config/pagination"))?;
    let mut tokens = vec![token(config.get("requestToken")?, config.get("responseToken")?)?];
    for pair in config.get("additionalTokens").and_then(Value::as_array).into_iter().flatten() {
        tokens.push(token(pair.get("request")?, pair.get("response")?)?);
    }
    let size = config.get("pageSize");
    Some(Page {
        tokens,
        more: config.get("responseHasMore").map(|more| RowPath::parse(&text(more, "key"))),
        size: size.map(|s| text(s, "key")),
        algorithm: match config.get("algorithm").and_then(Value::as_str) {
            Some("integer_marker") => PageAlgorithm::IntegerMarker,
            _ => PageAlgorithm::Cursor,
        },
    })
}

/// How a list continues where the document does not say: an answer with `IsTruncated` and `NextX`
/// takes a query parameter `x`, as all lists of S3 do. Without this the first thousand rows of an
/// older document would pass for all.
fn inferred_page(params: &[Param], answer: &Schema) -> Option<Page> {
    answer.property("IsTruncated")?;
    let query = |wanted: &str| {
        params
            .iter()
            .find(|param| param.location == Location::Query && fold(&param.name) == fold(wanted))
    };
    let mut integer = true;
    let mut tokens = Vec::new();
    for (name, property) in &answer.properties {
        let Some(param) = name.strip_prefix("Next").and_then(query) else { continue };
        integer &= property.kind == Kind::Integer;
        // S3 leaves NextMarker out where the last key says the same.
        let last = if param.name == "marker" { " | /*/Contents[last()]/Key" } else { "" };
        tokens.push(TokenPair {
            request: param.name.clone(),
            place: TokenPlace::Query,
            maximum: None,
            response: RowPath::parse(&format!("/*/{name}{last}")),
        });
    }
    // A marker of a key comes before the marker of what has that key.
    tokens.sort_by_key(|token| token.request != "key-marker");
    let single = tokens.len() == 1;
    (!tokens.is_empty()).then(|| Page {
        tokens,
        more: Some(RowPath::parse("/*/IsTruncated")),
        size: params.iter().find(|p| p.name.starts_with("max-")).map(|p| p.name.clone()),
        algorithm: if integer && single {
            PageAlgorithm::IntegerMarker
        } else {
            PageAlgorithm::Cursor
        },
    })
}

fn token(request: &Value, response: &Value) -> Option<TokenPair> {
    let place = match text(request, "location").as_str() {
        "query" => TokenPlace::Query,
        "header" => TokenPlace::Header,
        _ => return None,
    };
    Some(TokenPair {
        request: text(request, "key"),
        place,
        maximum: request.get("maximum").and_then(Value::as_u64),
        response: RowPath::parse(&text(response, "key")),
    })
}
