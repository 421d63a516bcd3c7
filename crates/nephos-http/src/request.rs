//! A call to an unsigned request.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use nephos_catalog::{GraphQl, Kind, Location, Param, ParamStyle, QueryPlace};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use url::Url;

use crate::encode::{plain, write_pairs};
use crate::fields::structured;
use crate::transform::filled;
use crate::{
    Argument, ArgumentForm, Call, CallError, CallErrorKind, Endpoint, Environment, PayloadSource,
};

/// RFC 3986's unreserved characters stay as they are; AWS signs everything else encoded.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// In a path parameter the slash stays: a key is a path.
const PATH: &AsciiSet = &SEGMENT.remove(b'/');
/// What else a path may hold as it is (RFC 3986, `pchar`).
const PLAIN_PATH: &AsciiSet = &PATH
    .remove(b':')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// `Content-Type` of a query that is sent as a form.
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Percent-encodes a path segment.
pub(crate) fn encode_segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// What the request of a later page has that the first has not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Continuation {
    /// Query parameters; they replace arguments of the same name.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    /// Path parameters.
    pub(crate) path: Vec<(String, String)>,
    /// Members of the JSON body, each as JSON.
    pub(crate) body: Vec<(String, String)>,
    /// The whole URL.
    pub(crate) url: Option<String>,
    /// Cursor of a GraphQL query.
    pub(crate) cursor: Option<String>,
}

/// A request and its body.
pub(crate) struct Built {
    pub(crate) request: Request<()>,
    pub(crate) payload: PayloadSource,
}

/// Builds method, URL, headers and body of one page.
pub(crate) fn build(
    call: &Call,
    endpoint: &Endpoint,
    environment: &Environment,
    next: &Continuation,
) -> Result<Built, CallError> {
    let method = &call.method;
    let base = || endpoint.base(call, |name| value_of(call, environment, name));
    let mut form = None;
    let url = match (&next.url, &method.translation.graphql) {
        (Some(url), _) => url.clone(),
        (None, Some(GraphQl { url: Some(url), .. })) => endpoint.instead_of(call, url),
        (None, Some(_)) => {
            let constants = method.path.split_once('?').map(|(_, query)| query);
            let path = method.path.split('?').next().unwrap_or_default();
            let query = constants.map(|query| format!("?{query}")).unwrap_or_default();
            format!("{}{path}{query}", base()?)
        }
        (None, None) => {
            let path = path(call, next)?;
            let query = query(call, next);
            if method.translation.query == QueryPlace::Form {
                form = Some(query);
                format!("{}{path}", base()?)
            } else if query.is_empty() {
                format!("{}{path}", base()?)
            } else {
                format!("{}{path}?{query}", base()?)
            }
        }
    };
    let mut request =
        Request::builder().method(method.sends().as_str()).uri(&url).body(()).map_err(|error| {
            CallError::new(CallErrorKind::Argument, format!("{url} is not a usable URL"))
                .source(error)
        })?;
    put_headers(call, next, form.is_some(), &mut request)?;
    let payload = match (form, &method.translation.graphql) {
        (Some(form), _) => PayloadSource::Bytes(Bytes::from(form)),
        (None, Some(graphql)) => {
            PayloadSource::Bytes(graphql_body(call, graphql, next.cursor.as_deref())?)
        }
        (None, None) if next.body.is_empty() => call.payload.clone(),
        (None, None) => {
            // The token may be all that is in the body.
            let media = method.body.as_ref().map_or("application/json", |body| &body.media_type);
            let media = HeaderValue::from_str(media).ok();
            if let Some(media) = media.filter(|_| call.content_type.is_none()) {
                request.headers_mut().entry(header::CONTENT_TYPE).or_insert(media);
            }
            with_members(&call.payload, &next.body)?
        }
    };
    Ok(Built { request, payload })
}

/// The value of a server variable that is given: by the statement, else by the environment.
fn value_of(call: &Call, environment: &Environment, name: &str) -> Option<String> {
    call.arg(name).map(str::to_owned).or_else(|| {
        let servers = call.method.servers.iter();
        let variable = servers.flat_map(|server| &server.variables).find(|v| v.name == name)?;
        environment(variable.environment.as_deref()?).filter(|value| !value.is_empty())
    })
}

