//! What the text of a failed answer says, in the shapes in which APIs say it.

use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use crate::xml::Element;

/// Longer messages are cut: some services send a page, or back all that they were sent.
const LONGEST_MESSAGE: usize = 500;
const LONGEST_CODE: usize = 100;
/// A body's messages beyond these are not shown.
const MOST_DETAILS: usize = 3;
/// Of a longer body only the beginning is looked at; no error is this long.
const LONGEST_BODY: usize = 256 * 1024;

/// Headers that name a request towards the people who run a service.
const REQUEST_IDS: &[&str] = &[
    "x-amz-request-id",
    "x-amzn-requestid",
    "x-amzn-request-id",
    "x-ms-request-id",
    "x-github-request-id",
    "x-okta-request-id",
    "x-request-id",
    "request-id",
    "cf-ray",
    "x-correlation-id",
];

/// Members under which an answer names the request.
const ID_MEMBERS: &[&str] =
    &["RequestId", "RequestID", "requestId", "request_id", "request-id", "errorId"];
const CODE_MEMBERS: &[&str] =
    &["code", "Code", "errorCode", "error_code", "status", "type", "reason"];
const MESSAGE_MEMBERS: &[&str] = &[
    "message",
    "Message",
    "errorMessage",
    "error_message",
    "error_description",
    "errorSummary",
    "detail",
    "details",
    "description",
    "msg",
    "title",
];

/// What an answer says, cleaned of control characters and cut.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    /// The code to show.
    pub(super) code: Option<String>,
    /// All codes: some services give a general one and, beside it, the one that matters.
    pub(super) codes: Vec<String>,
    pub(super) message: Option<String>,
    pub(super) request_id: Option<String>,
    /// The region in which S3 says that a bucket is.
    pub(super) region: Option<String>,
}

impl Said {
    pub(super) fn read(headers: &HeaderMap, body: &[u8], status: StatusCode) -> Self {
        let text = String::from_utf8_lossy(&body[..body.len().min(LONGEST_BODY)]);
        let text = text.trim_start_matches('\u{feff}').trim();
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        // Some send JSON under this name.
        let html = header(header::CONTENT_TYPE.as_str()).is_some_and(|t| t.contains("html"))
            && !begins_with(text, "<?xml")
            && !begins_with(text, "<error")
            && !text.starts_with(['{', '['])
            || begins_with(text, "<!doctype html")
            || begins_with(text, "<html");
        let mut said = Self::default();
        if html {
            said.message = title(text);
        } else if text.starts_with('<') {
            if let Ok(root) = Element::parse(text) {
                said.read_xml(&root);
            }
        } else if let Ok(value) = serde_json::from_str::<Value>(text) {
            said.read_json(&value);
        } else {
            said.message = Some(text.to_owned());
        }
        // `x-amzn-ErrorType: Name:http://..`
        let named = header("x-amzn-errortype").and_then(|name| name.split(':').next());
        for code in
            named.into_iter().chain(header("x-amz-error-code")).chain(header("x-ms-error-code"))
        {
            said.add_code(code);
        }
        let number = status.as_str();
        said.codes = std::mem::take(&mut said.codes)
            .into_iter()
            .map(|code| clean(&code, LONGEST_CODE))
            // The status is shown anyway.
            .filter(|code| code != number && says_something(code))
            .collect();
        said.code = said.codes.first().cloned();
        said.message = said
            .message
            .or_else(|| header("x-amz-error-message").map(str::to_owned))
            .map(|message| clean(&message, LONGEST_MESSAGE))
            .filter(|message| !message.is_empty());
        if said.message == said.code {
            said.message = None;
        }
        let id = REQUEST_IDS.iter().find_map(|name| header(name)).map(str::to_owned);
        said.request_id = said.request_id.or(id).map(|id| clean(&id, LONGEST_CODE));
        said.region = header("x-amz-bucket-region").map(str::to_owned).or(said.region);
        said
    }

    fn add_code(&mut self, code: &str) {
        if !code.trim().is_empty() && !self.codes.iter().any(|other| other == code) {
            self.codes.push(code.to_owned());
        }
    }

