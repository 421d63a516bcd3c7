//! AWS Signature Version 4.

use std::fmt;
use std::time::SystemTime;

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::Request;

use crate::{CallError, CallErrorKind};

/// An AWS key pair, with a token where it is temporary. `Debug` shows the key id only.
#[derive(Clone)]
pub struct Credentials {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Where credentials come from.
#[derive(Debug, Clone)]
pub enum CredentialsSource {
    /// These.
    Static(Credentials),
    /// AWS's own chain: environment, profiles, SSO, web identity, container, instance metadata.
    AwsChain {
        /// A profile other than the default one.
        profile: Option<String>,
    },
}

/// How the body takes part in the signature.
pub(crate) enum SignedPayload {
    /// By its SHA-256, in lower-case hex.
    Sha256(String),
    /// Not at all.
    Unsigned,
}

/// Whether a service signs the path as it is sent, and the hash of the body as a header.
pub(crate) fn signs_as_s3(service: &str) -> bool {
    matches!(service, "s3" | "s3express" | "s3-object-lambda" | "s3-outposts")
}

/// Adds the signature to `request`.
pub(crate) fn sign_v4(
    request: &mut Request<()>,
    payload: SignedPayload,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: SystemTime,
) -> Result<(), CallError> {
    let identity = AwsCredentials::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        credentials.session_token.clone(),
        None,
        "nephos",
    )
    .into();
    let mut settings = SigningSettings::default();
    if signs_as_s3(service) {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let unsignable = |error: Box<dyn std::error::Error + Send + Sync>| {
        CallError::new(CallErrorKind::Credentials, "the request cannot be signed").source(error)
    };
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| unsignable(error.into()))?
        .into();
    let body = match payload {
        SignedPayload::Sha256(digest) => SignableBody::Precomputed(digest),
        SignedPayload::Unsigned => SignableBody::UnsignedPayload,
    };
    let uri = request.uri().to_string();
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let signable = SignableRequest::new(
        request.method().as_str(),
        uri,
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())),
        body,
    )
    .map_err(|error| unsignable(error.into()))?;
    let (instructions, _) =
        sign(signable, &params).map_err(|error| unsignable(error.into()))?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}
