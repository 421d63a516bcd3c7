//! Authorises requests: whatever a provider's `auth` asks for.
//!
//! A request is authorised last, when everything else of it is set, and anew for each attempt.
//! Tokens are kept until shortly before they end. Every request for one goes through the
//! [`Transport`], and every variable is read through the [`Environment`].

mod aws;
mod azure;
mod cache;
mod environment;
mod google;
mod header;
mod oauth;
mod program;
mod settings;
mod token;
mod used;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_config::SdkConfig;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::Request;
use nephos_catalog::{Auth, nearest};
use tokio::sync::OnceCell;

use self::cache::{Cache, Fetched};
use self::token::Token;
use crate::{
    Call, CallError, CallErrorKind, Credentials, CredentialsSource, PayloadSource, Transport,
};

pub use environment::{Environment, no_environment};
pub use settings::parse_auth;
pub(crate) use used::Used;

/// Everything that authorising needs.
pub(crate) struct Authoriser {
    transport: Arc<dyn Transport>,
    environment: Environment,
    clock: fn() -> SystemTime,
    /// Of the user, by provider: stands before the documents' own.
    given: HashMap<String, Auth>,
    fixed: Option<Credentials>,
    profile: Option<String>,
    /// AWS's chain is asked for its settings once.
    aws_chain: OnceCell<SdkConfig>,
    aws: Cache<Credentials>,
    tokens: Cache<Token>,
}

/// One `auth` object while it is applied.
struct Applied<'a> {
    auth: &'a Auth,
    /// Name of the provider, for messages.
    provider: &'a str,
    /// Where its token is kept: a successor has its own.
    slot: String,
    environment: &'a Environment,
    /// Body of the request, which a signature covers.
    payload: &'a PayloadSource,
}