fn put_headers(
    call: &Call,
    next: &Continuation,
    form: bool,
    request: &mut Request<()>,
) -> Result<(), CallError> {
    let headers = request.headers_mut();
    let mut put = |name: &str, value: &str| -> Result<(), CallError> {
        let fault = |what: &str| {
            CallError::new(CallErrorKind::Argument, format!("{name} is not a usable header {what}"))
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault("name"))?;
        // Bytes above ASCII are sent as UTF-8; control characters are refused.
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| fault("value"))?;
        headers.insert(header, value);
        Ok(())
    };
    if let Some(accept) = &call.method.translation.accept {
        put(header::ACCEPT.as_str(), accept)?;
    }
    if form {
        put(header::CONTENT_TYPE.as_str(), FORM)?;
    } else if call.method.translation.graphql.is_some() {
        put(header::CONTENT_TYPE.as_str(), "application/json")?;
    } else if let Some(media_type) = &call.content_type {
        put(header::CONTENT_TYPE.as_str(), media_type)?;
    }
    if let Some(digest) = &call.content_md5 {
        put("content-md5", digest)?;
    }
    for param in call.method.params.iter().filter(|p| p.location == Location::Header) {
        match (param.family(), call.arg(&param.name), &param.default) {
            (Some(prefix), ..) => {
                for (name, value) in call.args.iter().filter(|(name, _)| name.starts_with(prefix)) {
                    put(name, &value.text)?;
                }
            }
            (None, Some(value), _) => put(&param.name, value)?,
            // Documents rely on header defaults (X-Amz-Target): they are always sent.
            (None, None, Some(default)) => put(&param.name, default)?,
            (None, None, None) => {}
        }
    }
    for (name, value) in &next.headers {
        put(name, value)?;
    }
    Ok(())
}

fn path(call: &Call, next: &Continuation) -> Result<String, CallError> {
    let template = call.method.path.split('?').next().unwrap_or_default();
    let allowed = if call.method.translation.plain_paths { PLAIN_PATH } else { PATH };
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        let name = name.trim_start_matches('+');
        let later = next.path.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let Some(value) = later.or_else(|| call.arg(name)) else {
            return Err(CallError::new(
                CallErrorKind::Argument,
                format!("{} needs {name} for its path {template}", call.target),
            ));
        };
        path.push_str(before);
        path.extend(utf8_percent_encode(value, allowed));
        rest = behind;
    }
    path.push_str(rest);
    // URL parsers fold these segments away, and with them the key that was meant.
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(CallError::new(
            CallErrorKind::Argument,
            "a path parameter with a segment . or .. cannot be sent in a URL",
        ));
    }
    Ok(path)
}

/// The query: the path's constants, then parameters by name.
fn query(call: &Call, next: &Continuation) -> String {
    let translation = &call.method.translation;
    let mut query: Vec<(String, String)> = Vec::new();
    for (name, value) in &call.args {
        let Some(param) = call.method.param(name) else { continue };
        if param.location == Location::Query && !next.query.iter().any(|(other, _)| other == name) {
            spread(call, param, value, &mut query);
        }
    }
    query.extend(next.query.iter().cloned());
    query.sort_by(|a, b| a.0.cmp(&b.0));
    if translation.drop_double_underscore {
        query.retain(|(name, _)| !name.starts_with("__"));
    }
    let given = |name: &str| query.iter().any(|(other, _)| other == name);
    let constants = call.method.path.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let mut parts: Vec<String> = constants
        .split('&')
        .filter(|constant| !constant.is_empty())
        .filter(|constant| !given(constant.split('=').next().unwrap_or(constant)))
        .filter(|constant| !(translation.drop_double_underscore && constant.starts_with("__")))
        .map(str::to_owned)
        .collect();
    if translation.query == QueryPlace::Form {
        parts.extend((!query.is_empty()).then(|| write_pairs(&query)));
        return parts.join("&");
    }
    parts.extend(
        query
            .iter()
            .map(|(name, value)| format!("{}={}", encode_segment(name), encode_segment(value))),
    );
    parts.join("&")
}

