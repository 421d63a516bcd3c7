//! Azure's chain of credentials: environment, workload identity, managed identity, Azure CLI.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Request;
use serde_json::Value;
use url::form_urlencoded;

use super::cache::Fetched;
use super::token::{Grant, Token};
use super::{Applied, Authoriser};
use crate::CallError;

/// Azure Resource Manager.
const SCOPE: &str = "https://management.core.windows.net//.default";
const AUTHORITY: &str = "https://login.microsoftonline.com";
/// Instance metadata of Azure's machines, which answers at once where it is there.
const METADATA: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
const METADATA_WAIT: Duration = Duration::from_secs(1);
/// A platform's own endpoint is near, but may be busy while an application starts.
const PLATFORM_WAIT: Duration = Duration::from_secs(15);
/// Older versions of the CLI do not say when a token ends: it is asked again soon.
const CLI_TOKEN_LIFE: Duration = Duration::from_mins(10);

/// A step of the chain that does not apply says why; one that applies and fails ends the chain.
type Step = Result<Result<Fetched<Token>, String>, CallError>;

impl Authoriser {
    pub(super) async fn azure_token(
        &self,
        applied: &Applied<'_>,
    ) -> Result<Fetched<Token>, CallError> {
        let scope = applied.auth.scopes.first().map_or(SCOPE, String::as_str);
        let resource = scope.strip_suffix("/.default").unwrap_or(scope);
        let mut reasons: Vec<String> = Vec::new();
        let mut tried = |name: &str, step: Result<Fetched<Token>, String>| match step {
            Ok(token) => Some(token),
            Err(reason) => {
                reasons.push(format!("{name}: {reason}"));
                None
            }
        };
        if let Some(token) = tried("environment", self.client_secret(applied, scope).await?) {
            return Ok(token);
        }
        let step = self.workload_identity(applied, scope).await?;
        if let Some(token) = tried("workload identity", step) {
            return Ok(token);
        }
        let step = self.managed_identity(applied, resource).await?;
        if let Some(token) = tried("managed identity", step) {
            return Ok(token);
        }
        if let Some(token) = tried("Azure CLI", self.azure_cli(applied, resource).await) {
            return Ok(token);
        }
        let error = applied.fault("no Azure credentials were found").hint(
            "log in with az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
        );
        Err(reasons.into_iter().fold(error, CallError::hint))
    }

    async fn client_secret(&self, applied: &Applied<'_>, scope: &str) -> Step {
        let secret =
            match all(applied, &["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"]) {
                Ok(values) => values,
                Err(reason) => return Ok(Err(reason)),
            };
        let [tenant, client, secret] = secret;
        let grant = Grant {
            url: endpoint(applied, &tenant),
            fields: vec![
                ("grant_type", "client_credentials".to_owned()),
                ("client_id", client),
                ("client_secret", secret.clone()),
                ("scope", scope.to_owned()),
            ],
            secrets: vec![secret],
            ..Grant::default()
        };
        self.grant(applied, &grant).await.map(Ok)
    }

    async fn workload_identity(&self, applied: &Applied<'_>, scope: &str) -> Step {
        let names = ["AZURE_FEDERATED_TOKEN_FILE", "AZURE_TENANT_ID", "AZURE_CLIENT_ID"];
        let [file, tenant, client] = match all(applied, &names) {
            Ok(values) => values,
            Err(reason) => return Ok(Err(reason)),
        };
        // The platform renews the file: it is read for each token.
        let assertion = applied.read(&file)?;
        let grant = Grant {
            url: endpoint(applied, &tenant),
            fields: vec![
                ("grant_type", "client_credentials".to_owned()),
                ("client_id", client),
                (
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
                ),
                ("client_assertion", assertion.clone()),
                ("scope", scope.to_owned()),
            ],
            secrets: vec![assertion],
            ..Grant::default()
        };
        self.grant(applied, &grant).await.map(Ok)
    }

    async fn managed_identity(&self, applied: &Applied<'_>, resource: &str) -> Step {
        let platform =
            applied.variable("IDENTITY_ENDPOINT").zip(applied.variable("IDENTITY_HEADER"));
        let version = if platform.is_some() { "2019-08-01" } else { "2018-02-01" };
        let client = applied.variable("AZURE_CLIENT_ID");
        let query = identity_query(version, resource, client.as_deref());
        let (url, name, value, limit) = match &platform {
            Some((url, secret)) => {
                (url.as_str(), "X-IDENTITY-HEADER", secret.as_str(), PLATFORM_WAIT)
            }
            None => (METADATA, "Metadata", "true", METADATA_WAIT),
        };
        let request = Request::builder()
            .uri(format!("{url}?{query}"))
            .header(name, value)
            .body(Bytes::new())
            .map_err(|_| applied.fault("IDENTITY_ENDPOINT is not a usable URL"))?;
        let secrets: Vec<String> = platform.iter().map(|(_, secret)| secret.clone()).collect();
        match self.token(applied, request, limit, &secrets).await {
            Err(_) if platform.is_none() => Ok(Err("this machine has none".to_owned())),
            found => found.map(Ok),
        }
    }

    async fn azure_cli(
        &self,
        applied: &Applied<'_>,
        resource: &str,
    ) -> Result<Fetched<Token>, String> {
        let arguments = ["account", "get-access-token", "--output", "json", "--resource", resource];
        let printed = applied.run("az", &arguments).await?;
        let answer: Value = serde_json::from_str(&printed).unwrap_or_default();
        let text = answer.get("accessToken").and_then(Value::as_str).unwrap_or_default();
        if text.is_empty() {
            return Err("az printed no token".to_owned());
        }
        let soon = || (self.clock)().checked_add(CLI_TOKEN_LIFE);
        let expires: Option<SystemTime> = self.end(&answer).or_else(soon);
        Ok(Fetched { value: Token { text: text.to_owned(), quota_project: None }, expires })
    }
}

/// The values of variables that are of use only together.
fn all<const N: usize>(applied: &Applied<'_>, names: &[&str; N]) -> Result<[String; N], String> {
    let missing: Vec<&str> =
        names.iter().copied().filter(|name| applied.variable(name).is_none()).collect();
    if !missing.is_empty() {
        let plural = if missing.len() == 1 { "is" } else { "are" };
        return Err(format!("{} {plural} not set", missing.join(", ")));
    }
    Ok(names.map(|name| applied.variable(name).unwrap_or_default()))
}

fn endpoint(applied: &Applied<'_>, tenant: &str) -> String {
    let authority = applied.variable("AZURE_AUTHORITY_HOST");
    let authority = authority.as_deref().unwrap_or(AUTHORITY).trim_end_matches('/');
    let scheme = if authority.contains("://") { "" } else { "https://" };
    let tenant = crate::request::encode_segment(tenant.trim());
    format!("{scheme}{authority}/{tenant}/oauth2/v2.0/token")
}

fn identity_query(version: &str, resource: &str, client: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("api-version", version).append_pair("resource", resource);
    // Of several identities of a machine, the one that is meant.
    query.extend_pairs(client.map(|client| ("client_id", client)));
    query.finish()
}
