//! OAuth 2.0 client credentials (RFC 6749, 4.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded::byte_serialize;

use super::cache::Fetched;
use super::token::{Grant, Token};
use super::{Applied, Authoriser};
use crate::CallError;

/// What variables in a `token_url` begin with.
const VARIABLE: &str = ".__env__";

/// How a client names itself.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    /// In the form.
    Params,
    /// With `Authorization: Basic`.
    Header,
}

impl Authoriser {
    pub(super) async fn client_credentials(
        &self,
        applied: &Applied<'_>,
    ) -> Result<Fetched<Token>, CallError> {
        let auth = applied.auth;
        let grant_type = auth.grant_type.as_deref().unwrap_or("client_credentials");
        if grant_type != "client_credentials" {
            return Err(applied
                .fault(format!("its grant_type {grant_type:?} is not known"))
                .hint("there is client_credentials"));
        }
        let Some(template) = &auth.token_url else {
            return Err(applied.fault("its auth is of type oauth2 and has no token_url"));
        };
        let url = expand(applied, template)?;
        let missing = |key: &str| {
            applied
                .fault(format!("its auth names no {key}"))
                .hint(format!("{key}_env_var names the variable that holds it"))
        };
        let id = applied
            .either(auth.client_id_env.as_deref(), auth.client_id.as_deref())?
            .ok_or_else(|| missing("client_id"))?;
        let secret = applied
            .either(auth.client_secret_env.as_deref(), auth.client_secret.as_deref())?
            .ok_or_else(|| missing("client_secret"))?;
        let styles: &[Style] = match auth.auth_style.as_deref() {
            // Most endpoints take the header; those that do not are asked again.
            None | Some("0" | "auto") => &[Style::Header, Style::Params],
            Some("1" | "params" | "in_params") => &[Style::Params],
            Some("2" | "header" | "in_header") => &[Style::Header],
            Some(other) => {
                return Err(applied
                    .fault(format!("its auth_style {other:?} is not known"))
                    .hint("there are 0 or auto, 1 or params, 2 or header"));
            }
        };
        let mut refused = None;
        for style in styles {
            let grant = request(applied, &url, &id, &secret, *style);
            match self.grant(applied, &grant).await {
                Ok(token) => return Ok(token),
                Err(error) if error.retryable => return Err(error),
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.unwrap_or_else(|| missing("token_url")))
    }
}

fn request(applied: &Applied<'_>, url: &str, id: &str, secret: &str, style: Style) -> Grant {
    let mut grant = Grant {
        url: url.to_owned(),
        fields: vec![("grant_type", "client_credentials".to_owned())],
        more: applied.auth.values.clone(),
        secrets: vec![secret.to_owned()],
        ..Grant::default()
    };
    if !applied.auth.scopes.is_empty() {
        grant.fields.push(("scope", applied.auth.scopes.join(" ")));
    }
    match style {
        Style::Params => {
            grant.fields.push(("client_id", id.to_owned()));
            grant.fields.push(("client_secret", secret.to_owned()));
        }
        Style::Header => {
            let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let pair = STANDARD.encode(format!("{}:{}", encode(id), encode(secret)));
            grant.authorization = Some(format!("Basic {pair}"));
            grant.secrets.push(pair);
        }
    }
    grant
}

/// Replaces each `{{ .__env__VARIABLE }}`.
fn expand(applied: &Applied<'_>, template: &str) -> Result<String, CallError> {
    let fault = || {
        applied
            .fault(format!("its token_url {template:?} cannot be filled in"))
            .hint(format!("a variable is written {{{{ {VARIABLE}NAME }}}}"))
    };
    let mut url = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, after) = after.split_once("}}").ok_or_else(fault)?;
        let name = inside.trim().trim_matches('-').trim();
        let name = name.strip_prefix(VARIABLE).ok_or_else(fault)?;
        let value = applied.require(name)?;
        url.push_str(before);
        // A value with a slash, an @ or a # would send the secret to another place.
        url.push_str(&crate::request::encode_segment(value.trim()));
        rest = after;
    }
    url.push_str(rest);
    Ok(url)
}