/// A parameter as it stands in the query: a list repeats its name or is joined by commas, and AWS's
/// query protocol flattens structures.
fn spread(call: &Call, param: &Param, value: &Argument, query: &mut Vec<(String, String)>) {
    let name = param.name.clone();
    let structure = match value.form {
        ArgumentForm::Exact => None,
        ArgumentForm::Json => structured(&value.text),
        _ if matches!(param.kind, Kind::Array | Kind::Object) => structured(&value.text),
        _ => None,
    };
    match structure {
        Some(structure) if call.method.translation.flatten_query => {
            // `JSON('..')` says where everything stands; a plain structure is written as the query
            // protocol has it, where an element of a list is a `member`.
            let style =
                if value.form == ArgumentForm::Json { Style::AsWritten } else { Style::Query };
            flatten(&name, &structure, style, param.style == ParamStyle::Map, query);
        }
        Some(Value::Array(list)) if param.style == ParamStyle::Commas => {
            let all: Vec<String> = list.iter().map(plain).collect();
            query.push((name, all.join(",")));
        }
        Some(Value::Array(list)) if value.form != ArgumentForm::Json => {
            query.extend(list.iter().map(|value| (name.clone(), plain(value))));
        }
        _ => query.push((name, value.text.clone())),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    AsWritten,
    Query,
}

fn flatten(name: &str, value: &Value, style: Style, map: bool, query: &mut Vec<(String, String)>) {
    match value {
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                let position = index + 1;
                let name = match style {
                    Style::AsWritten => format!("{name}.{position}"),
                    Style::Query => format!("{name}.member.{position}"),
                };
                flatten(&name, value, style, false, query);
            }
        }
        Value::Object(members) if map && style == Style::Query => {
            for (index, (key, value)) in members.iter().enumerate() {
                let entry = format!("{name}.entry.{}", index + 1);
                query.push((format!("{entry}.key"), key.clone()));
                flatten(&format!("{entry}.value"), value, style, false, query);
            }
        }
        Value::Object(members) => {
            for (key, value) in members {
                flatten(&format!("{name}.{key}"), value, style, false, query);
            }
        }
        value => query.push((name.to_owned(), plain(value))),
    }
}

/// The JSON body of a call with other members.
fn with_members(
    payload: &PayloadSource,
    members: &[(String, String)],
) -> Result<PayloadSource, CallError> {
    let fault = |error: &dyn std::fmt::Display| {
        CallError::new(
            CallErrorKind::Payload,
            format!("the next page's token belongs into the JSON body, which is none: {error}"),
        )
    };
    let mut body: Map<String, Value> = match payload {
        PayloadSource::Empty => Map::new(),
        PayloadSource::Bytes(bytes) => {
            serde_json::from_slice(bytes).map_err(|error| fault(&error))?
        }
        PayloadSource::File { .. } => return Err(fault(&"it is a file")),
    };
    for (name, json) in members {
        let value = serde_json::from_str(json).map_err(|error| fault(&error))?;
        body.insert(name.clone(), value);
    }
    Ok(PayloadSource::Bytes(Bytes::from(Value::Object(body).to_string())))
}

/// `{"query": ".."}` with the arguments, the cursor and the page size put in.
fn graphql_body(call: &Call, graphql: &GraphQl, cursor: Option<&str>) -> Result<Bytes, CallError> {
    let mut data: Map<String, Value> = call
        .arguments()
        .map(|(name, value)| (name.to_owned(), Value::String(value.text.clone())))
        .collect();
    let cursor = cursor
        .map(|cursor| {
            let data = serde_json::json!({ "cursor": cursor });
            match graphql.cursor_format.as_str() {
                "" => Ok(cursor.to_owned()),
                format if format.contains("%s") => Ok(format.replacen("%s", cursor, 1)),
                format => filled(format, &data),
            }
        })
        .transpose()?;
    data.insert("cursor".to_owned(), Value::String(cursor.unwrap_or_default()));
    if let Some(size) = graphql.page_size {
        data.entry("limit").or_insert_with(|| Value::from(size));
    }
    let query = filled(&graphql.query, &Value::Object(data))?.replace(['\n', '\r'], " ");
    Ok(Bytes::from(serde_json::json!({ "query": query }).to_string()))
}

/// The URL of the next page, which must be of the server that gave the last one: the credentials go
/// with it.
pub(crate) fn next_url(current: &str, next: &str) -> Result<String, CallError> {
    let fault = |why: String| {
        CallError::new(CallErrorKind::Incomplete, why)
            .hint("the rows so far are not the whole result")
    };
    let current = Url::parse(current)
        .map_err(|error| fault(format!("the request's own URL cannot be read: {error}")))?;
    let url = current
        .join(next)
        .map_err(|error| fault(format!("the next page's URL cannot be read: {error}")))?;
    if url.origin() != current.origin() {
        let host = url.host_str().unwrap_or_default();
        return Err(fault(format!(
            "the next page is at {host}, not at {}: the credentials are not sent there",
            current.host_str().unwrap_or_default()
        )));
    }
    Ok(url.into())
}
