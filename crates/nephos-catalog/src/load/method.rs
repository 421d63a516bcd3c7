//! Methods: an operation of the document, as a resource uses it.

use serde_json::Value;

use super::page::Listing;
use super::request::body;
use super::response::{body_schema, response};
use super::schema::{kind_of, members, shallow};
use super::surroundings::Surroundings;
use crate::document::{Document, flag, scalar, text};
use crate::{
    GraphQl, HttpVerb, Kind, Location, Method, Param, ParamStyle, QueryPlace, ResponseBody, Retry,
    RowPath, Server, ServerVariable, Translation,
};

/// Reads the method `name` of a resource; the error says why it cannot be used.
pub(crate) fn method(
    around: &Surroundings<'_>,
    resource: &Value,
    name: &str,
    value: &Value,
) -> Result<Method, String> {
    let document = around.document;
    let reference = value
        .pointer("/operation/$ref")
        .and_then(Value::as_str)
        .ok_or_else(|| "it has no operation.$ref".to_owned())?;
    let (path, verb, item, operation) = document
        .operation(reference)
        .ok_or_else(|| format!("operation {reference} is not in the document"))?;
    let http = HttpVerb::parse(verb).ok_or_else(|| format!("{verb} is not an HTTP method"))?;
    let graphql = operation.get("x-stackQL-graphQL").map(graphql).transpose()?;
    let path = path.split('#').next().unwrap_or(&path).to_owned();
    let mut params = params(document, item, operation);
    // A constant of the path key that can have no other value is never asked of the user.
    let constants = path.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let is_constant = |param: &Param| {
        constants.split('&').any(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let only = value.is_empty() || param.values.iter().all(|known| known == value);
            name == param.name && only && (value.is_empty() || !param.values.is_empty())
        })
    };
    for param in &mut params {
        if param.location == Location::Query && is_constant(param) {
            param.required = false;
        }
        // A path cannot be written without its parts, whatever a document says of them.
        if param.location == Location::Path && path.contains(&format!("{{{}}}", param.name)) {
            param.required = true;
        }
    }
    if graphql.is_none() {
        params.extend(undeclared(&path, &params));
    }
    let body = body(around, value, operation);
    let form = around.algorithm(resource, value, "requestTranslate");
    let translation = Translation {
        query: if form == "get_query_to_post_form_utf_8" && body.is_none() {
            QueryPlace::Form
        } else {
            QueryPlace::Url
        },
        drop_double_underscore: form == "drop_double_underscore_params",
        flatten_query: around.algorithm(resource, value, "queryParamTranspose") == "AWSCanonical",
        plain_paths: !around.signs_region,
        // AWS is sent none, as its own tools do.
        accept: (around.provider != "aws")
            .then(|| value.pointer("/response/mediaType").and_then(scalar))
            .flatten(),
        graphql,
    };
    let gets =
        matches!(http, HttpVerb::Get | HttpVerb::Head) && translation.query == QueryPlace::Url;
    let mut response = response(around, value, operation, gets);
    if let Some(graphql) = operation.get("x-stackQL-graphQL") {
        let selection = graphql.pointer("/responseSelection/jsonPath").and_then(Value::as_str);
        response.rows = RowPath::parse(selection.unwrap_or_default());
        response.body = ResponseBody::Json;
    }
    let transformed = response.transform.is_some();
    let declared_media = value.pointer("/response/mediaType").and_then(Value::as_str).unwrap_or("");
    let answer = body_schema(document, value, operation);
    let listing = Listing {
        around,
        resource,
        method: value,
        params: &params,
        body: body.as_ref(),
        answer,
        list: !response.rows.is_whole()
            || answer.is_some_and(|answer| kind_of(document, answer) == Kind::Array),
        xml: response.body == ResponseBody::Xml,
        xml_transformed: transformed && declared_media.contains("xml"),
    };
    let page = listing.page();
    let has_body = body.is_some();
    Ok(Method {
        name: name.to_owned(),
        operation: text(operation, "operationId"),
        description: match text(operation, "description") {
            empty if empty.is_empty() => text(operation, "summary"),
            description => description,
        },
        http,
        servers: servers(around, value, item, operation, has_body),
        path,
        params,
        body,
        translation,
        response,
        page,
        retry: around.config(resource, value, "retry").map(retry),
        signing_name: operation
            .get("x-nephos-signing-name")
            .or_else(|| value.get("serviceName"))
            .and_then(Value::as_str)
            .map(str::to_owned),
        reads: gets,
        idempotent: gets
            || matches!(http, HttpVerb::Options)
            || flag(operation, "x-nephos-idempotent"),
        checksum_required: flag(operation, "x-nephos-checksum-required"),
    })
}

