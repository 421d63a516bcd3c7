//! A method with its arguments, checked before anything is sent.

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use nephos_catalog::{
    Auth, Body, BodyNaming, HttpVerb, Kind, Location, Method, NameFound, Param, ResourceRef,
    nearest,
};

use crate::body::{Payload, PayloadSource};
use crate::encode::encoded;
use crate::fields::{over_base, structure};
use crate::transform::made_body;
use crate::{Argument, ArgumentForm, CallError, CallErrorKind};

/// A method with checked arguments and a body that can be sent.
#[derive(Clone)]
pub struct Call {
    /// `provider.service.resource.method`, for messages.
    pub target: String,
    /// The method.
    pub method: Arc<Method>,
    /// Service name that requests are signed for.
    pub signing_name: String,
    /// How the provider authorises calls.
    pub auth: Option<Auth>,
    /// Service in SQL.
    pub service: String,
    /// Arguments for URL, query and headers under their declared names, in the order given.
    pub args: Vec<(String, Argument)>,
    /// Arguments that became part of the body.
    pub fields: Vec<(String, Argument)>,
    /// The request body.
    pub payload: PayloadSource,
    /// Media type of the body, where it is known.
    pub(crate) content_type: Option<String>,
    /// `Content-MD5` of the body, where the service wants one.
    pub(crate) content_md5: Option<String>,
}

impl Call {
    /// Checks names, required arguments, values and the body. Nothing is sent; a file is looked at.
    pub fn new(
        resource: &ResourceRef,
        method: &Method,
        args: Vec<(String, Argument)>,
        payload: Option<Payload>,
    ) -> Result<Self, CallError> {
        let target = format!("{}.{}", resource.full_name(), method.name);
        let show = format!("SHOW METHODS IN {}", resource.full_name());
        let mut known: Vec<(String, Argument)> = Vec::new();
        for (name, value) in args {
            let declared =
                declared_name(method, &name).map_err(|error| error.hint(show.clone()))?;
            if known.iter().any(|(other, _)| *other == declared) {
                return Err(CallError::new(
                    CallErrorKind::Argument,
                    format!("parameter {declared} of {target} is given twice"),
                ));
            }
            let is_field = is_body_field(method, &declared);
            // NULL is a value of bodies only; elsewhere it means that nothing is given.
            if value.form == ArgumentForm::Null && !is_field {
                continue;
            }
            if let Some(param) = method.param(&declared) {
                check_value(param, &value.text)?;
            }
            known.push((declared, value));
        }
        let missing: Vec<String> = method
            .required_params()
            .into_iter()
            .filter(|name| !known.iter().any(|(given, _)| given == name))
            .filter(|name| payload.is_none() || !is_body_field(method, name))
            .collect();
        if !missing.is_empty() {
            let plural = if missing.len() == 1 { "" } else { "s" };
            return Err(CallError::new(
                CallErrorKind::Argument,
                format!("missing required parameter{plural} {} for {target}", missing.join(", ")),
            )
            .hint(show));
        }
        let (fields, known) = known.into_iter().partition(|(name, _)| is_body_field(method, name));
        let mut call = Self {
            target,
            method: Arc::new(method.clone()),
            signing_name: method
                .signing_name
                .clone()
                .unwrap_or_else(|| resource.signing_name.clone()),
            auth: resource.provider.auth.clone(),
            service: resource.service.clone(),
            args: known,
            fields,
            payload: PayloadSource::Empty,
            content_type: None,
            content_md5: None,
        };
        call.take_payload(payload)?;
        Ok(call)
    }

    /// The argument of this declared name.
    pub fn arg(&self, name: &str) -> Option<&str> {
        self.args.iter().find(|(given, _)| given == name).map(|(_, value)| value.text.as_str())
    }

    /// The operation is named by a header, as in AWS's JSON protocol, and not by its path.
    pub(crate) fn has_target(&self) -> bool {
        self.method.params.iter().any(|p| p.name == "X-Amz-Target" && p.default.is_some())
            && !self.method.path.contains('?')
    }

