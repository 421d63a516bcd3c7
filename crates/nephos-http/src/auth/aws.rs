//! AWS: keys of variables, the credential chain over our own transport, roles; and the signature.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::Credentials as AwsCredentials;
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_types::os_shim_internal::Env;
use futures::FutureExt;
use http::Request;
use http_body_util::{BodyExt, Full};

use super::cache::Fetched;
use super::used::chain;
use super::{Applied, Authoriser, Used};
use crate::sign::{SignedPayload, sign_v4, signs_as_s3};
use crate::transport::{BoxError, Transport};
use crate::{Call, CallError, CallErrorKind, Credentials, Endpoint, PayloadSource};

/// Where requests without a region go.
const REGION: &str = "us-east-1";
/// Name of the session of an assumed role.
const SESSION: &str = "nephos";
/// Every variable that AWS's chain and its STS and SSO clients read.
const VARIABLES: [&str; 34] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCOUNT_ID",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_EC2_METADATA_V1_DISABLED",
    "AWS_EC2_INSTANCE_PROFILE_NAME",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_MAX_ATTEMPTS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_RETRY_MODE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "HOME",
    "HOMEDRIVE",
    "HOMEPATH",
    "USERPROFILE",
];

impl Authoriser {
    /// Signs `request` as it is now.
    pub(super) async fn sign_for_aws(
        &self,
        applied: &Applied<'_>,
        call: &Call,
        request: &mut Request<()>,
        used: &mut Used,
    ) -> Result<(), CallError> {
        let credentials = if applied.kind() == "aws_assume_role" {
            self.role(applied).await?
        } else {
            self.own_credentials(applied).await?
        };
        if let Some(token) = &credentials.session_token {
            used.secret(token);
        }
        let payload = signed_payload(request, applied.payload, &call.signing_name).await?;
        let region = region(applied, call);
        let now = (self.clock)();
        sign_v4(request, payload, &credentials, &region, &call.signing_name, now)
    }

    /// The keys that the auth names where they are there, else what AWS's chain finds.
    async fn own_credentials(&self, applied: &Applied<'_>) -> Result<Credentials, CallError> {
        if let Some(fixed) = &self.fixed {
            return Ok(fixed.clone());
        }
        if let Some(named) = named_keys(applied)? {
            return Ok(named);
        }
        let fetch = || self.ask_chain(applied).boxed();
        Ok(self.aws.get("chain", (self.clock)(), fetch).await?.value)
    }

    async fn ask_chain(&self, applied: &Applied<'_>) -> Result<Fetched<Credentials>, CallError> {
        let config = self.aws_chain.get_or_init(|| self.loader().load()).await;
        let found = match config.credentials_provider() {
            Some(provider) => provider.provide_credentials().await,
            None => Err(CredentialsError::not_loaded("there is no chain")),
        };
        found.map(|found| fetched(&found)).map_err(|error| {
            let mut fault = CallError::new(CallErrorKind::Credentials, "no AWS credentials found")
                .source(chain(&error));
            for name in unset_names(applied) {
                fault = fault.hint(format!(
                    "environment variable {name}, which the auth of provider {} names, is not set",
                    applied.provider
                ));
            }
            fault
                .hint(
                    "looked in: environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), profiles \
                     (~/.aws, AWS_PROFILE, SSO), web identity, container, instance metadata",
                )
                .hint("--local uses the S3 endpoint inside nephos, which needs no account")
        })
    }

    /// Credentials of a role, which the own ones are exchanged for.
    async fn role(&self, applied: &Applied<'_>) -> Result<Credentials, CallError> {
        let fetch = || self.assume(applied).boxed();
        Ok(self.aws.get(&applied.slot, (self.clock)(), fetch).await?.value)
    }

    async fn assume(&self, applied: &Applied<'_>) -> Result<Fetched<Credentials>, CallError> {
        let auth = applied.auth;
        let role = applied
            .either(auth.role_arn_env.as_deref(), auth.role_arn.as_deref())?
            .ok_or_else(|| applied.fault("its auth names no aws_role_arn"))?;
        let own = self.own_credentials(applied).await?;
        let own = AwsCredentials::new(
            own.access_key_id,
            own.secret_access_key,
            own.session_token,
            None,
            "nephos",
        );
        let region = auth.sts_region.clone().unwrap_or_else(|| REGION.to_owned());
        let mut loader = self.loader().region(Region::new(region)).no_credentials();
        if let Some(endpoint) = &auth.sts_endpoint {
            loader = loader.endpoint_url(Endpoint::parse(endpoint)?.as_str());
        }
        let session = auth.role_session_name.as_deref().unwrap_or(SESSION);
        let mut builder = AssumeRoleProvider::builder(&role)
            .configure(&loader.load().await)
            .session_name(session);
        let external = applied
            .either(auth.role_external_id_env.as_deref(), auth.role_external_id.as_deref())?;
        if let Some(external) = external {
            builder = builder.external_id(external);
        }
        if let Some(text) = &auth.role_duration {
            let seconds: u32 = text.parse().map_err(|_| {
                applied.fault("aws_role_duration_seconds must be a number of seconds")
            })?;
            builder = builder.session_length(Duration::from_secs(seconds.into()));
        }
        let provider = builder.build_from_provider(own).await;
        provider.provide_credentials().await.map(|found| fetched(&found)).map_err(|error| {
            applied.fault(format!("role {role} cannot be assumed")).source(chain(&error))
        })
    }