/// Variables of the path that no parameter declares: the call needs them all the same.
fn undeclared(path: &str, params: &[Param]) -> Vec<Param> {
    let path = path.split('?').next().unwrap_or(path);
    let mut found: Vec<Param> = Vec::new();
    for piece in path.split('{').skip(1) {
        let Some((name, _)) = piece.split_once('}') else { continue };
        let name = name.trim_start_matches('+');
        let known = params.iter().any(|p| p.location == Location::Path && p.name == name);
        if !known && !name.is_empty() && !found.iter().any(|p| p.name == name) {
            found.push(Param {
                name: name.to_owned(),
                location: Location::Path,
                required: true,
                kind: Kind::String,
                description: String::new(),
                default: None,
                style: ParamStyle::Repeated,
                minimum: None,
                maximum: None,
                values: Vec::new(),
                secret: false,
            });
        }
    }
    found
}

fn graphql(value: &Value) -> Result<GraphQl, String> {
    let query = text(value, "query");
    if query.is_empty() {
        return Err("its x-stackQL-graphQL has no query".to_owned());
    }
    let cursor = value.get("cursor").unwrap_or(&Value::Null);
    let verb = text(value, "httpVerb");
    Ok(GraphQl {
        query,
        url: value.get("url").and_then(scalar).filter(|url| !url.is_empty()),
        http: HttpVerb::parse(&verb).unwrap_or(HttpVerb::Post),
        cursor: cursor.get("jsonPath").and_then(Value::as_str).map(RowPath::parse),
        cursor_format: match cursor.get("format").and_then(Value::as_str) {
            Some(format) => format.to_owned(),
            None if matches!(text(cursor, "strategy").as_str(), "page_info" | "cursor_after") => {
                ", after: \"%s\"".to_owned()
            }
            None => String::new(),
        },
        page_size: cursor.get("pageSize").and_then(Value::as_u64),
    })
}

/// `retry` of a document.
fn retry(value: &Value) -> Retry {
    let number = |key: &str| value.get(key).and_then(Value::as_u64);
    let list = |value: Option<&Value>| -> Option<Vec<String>> {
        Some(value?.as_array()?.iter().filter_map(scalar).collect())
    };
    let statuses = list(value.pointer("/retryable_conditions/status_codes"));
    Retry {
        max_attempts: number("max_attempts").and_then(|most| u32::try_from(most).ok()),
        initial_delay_ms: number("initial_delay_ms"),
        max_delay_ms: number("max_delay_ms"),
        multiplier: value.get("multiplier").and_then(Value::as_f64),
        jitter_fraction: value.get("jitter_fraction").and_then(Value::as_f64),
        retryable_methods: list(value.get("retryable_methods")).unwrap_or_default(),
        status_codes: statuses
            .map(|all| all.iter().filter_map(|status| status.parse().ok()).collect()),
    }
}

/// Servers by precedence: operation, path item, method, service.
fn servers(
    around: &Surroundings<'_>,
    method: &Value,
    item: &Value,
    operation: &Value,
    has_body: bool,
) -> Vec<Server> {
    [operation, item, method, around.document.root()]
        .into_iter()
        .filter_map(|place| place.get("servers").and_then(Value::as_array))
        .find(|list| !list.is_empty())
        .into_iter()
        .flatten()
        .map(|value| server(around, value, has_body))
        .collect()
}

fn server(around: &Surroundings<'_>, value: &Value, has_body: bool) -> Server {
    let url = without_patterns(text(value, "url").trim_end_matches('/'));
    let variables = value
        .get("variables")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, variable)| {
            let default = variable.get("default").and_then(scalar).filter(|d| !d.is_empty());
            let environment = variable.get("x-stackQL-envVar").and_then(scalar);
            let used = url.contains(&format!("{{{name}}}"));
            // Rows of a region that nobody named would pass for all there are; the default of a
            // bucket is somebody else's.
            let needed = default.is_none() || has_body || around.signs_region;
            ServerVariable {
                required: used && needed && environment.is_none(),
                name: name.clone(),
                default,
                description: text(variable, "description"),
                used,
                environment,
            }
        })
        .collect();
    Server { url, variables }
}

/// `{name:pattern}` to `{name}`.
fn without_patterns(url: &str) -> String {
    let mut out = String::new();
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((variable, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push('{');
        out.push_str(variable.split(':').next().unwrap_or(variable));
        out.push('}');
        rest = behind;
    }
    out + rest
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
    let kind = shape.map_or(Kind::Any, |s| shallow(document, s, 0).kind);
    Some(Param {
        name: text(value, "name"),
        location,
        required: flag(value, "required") && !flag(value, "allowEmptyValue"),
        kind,
        description: match (described.is_empty(), shape) {
            (true, Some(shape)) => text(shape, "description"),
            _ => described,
        },
        default: (location == Location::Header)
            .then(|| shape?.get("default").and_then(scalar))
            .flatten(),
        style: match value.get("explode").and_then(Value::as_bool) {
            _ if kind == Kind::Object
                && shape.is_some_and(|shape| members(document, shape).is_empty()) =>
            {
                ParamStyle::Map
            }
            Some(false) => ParamStyle::Commas,
            _ => ParamStyle::Repeated,
        },
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
