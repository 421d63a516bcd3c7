//! Google's credentials: keys of service accounts, users' logins, gcloud.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::cache::Fetched;
use super::token::{Grant, Token};
use super::{Applied, Authoriser};
use crate::CallError;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
/// The longest that Google accepts.
const ASSERTION_LIFE: Duration = Duration::from_hours(1);
/// gcloud does not say when its token ends; it renews it five minutes before.
const GCLOUD_TOKEN_LIFE: Duration = Duration::from_mins(4);

impl Authoriser {
    /// A token for the key file that the auth names.
    pub(super) async fn google_token(
        &self,
        applied: &Applied<'_>,
    ) -> Result<Fetched<Token>, CallError> {
        let text = applied.required_secret()?;
        // A variable holds the key itself or the path of its file.
        let text = if text.starts_with('{') { text } else { applied.read(&text)? };
        let key: Value = serde_json::from_str(&text).map_err(|error| {
            // serde_json's messages give a place, not the text.
            applied.fault(format!("the key is not JSON: {error}"))
        })?;
        match key.get("type").and_then(Value::as_str).unwrap_or("service_account") {
            "service_account" => {
                let grant = assertion(applied, &key, (self.clock)())?;
                self.grant(applied, &grant).await
            }
            "authorized_user" => {
                let secret = member(applied, &key, "client_secret")?;
                let refresh = member(applied, &key, "refresh_token")?;
                let grant = Grant {
                    url: token_url(&key),
                    fields: vec![
                        ("grant_type", "refresh_token".to_owned()),
                        ("client_id", member(applied, &key, "client_id")?),
                        ("client_secret", secret.clone()),
                        ("refresh_token", refresh.clone()),
                    ],
                    secrets: vec![secret, refresh],
                    ..Grant::default()
                };
                let mut token = self.grant(applied, &grant).await?;
                token.value.quota_project =
                    key.get("quota_project_id").and_then(Value::as_str).map(str::to_owned);
                Ok(token)
            }
            other => {
                Err(applied.fault(format!("a key file of type {other:?} cannot be used")).hint(
                    "there are service_account and authorized_user; gcloud's own login is \
                       type interactive",
                ))
            }
        }
    }

    /// The token of whoever is logged in to gcloud.
    pub(super) async fn gcloud_token(
        &self,
        applied: &Applied<'_>,
    ) -> Result<Fetched<Token>, CallError> {
        let printed = applied
            .run("gcloud", &["auth", "print-access-token"])
            .await
            .map_err(|why| applied.fault(why).hint("log in with gcloud auth login"))?;
        let text = printed.trim().to_owned();
        if text.is_empty() {
            return Err(applied.fault("gcloud printed no token"));
        }
        let expires = (self.clock)().checked_add(GCLOUD_TOKEN_LIFE);
        Ok(Fetched { value: Token { text, quota_project: None }, expires })
    }
}

fn token_url(key: &Value) -> String {
    key.get("token_uri").and_then(Value::as_str).unwrap_or(TOKEN_URL).to_owned()
}

fn member(applied: &Applied<'_>, key: &Value, name: &str) -> Result<String, CallError> {
    key.get(name)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| applied.fault(format!("the key file has no {name}")))
}

/// A signed statement that the account's key is here (RFC 7523).
fn assertion(applied: &Applied<'_>, key: &Value, now: SystemTime) -> Result<Grant, CallError> {
    let url = token_url(key);
    let auth = applied.auth;
    let seconds =
        |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let scope = if auth.scopes.is_empty() { SCOPE.to_owned() } else { auth.scopes.join(" ") };
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(id) = key.get("private_key_id").and_then(Value::as_str) {
        header["kid"] = id.into();
    }
    let mut claims = json!({
        "iss": member(applied, key, "client_email")?,
        "scope": scope,
        "aud": url,
        "iat": seconds(now),
        "exp": seconds(now + ASSERTION_LIFE),
    });
    if let Some(subject) = &auth.subject {
        claims["sub"] = subject.as_str().into();
    }
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let pem = member(applied, key, "private_key")?;
    let signature = sign(pem.as_bytes(), signed.as_bytes())
        .ok_or_else(|| applied.fault("the private_key of the key file is not an RSA key"))?;
    let assertion = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    Ok(Grant {
        url,
        fields: vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
            ("assertion", assertion.clone()),
        ],
        secrets: vec![assertion],
        ..Grant::default()
    })
}

/// An RS256 signature.
fn sign(pem: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let key = match PrivateKeyDer::from_pem_slice(pem).ok()? {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok()?,
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok()?,
        _ => return None,
    };
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).ok()?;
    Some(signature)
}