    /// AWS's own settings: environment and files, as its tools read them.
    fn loader(&self) -> ConfigLoader {
        let known: HashMap<String, String> = VARIABLES
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), (self.environment)(name)?)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .env(Env::from(known))
            .time_source(Clock(self.clock))
            .http_client(OverTransport { transport: self.transport.clone(), limit: None });
        match &self.profile {
            Some(profile) => loader.profile_name(profile),
            None => loader,
        }
    }
}

/// The pair that the auth names; `None` where it names none, or a variable is not set.
fn named_keys(applied: &Applied<'_>) -> Result<Option<Credentials>, CallError> {
    let auth = applied.auth;
    let id = auth.key_id_env.as_deref().and_then(|name| applied.variable(name));
    let Some(id) = id.or_else(|| auth.key_id.clone()) else {
        return Ok(None);
    };
    let by_variable = auth.credentials_env.as_deref();
    let secret = match by_variable.map(|name| applied.variable(name)) {
        Some(secret) => secret,
        None => applied.secret()?,
    };
    let Some(secret) = secret else {
        return Ok(None);
    };
    // The session token belongs to the usual pair of keys: another pair is not sent with it.
    let usual = applied.variable("AWS_ACCESS_KEY_ID").is_none_or(|usual| usual == id);
    let session_token = applied.variable("AWS_SESSION_TOKEN").filter(|_| usual);
    Ok(Some(Credentials {
        access_key_id: id.trim().to_owned(),
        secret_access_key: secret.trim().to_owned(),
        session_token,
    }))
}

/// Variables that the auth names, other than the usual ones, and that have no value.
fn unset_names<'a>(applied: &Applied<'a>) -> impl Iterator<Item = &'a str> {
    let names = [&applied.auth.key_id_env, &applied.auth.credentials_env];
    let environment = applied.environment;
    names.into_iter().filter_map(|name| name.as_deref()).filter(move |name| {
        !matches!(*name, "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY")
            && environment(name).is_none_or(|value| value.is_empty())
    })
}

/// The argument, the default of the server, the environment, `us-east-1`. Services without a region
/// in their URL are signed for one, too.
fn region(applied: &Applied<'_>, call: &Call) -> String {
    let server = call.method.server_variables().find(|variable| variable.name == "region");
    call.arg("region")
        .map(str::to_owned)
        .or_else(|| server.and_then(|variable| variable.default.clone()))
        .or_else(|| applied.variable("AWS_REGION"))
        .or_else(|| applied.variable("AWS_DEFAULT_REGION"))
        .unwrap_or_else(|| REGION.to_owned())
}

/// Over TLS and on this machine a file is sent to S3 unsigned: hashing it would cost twice what
/// sending does, and nobody can change it on the way. Elsewhere its SHA-256 is signed.
async fn signed_payload(
    request: &Request<()>,
    payload: &PayloadSource,
    service: &str,
) -> Result<SignedPayload, CallError> {
    let uri = request.uri();
    let private = uri.scheme_str() == Some("https") || Endpoint::is_loopback(&uri.to_string());
    if signs_as_s3(service) && matches!(payload, PayloadSource::File { .. }) && private {
        return Ok(SignedPayload::Unsigned);
    }
    Ok(SignedPayload::Sha256(payload.sha256().await?))
}

fn fetched(found: &AwsCredentials) -> Fetched<Credentials> {
    let credentials = Credentials {
        access_key_id: found.access_key_id().to_owned(),
        secret_access_key: found.secret_access_key().to_owned(),
        session_token: found.session_token().map(str::to_owned),
    };
    Fetched { value: credentials, expires: found.expiry() }
}

/// Our clock for AWS's signatures and expiries.
#[derive(Debug)]
struct Clock(fn() -> SystemTime);

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        (self.0)()
    }
}

/// Lets `aws-config` make its own requests (SSO, STS, instance metadata) through a [`Transport`].
#[derive(Debug, Clone)]
struct OverTransport {
    transport: Arc<dyn Transport>,
    limit: Option<Duration>,
}

impl HttpClient for OverTransport {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        // Whoever asks says how long it wants to wait: instance metadata that is not there must
        // not hold up a laptop.
        let limits = [settings.connect_timeout(), settings.read_timeout()];
        let limit = limits.into_iter().flatten().reduce(|a, b| a + b);
        SharedHttpConnector::new(Self { limit, ..self.clone() })
    }
}

impl HttpConnector for OverTransport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let transport = self.transport.clone();
        let limit = self.limit.unwrap_or(Duration::MAX);
        HttpConnectorFuture::new(async move {
            let other = |error: BoxError| ConnectorError::other(error, None);
            let request = request.try_into_http1x().map_err(|error| other(error.into()))?;
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(other)?.to_bytes();
            let body = Full::new(body).map_err(|never| match never {}).boxed();
            let sending = transport.send(http::Request::from_parts(parts, body));
            let response = tokio::time::timeout(limit, sending)
                .await
                .map_err(|error| ConnectorError::timeout(error.into()))?
                .map_err(|error| ConnectorError::io(error.into()))?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(ConnectorError::io)?.to_bytes();
            let response = http::Response::from_parts(parts, SdkBody::from(body));
            HttpResponse::try_from(response).map_err(|error| other(error.into()))
        })
    }
}