    /// S3 and Azure storage: `<Error><Code>`; AWS query: `<ErrorResponse><Error><Code>`; EC2:
    /// `<Response><Errors><Error><Code>`.
    fn read_xml(&mut self, root: &Element<'_>) {
        let member = |element: &Element<'_>, names: &[&str]| {
            let found = names.iter().find_map(|name| element.child(name));
            found.map(|e| e.text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let inner = root
            .child("Error")
            .or_else(|| root.child("Errors").and_then(|errors| errors.child("Error")))
            .unwrap_or(root);
        if let Some(code) = member(inner, &["Code", "code"]) {
            self.add_code(&code);
        }
        self.message = member(inner, &["Message", "message"]);
        self.request_id = member(root, ID_MEMBERS).or_else(|| member(inner, ID_MEMBERS));
        self.region = member(inner, &["Region"]);
    }

    fn read_json(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.message = Some(text.clone()),
            // Streams of Google's answer with a list.
            Value::Array(list) => {
                if let Some(first) = list.first().filter(|first| !first.is_array()) {
                    self.read_json(first);
                }
            }
            Value::Object(members) => self.read_object(members),
            _ => {}
        }
    }

    fn read_object(&mut self, members: &Map<String, Value>) {
        self.request_id = text(members, ID_MEMBERS);
        let errors = Details::read(members.get("errors"));
        match members.get("error") {
            Some(Value::Object(error)) => self.read_error(error),
            Some(Value::String(error)) => self.read_named(error, members),
            _ if is_problem(members) => {
                self.message = match (text(members, &["title"]), text(members, &["detail"])) {
                    (Some(title), Some(detail)) => Some(format!("{title}: {detail}")),
                    (title, detail) => title.or(detail),
                };
            }
            _ => self.read_plain(members, &errors),
        }
        // The message on top says that something is wrong with the request, these say what.
        self.message = join(self.message.take(), errors.messages);
        for code in &errors.codes {
            self.add_code(code);
        }
        let causes = Details::read(members.get("errorCauses"));
        self.message = join(self.message.take(), causes.messages);
    }

    /// `{"error": {..}}`: most of the large ones.
    fn read_error(&mut self, error: &Map<String, Value>) {
        // Google: `code` is the HTTP status and `status` the name.
        let names: &[&str] = &["status", "code", "type"];
        for name in names.iter().filter_map(|name| text(error, &[name])) {
            self.add_code(&name);
        }
        self.message = text(error, MESSAGE_MEMBERS);
        let mut details = Details::read(error.get("errors"));
        details.add(error.get("details"));
        for code in details.codes {
            self.add_code(&code);
        }
        let mut messages = details.messages;
        for inner in ["innererror", "innerError"] {
            if let Some(Value::Object(inner)) = error.get(inner) {
                messages.extend(text(inner, &["message"]));
                self.request_id = self.request_id.take().or_else(|| text(inner, ID_MEMBERS));
            }
        }
        self.message = join(self.message.take(), messages);
    }

    /// `{"error": ".."}`: a code in OAuth, a sentence elsewhere.
    fn read_named(&mut self, error: &str, members: &Map<String, Value>) {
        let message = text(members, MESSAGE_MEMBERS);
        if error.contains(char::is_whitespace) {
            self.message = message.or_else(|| Some(error.to_owned()));
        } else {
            self.add_code(error);
            self.message = message;
        }
    }

    /// Members of the answer itself: AWS JSON, GitHub, Okta, Kubernetes' Status, `DigitalOcean`.
    fn read_plain(&mut self, members: &Map<String, Value>, errors: &Details) {
        self.message = text(members, MESSAGE_MEMBERS);
        if let Some(kind) = text(members, &["__type"]) {
            // `com.amazon.coral.service#Name`.
            self.add_code(kind.rsplit('#').next().unwrap_or(&kind));
        }
        let kubernetes = text(members, &["kind"]).as_deref() == Some("Status");
        let own: &[&str] = if kubernetes { &["reason"] } else { CODE_MEMBERS };
        for name in own.iter().filter_map(|name| text(members, &[name])) {
            self.add_code(&name);
        }
        let slug = text(members, &["id"]).filter(|id| is_slug(id));
        if let Some(slug) = slug.filter(|_| self.codes.is_empty() && errors.codes.is_empty()) {
            self.add_code(&slug);
        }
    }
}

