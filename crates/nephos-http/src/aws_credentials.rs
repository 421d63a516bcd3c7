//! AWS's credential chain, over our own transport.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Full};
use tokio::sync::{Mutex, OnceCell};

use crate::transport::{BoxError, Transport};
use crate::{CallError, CallErrorKind, Credentials};

/// Credentials this close to their end are fetched anew, so that no request outlives them.
const REFRESH_BEFORE_SECONDS: u64 = 300;

/// The chain, asked once and again when what it gave expires.
#[derive(Debug)]
pub(crate) struct AwsChain {
    profile: Option<String>,
    transport: Arc<dyn Transport>,
    chain: OnceCell<DefaultCredentialsChain>,
    cached: Mutex<Option<(Credentials, Option<SystemTime>)>>,
}

impl AwsChain {
    pub(crate) fn new(profile: Option<String>, transport: Arc<dyn Transport>) -> Self {
        Self { profile, transport, chain: OnceCell::new(), cached: Mutex::new(None) }
    }

    pub(crate) async fn credentials(&self, now: SystemTime) -> Result<Credentials, CallError> {
        // The lock is held while asking: calls that start together ask once.
        let mut cached = self.cached.lock().await;
        if let Some((credentials, expiry)) = cached.as_ref() {
            let fresh = expiry.is_none_or(|end| {
                end.duration_since(now).is_ok_and(|left| left.as_secs() > REFRESH_BEFORE_SECONDS)
            });
            if fresh {
                return Ok(credentials.clone());
            }
        }
        let chain = self.chain.get_or_init(|| self.build()).await;
        let found = chain.provide_credentials().await.map_err(|error| {
            CallError::new(CallErrorKind::Credentials, "no AWS credentials found")
                .source(error)
                .hint(
                    "looked in: environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), profiles \
                     (~/.aws, AWS_PROFILE, SSO), web identity, container, instance metadata",
                )
                .hint("--local uses the S3 endpoint inside nephos, which needs no account")
        })?;
        let credentials = Credentials {
            access_key_id: found.access_key_id().to_owned(),
            secret_access_key: found.secret_access_key().to_owned(),
            session_token: found.session_token().map(str::to_owned),
        };
        *cached = Some((credentials.clone(), found.expiry()));
        Ok(credentials)
    }

    async fn build(&self) -> DefaultCredentialsChain {
        let config = ProviderConfig::default()
            .with_http_client(OverTransport { transport: self.transport.clone(), limit: None });
        let mut builder = DefaultCredentialsChain::builder().configure(config);
        if let Some(profile) = &self.profile {
            builder = builder.profile_name(profile);
        }
        builder.build().await
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