impl Authoriser {
    /// Where the values of environment variables come from.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        environment: Environment,
        clock: fn() -> SystemTime,
        given: HashMap<String, Auth>,
        credentials: CredentialsSource,
    ) -> Self {
        let (fixed, profile) = match credentials {
            CredentialsSource::Static(credentials) => (Some(credentials), None),
            CredentialsSource::AwsChain { profile } => (None, profile),
        };
        Self {
            transport,
            environment,
            clock,
            given,
            fixed,
            profile,
            aws_chain: OnceCell::new(),
            aws: Cache::default(),
            tokens: Cache::default(),
        }
    }

    /// Adds to `request` what the provider of `call` asks for. `used` learns what that was.
    pub(crate) fn authorise<'a>(
        &'a self,
        call: &'a Call,
        payload: &'a PayloadSource,
        request: &'a mut Request<()>,
        used: &'a mut Used,
    ) -> BoxFuture<'a, Result<(), CallError>> {
        // Boxed: the futures of all kinds together are large.
        self.apply_all(call, payload, request, used).boxed()
    }

    async fn apply_all(
        &self,
        call: &Call,
        payload: &PayloadSource,
        request: &mut Request<()>,
        used: &mut Used,
    ) -> Result<(), CallError> {
        let provider = call.target.split('.').next().unwrap_or_default();
        used.begin();
        // AWS documents published before `config.auth` existed say nothing; they are signed.
        let silent = Auth { kind: "aws_signing_v4".to_owned(), ..Auth::default() };
        let stated = self.given.get(provider).or(call.auth.as_ref());
        let mut next = stated.or((provider == "aws").then_some(&silent));
        let mut depth = 0;
        while let Some(auth) = next {
            let slot = format!("{provider}/{depth}");
            let environment = &self.environment;
            let applied = Applied { auth, provider, slot, environment, payload };
            self.apply(&applied, call, request, used).await?;
            next = auth.successor.as_deref();
            depth += 1;
        }
        Ok(())
    }

    async fn apply(
        &self,
        applied: &Applied<'_>,
        call: &Call,
        request: &mut Request<()>,
        used: &mut Used,
    ) -> Result<(), CallError> {
        match applied.kind() {
            "null_auth" => Ok(()),
            "aws_signing_v4" | "aws_assume_role" => {
                self.sign_for_aws(applied, call, request, used).await
            }
            "basic" => header::basic(applied, request, used),
            "bearer" => header::bearer(applied, request, used),
            "api_key" => header::api_key(applied, request, used),
            "custom" => header::custom(applied, request, used),
            "oauth2" => {
                let fetch = || self.client_credentials(applied).boxed();
                self.put_token(applied, request, used, fetch).await
            }
            "azure_default" => {
                let fetch = || self.azure_token(applied).boxed();
                self.put_token(applied, request, used, fetch).await
            }
            "service_account" => {
                let fetch = || self.google_token(applied).boxed();
                self.put_token(applied, request, used, fetch).await
            }
            "interactive" => {
                let fetch = || self.gcloud_token(applied).boxed();
                self.put_token(applied, request, used, fetch).await
            }
            unknown => Err(unknown_kind(applied.provider, unknown)),
        }
    }

    /// Sends a token that is kept, or fetched now.
    async fn put_token<'a>(
        &self,
        applied: &Applied<'_>,
        request: &mut Request<()>,
        used: &mut Used,
        fetch: impl FnOnce() -> BoxFuture<'a, Result<Fetched<Token>, CallError>>,
    ) -> Result<(), CallError> {
        let found = self.tokens.get(&applied.slot, (self.clock)(), fetch).await?;
        used.token(&applied.slot, &found);
        let prefix = applied.auth.value_prefix.as_deref().unwrap_or("Bearer ");
        header::authorization(applied, request, used, prefix, &found.value.text)?;
        if let Some(project) = &found.value.quota_project {
            header::put(applied, request, "x-goog-user-project", project)?;
        }
        Ok(())
    }

    /// Whether a call that was refused is worth another attempt: it was sent with a token that was
    /// fetched for an earlier one. A service that answers 401 has done nothing.
    pub(crate) async fn renew(&self, error: &CallError, used: &mut Used) -> bool {
        if !matches!(error.kind, CallErrorKind::Service { status: 401, .. }) {
            return false;
        }
        let stale = used.take_stale();
        for (slot, generation) in &stale {
            self.tokens.forget(slot, *generation).await;
        }
        !stale.is_empty()
    }
}

impl Applied<'_> {
    /// The kind, guessed as the incumbent does where none is given.
    fn kind(&self) -> &str {
        let auth = self.auth;
        let key_file = auth.credentials_env.is_some()
            || auth.credentials_file.is_some()
            || auth.credentials_file_env.is_some();
        match auth.kind.as_str() {
            "" if key_file => "service_account",
            kind => kind,
        }
    }

    /// An error about this provider's credentials.
    fn fault(&self, what: impl fmt::Display) -> CallError {
        CallError::new(
            CallErrorKind::Credentials,
            format!("provider {} cannot be authorised: {what}", self.provider),
        )
    }
}

impl fmt::Debug for Authoriser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authoriser")
            .field("transport", &self.transport)
            .field("given", &self.given)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

fn unknown_kind(provider: &str, kind: &str) -> CallError {
    let error = CallError::new(
        CallErrorKind::Credentials,
        if kind.is_empty() {
            format!("the auth of provider {provider} has no type")
        } else {
            format!("the auth of provider {provider} is of type {kind:?}, which is not known")
        },
    );
    near_or_all(error, kind, &Auth::KINDS)
}

/// Adds the names that are like `name`, or all there are.
fn near_or_all(error: CallError, name: &str, known: &[&str]) -> CallError {
    let near = nearest(name, known.iter().copied());
    error.hint(if near.is_empty() {
        format!("there are {}", known.join(", "))
    } else {
        format!("did you mean {}?", near.join(" or "))
    })
}