/// A list of errors within an error.
#[derive(Debug, Default)]
struct Details {
    codes: Vec<String>,
    messages: Vec<String>,
}

impl Details {
    fn read(list: Option<&Value>) -> Self {
        let mut details = Self::default();
        details.add(list);
        details
    }

    fn add(&mut self, list: Option<&Value>) {
        for item in list.and_then(Value::as_array).into_iter().flatten().take(MOST_DETAILS) {
            match item {
                Value::String(text) => self.messages.push(text.clone()),
                Value::Object(item) => self.add_item(item),
                _ => {}
            }
        }
    }

    fn add_item(&mut self, item: &Map<String, Value>) {
        if let Some(Value::Object(extensions)) = item.get("extensions") {
            self.codes.extend(text(extensions, &["code"]));
        }
        let reason = text(item, &["reason"]);
        match text(item, MESSAGE_MEMBERS) {
            Some(message) => {
                self.codes.extend(reason);
                self.codes.extend(text(item, &["code", "errorCode", "type"]));
                self.messages.push(message);
            }
            // A code in Google's details, a sentence where there is nothing else.
            None => match reason {
                Some(reason) if reason.contains(' ') => self.messages.push(reason),
                Some(reason) => self.codes.push(reason),
                // GitHub: `{"resource": "Issue", "field": "title", "code": "missing_field"}`.
                None => {
                    let words: Vec<String> = ["resource", "field", "code"]
                        .into_iter()
                        .filter_map(|name| text(item, &[name]))
                        .collect();
                    if !words.is_empty() {
                        self.messages.push(words.join(" "));
                    }
                }
            },
        }
    }
}

/// RFC 7807.
fn is_problem(members: &Map<String, Value>) -> bool {
    members.contains_key("title")
        && (members.contains_key("detail") || members.contains_key("status"))
        && !members.contains_key("message")
}

/// The first of these members that is a text or a number and says something.
fn text(members: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match members.get(*name)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        // OData 2: `{"lang": "en", "value": ".."}`.
        Value::Object(inner) => match inner.get("value") {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    })
}

/// Whether a code is one: `{"status": "error"}` and links to documentation are none.
fn says_something(code: &str) -> bool {
    let empty = ["", "error", "errors", "failure", "failed", "fail", "false", "about:blank"];
    !empty.iter().any(|word| code.eq_ignore_ascii_case(word)) && !code.contains("://")
}

/// `not_found`, as opposed to the id of something.
fn is_slug(text: &str) -> bool {
    text.len() <= 40 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn join(message: Option<String>, mut details: Vec<String>) -> Option<String> {
    details.dedup();
    details.retain(|detail| message.as_ref().is_none_or(|message| !message.contains(detail)));
    let details = (!details.is_empty()).then(|| details.join("; "));
    match (message, details) {
        (Some(message), Some(details)) => {
            Some(format!("{}: {details}", message.trim_end_matches(['.', ':'])))
        }
        (message, details) => message.or(details),
    }
}

/// The title of a page.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let from = lower.find("<title")?;
    let from = from + lower[from..].find('>')? + 1;
    let to = from + lower[from..].find("</title")?;
    let text = page.get(from..to)?;
    Some(quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), Into::into))
}

fn begins_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

/// One line without characters that move the cursor or turn the text around, cut to `longest`
/// characters.
fn clean(text: &str, longest: usize) -> String {
    let visible = |c: char| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut out = String::new();
    let mut length = 0;
    let mut gap = false;
    for c in text.chars().filter(|c| visible(*c)) {
        if c.is_whitespace() || c.is_control() {
            gap = !out.is_empty();
            continue;
        }
        if length + usize::from(gap) >= longest {
            out.push('…');
            return out;
        }
        if std::mem::take(&mut gap) {
            out.push(' ');
            length += 1;
        }
        out.push(c);
        length += 1;
    }
    out
}
