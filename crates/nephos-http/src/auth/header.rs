//! Secrets that are sent as they are: headers and query parameters.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Request, Uri, header};

use super::{Applied, Used};
use crate::request::encode_segment;
use crate::{CallError, CallErrorKind};

/// `Authorization: Basic`; a single secret is encoded already, a pair is not.
pub(super) fn basic(
    applied: &Applied<'_>,
    request: &mut Request<()>,
    used: &mut Used,
) -> Result<(), CallError> {
    let encoded = match applied.secret()? {
        Some(encoded) => encoded,
        None => {
            let (name, password) = pair(applied)?;
            used.secret(&password);
            STANDARD.encode(format!("{name}:{password}"))
        }
    };
    let prefix = applied.auth.value_prefix.as_deref().unwrap_or("Basic ");
    authorization(applied, request, used, prefix, &encoded)
}

/// User and password, by either spelling: variables first, then the texts themselves.
fn pair(applied: &Applied<'_>) -> Result<(String, String), CallError> {
    let auth = applied.auth;
    let of_variables =
        [(&auth.username_env, &auth.password_env), (&auth.api_key_env, &auth.api_secret_env)];
    for pair in of_variables {
        if let (Some(first), Some(second)) = pair {
            return Ok((applied.require(first)?, applied.require(second)?));
        }
    }
    let of_texts = [(&auth.username, &auth.password), (&auth.api_key, &auth.api_secret)];
    for pair in of_texts {
        if let (Some(first), Some(second)) = pair {
            return Ok((first.clone(), second.clone()));
        }
    }
    Err(applied.fault("its auth names no user and password").hint(
        "username_var and password_var name the variables that hold them; credentialsenvvar \
         names one that holds user:password in base64",
    ))
}

/// `Authorization: Bearer`.
pub(super) fn bearer(
    applied: &Applied<'_>,
    request: &mut Request<()>,
    used: &mut Used,
) -> Result<(), CallError> {
    let secret = single(applied)?;
    let prefix = applied.auth.value_prefix.as_deref().unwrap_or("Bearer ");
    authorization(applied, request, used, prefix, &secret)
}

/// `Authorization` with the document's own prefix.
pub(super) fn api_key(
    applied: &Applied<'_>,
    request: &mut Request<()>,
    used: &mut Used,
) -> Result<(), CallError> {
    let secret = single(applied)?;
    // The incumbent's default; documents always give their own.
    let prefix = applied.auth.value_prefix.as_deref().unwrap_or("api_key ");
    authorization(applied, request, used, prefix, &secret)
}

/// A header or a query parameter of the document's own; a prefix is not sent.
pub(super) fn custom(
    applied: &Applied<'_>,
    request: &mut Request<()>,
    used: &mut Used,
) -> Result<(), CallError> {
    let secret = single(applied)?;
    used.secret(&secret);
    let Some(name) = applied.auth.name.as_deref() else {
        return Err(applied.fault("its auth is of type custom and has no name"));
    };
    match applied.auth.location.as_deref().unwrap_or("header") {
        "header" => put(applied, request, name, &secret),
        "query" => {
            let parameter = format!("{}={}", encode_segment(name), encode_segment(&secret));
            *request.uri_mut() = with_query(request.uri(), &parameter)
                .ok_or_else(|| applied.fault(format!("{name} cannot be sent in a URL")))?;
            Ok(())
        }
        other => Err(applied
            .fault(format!("its auth has location {other:?}"))
            .hint("a location is header or query")),
    }
}

/// One secret: of the variable or file, or an inline key.
fn single(applied: &Applied<'_>) -> Result<String, CallError> {
    let auth = applied.auth;
    if auth.credentials_env.is_none()
        && auth.credentials_file.is_none()
        && auth.credentials_file_env.is_none()
        && let Some(key) = applied.either(auth.api_key_env.as_deref(), auth.api_key.as_deref())?
    {
        return Ok(key);
    }
    applied.required_secret()
}

/// Sets `Authorization`.
pub(super) fn authorization(
    applied: &Applied<'_>,
    request: &mut Request<()>,
    used: &mut Used,
    prefix: &str,
    secret: &str,
) -> Result<(), CallError> {
    used.secret(secret);
    put(applied, request, header::AUTHORIZATION.as_str(), &format!("{prefix}{secret}"))
}

/// Sets a header that logs hide.
pub(super) fn put(
    applied: &Applied<'_>,
    request: &mut Request<()>,
    name: &str,
    value: &str,
) -> Result<(), CallError> {
    let fault = |what: &str| {
        CallError::new(
            CallErrorKind::Credentials,
            format!(
                "provider {} cannot be authorised: {what} of header {name:?} holds characters \
                 that no header may hold",
                applied.provider
            ),
        )
    };
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault("the name"))?;
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| fault("the secret").hint("it may have been copied with a line break in it"))?;
    value.set_sensitive(true);
    request.headers_mut().insert(header, value);
    Ok(())
}

fn with_query(uri: &Uri, parameter: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let path = uri.path();
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}&{parameter}"),
        None => format!("{path}?{parameter}"),
    };
    parts.path_and_query = Some(text.parse().ok()?);
    Uri::from_parts(parts).ok()
}