    /// Every argument, those of the body too.
    pub fn arguments(&self) -> impl Iterator<Item = (&str, &Argument)> {
        self.args.iter().chain(&self.fields).map(|(name, value)| (name.as_str(), value))
    }

    fn take_payload(&mut self, payload: Option<Payload>) -> Result<(), CallError> {
        let method = self.method.clone();
        let Some(body) = &method.body else {
            return match payload {
                None => Ok(()),
                Some(_) => Err(CallError::new(
                    CallErrorKind::Payload,
                    format!("{} takes no request body", self.target),
                )
                .hint(format!("DESCRIBE METHOD {} shows what it takes", self.target))),
            };
        };
        let made = structure(body, &self.fields)?;
        let payload = match (payload, self.fields.is_empty()) {
            (Some(_), false) => {
                return Err(CallError::new(
                    CallErrorKind::Payload,
                    format!("{} is given both body fields and a payload", self.target),
                ));
            }
            (None, _) => made.map(Payload::Structure),
            (payload, true) => payload,
        };
        if method.translation.graphql.is_some() {
            // The query is written a page at a time.
            self.content_type = Some(body.media_type.clone());
            return Ok(());
        }
        // Protocols of RPC style want an object even where nothing is asked for.
        let empty = body.required && !body.raw && body.media_type.contains("json");
        let payload = payload.or_else(|| {
            (empty && body.schema.required.is_empty())
                .then(|| Payload::Structure(serde_json::json!({})))
        });
        let Some(payload) = payload else {
            return if needs_body(&method, body) {
                Err(self.body_missing(body.raw))
            } else {
                Ok(())
            };
        };
        let structured = !body.raw;
        self.content_type = Some(match &payload {
            Payload::Xml(_) => "application/xml".to_owned(),
            _ => body.media_type.clone(),
        });
        self.payload = match payload {
            Payload::Structure(value) => PayloadSource::Bytes(match &body.transform {
                Some(transform) => made_body(transform, &value)?,
                None => encoded(body, &value)?,
            }),
            Payload::Json(text) => {
                let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
                    CallError::new(CallErrorKind::Payload, format!("@@json is not JSON: {error}"))
                })?;
                let is_json = body.media_type.contains("json");
                PayloadSource::Bytes(match &body.base {
                    Some(_) if structured => encoded(body, &over_base(body, value)?)?,
                    None if structured && !is_json => encoded(body, &value)?,
                    _ => Bytes::from(text),
                })
            }
            Payload::Xml(text) => PayloadSource::Bytes(Bytes::from(text)),
            Payload::Bytes(bytes) => PayloadSource::Bytes(bytes),
            Payload::File { path, offset, length } => PayloadSource::file(&path, offset, length)?,
        };
        let has_checksum = self
            .args
            .iter()
            .any(|(name, _)| name == "Content-MD5" || name.starts_with("x-amz-checksum-"));
        let wants_checksum = method.checksum_required || method.param("Content-MD5").is_some();
        if let PayloadSource::Bytes(bytes) = &self.payload
            && structured
            && wants_checksum
            && !has_checksum
        {
            use md5::{Digest, Md5};
            self.content_md5 =
                Some(base64::engine::general_purpose::STANDARD.encode(Md5::digest(bytes)));
        }
        Ok(())
    }

    fn body_missing(&self, raw: bool) -> CallError {
        let error = CallError::new(
            CallErrorKind::Payload,
            format!("{} needs a request body and none is given", self.target),
        );
        if raw {
            error.hint("give @@file='path' or @@body='text'; @@body='' sends an empty one")
        } else {
            error.hint("give @@json='{..}', @@xml='<..>' or @@file='path'")
        }
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let args: Vec<(&str, &str)> = self
            .arguments()
            .map(|(name, value)| {
                let secret = self.method.param(name).is_some_and(|param| param.secret);
                (name, if secret { "[secret]" } else { value.text.as_str() })
            })
            .collect();
        f.debug_struct("Call")
            .field("target", &self.target)
            .field("args", &args)
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// Whether `column`, a declared name, is part of the body: parameters and server variables of the
/// same name come first.
fn is_body_field(method: &Method, column: &str) -> bool {
    let elsewhere = method.param(column).is_some()
        || method.server_variables().any(|variable| variable.name == column)
        || method.params.iter().filter_map(Param::family).any(|prefix| column.starts_with(prefix));
    !elsewhere
        && method.body.as_ref().is_some_and(|body| match &body.naming {
            BodyNaming::Prefixed => body.naming.field(column).is_some(),
            _ => body.field(column).is_some(),
        })
}

/// Without a translation rule a document's `required` says little: bodies of old documents are all
/// required. An upload of bytes that were forgotten would overwrite what is there with nothing: an
/// empty one has to be asked for.
fn needs_body(method: &Method, body: &Body) -> bool {
    let upload = body.raw && method.http == HttpVerb::Put;
    let structured = body.naming != BodyNaming::Prefixed || !body.schema.required.is_empty();
    upload || body.required && (body.raw || structured)
}

/// The declared name that an argument means; one of a family (`x-amz-meta-*`) keeps its own.
fn declared_name(method: &Method, name: &str) -> Result<String, CallError> {
    let in_family = method.params.iter().filter_map(Param::family).any(|prefix| {
        name.len() > prefix.len()
            && name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    });
    match method.lookup(name) {
        NameFound::One(found) => Ok(found),
        _ if in_family => Ok(name.to_ascii_lowercase()),
        NameFound::Several(candidates) => Err(CallError::new(
            CallErrorKind::Argument,
            format!("parameter {name} is ambiguous: it may mean {}", candidates.join(" or ")),
        )),
        NameFound::None => {
            let mut error = CallError::new(
                CallErrorKind::Argument,
                format!("method {} has no parameter {name}", method.name),
            );
            let accepted = method.accepted_params();
            let near = nearest(name, accepted.iter().map(String::as_str));
            if !near.is_empty() {
                error = error.hint(format!("did you mean {}?", near.join(" or ")));
            }
            Err(error)
        }
    }
}

/// Checks a value against what the document says of its parameter. `enum` is not enforced:
/// services accept values before documents know them.
fn check_value(param: &Param, value: &str) -> Result<(), CallError> {
    let shown = if param.secret { "[secret]" } else { value };
    let fault = |wanted: String| {
        CallError::new(
            CallErrorKind::Argument,
            format!("{} must be {wanted}, found '{shown}'", param.name),
        )
    };
    match param.kind {
        Kind::Integer => {
            let range = match (param.minimum, param.maximum) {
                (Some(low), Some(high)) => format!("an integer from {low} to {high}"),
                (Some(low), None) => format!("an integer of at least {low}"),
                (None, Some(high)) => format!("an integer of at most {high}"),
                (None, None) => "an integer".to_owned(),
            };
            let number: i64 = value.trim().parse().map_err(|_| fault(range.clone()))?;
            let low = param.minimum.is_none_or(|low| number >= low);
            let high = param.maximum.is_none_or(|high| number <= high);
            if low && high { Ok(()) } else { Err(fault(range)) }
        }
        Kind::Number => {
            value.trim().parse::<f64>().map(|_| ()).map_err(|_| fault("a number".to_owned()))
        }
        Kind::Boolean if !matches!(value, "true" | "false") => {
            Err(fault("true or false".to_owned()))
        }
        _ if param.location == Location::Path && value.is_empty() => {
            Err(fault("at least one character".to_owned()))
        }
        _ if param.location == Location::Header
            && http::HeaderValue::from_str(value).is_err()
            && http::HeaderValue::from_bytes(value.as_bytes()).is_err() =>
        {
            Err(fault("text without control characters".to_owned()))
        }
        _ => Ok(()),
    }
}
