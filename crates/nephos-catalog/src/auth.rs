//! How a provider's calls are authorised.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::scalar;

/// `config.auth` of a provider, or what a user gives instead of it.
///
/// The fields that end in `_env` name environment variables; no value is read from one here.
/// `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Auth {
    /// `aws_signing_v4`, `bearer`, `null_auth`, ...; one of [`Auth::KINDS`], or one that is not
    /// known.
    pub kind: String,
    /// Variable that holds the secret.
    pub credentials_env: Option<String>,
    /// Variable that holds the path of a file with the secret.
    pub credentials_file_env: Option<String>,
    /// Path of a file with the secret.
    pub credentials_file: Option<String>,
    /// AWS access key id.
    pub key_id: Option<String>,
    /// Variable that holds the AWS access key id.
    pub key_id_env: Option<String>,
    /// User name of a pair.
    pub username: Option<String>,
    /// Variable that holds the user name.
    pub username_env: Option<String>,
    /// Password of a pair.
    pub password: Option<String>,
    /// Variable that holds the password.
    pub password_env: Option<String>,
    /// The first half of another spelling of a pair.
    pub api_key: Option<String>,
    /// Variable that holds it.
    pub api_key_env: Option<String>,
    /// The second half.
    pub api_secret: Option<String>,
    /// Variable that holds it.
    pub api_secret_env: Option<String>,
    /// Text before the secret (`SSWS `), spaces included.
    pub value_prefix: Option<String>,
    /// Header or query parameter that carries the secret.
    pub name: Option<String>,
    /// `header` or `query`.
    pub location: Option<String>,
    /// Applied as well, after this.
    pub successor: Option<Box<Auth>>,
    /// Where tokens come from; may hold `{{ .__env__VARIABLE }}`.
    pub token_url: Option<String>,
    /// OAuth grant (`client_credentials`).
    pub grant_type: Option<String>,
    /// OAuth client.
    pub client_id: Option<String>,
    /// Variable that holds the client.
    pub client_id_env: Option<String>,
    /// The client's secret.
    pub client_secret: Option<String>,
    /// Variable that holds the client's secret.
    pub client_secret_env: Option<String>,
    /// What tokens are asked for.
    pub scopes: Vec<String>,
    /// Further fields of the token request.
    pub values: Vec<(String, String)>,
    /// How the client names itself to the token endpoint: `1` or `params`, `2` or `header`.
    pub auth_style: Option<String>,
    /// The user whom a Google service account acts for.
    pub subject: Option<String>,
    /// Account of the provider.
    pub account_id: Option<String>,
    /// Variable that holds the account.
    pub account_id_env: Option<String>,
    /// Role to assume.
    pub role_arn: Option<String>,
    /// Variable that holds the role.
    pub role_arn_env: Option<String>,
    /// Name of the session, as audit logs show it.
    pub role_session_name: Option<String>,
    /// What the other account's trust policy asks for.
    pub role_external_id: Option<String>,
    /// Variable that holds it.
    pub role_external_id_env: Option<String>,
    /// Seconds that the role's credentials live.
    pub role_duration: Option<String>,
    /// Region of the STS that is asked.
    pub sts_region: Option<String>,
    /// Another STS.
    pub sts_endpoint: Option<String>,
}

impl Auth {
    /// The kinds that exist.
    pub const KINDS: [&'static str; 11] = [
        "api_key",
        "aws_assume_role",
        "aws_signing_v4",
        "azure_default",
        "basic",
        "bearer",
        "custom",
        "interactive",
        "null_auth",
        "oauth2",
        "service_account",
    ];

    /// Every key that is read, in all spellings: what YAML and JSON call `account_id_var` and
    /// `account_id_env_var` is the same.
    pub const KEYS: [&'static str; 41] = [
        "type",
        "credentialsenvvar",
        "credentialsfilepathenvvar",
        "credentialsfilepath",
        "keyID",
        "keyIDenvvar",
        "username",
        "username_var",
        "password",
        "password_var",
        "api_key",
        "api_key_var",
        "api_secret",
        "api_secret_var",
        "valuePrefix",
        "name",
        "location",
        "successor",
        "token_url",
        "grant_type",
        "client_id",
        "client_id_env_var",
        "client_secret",
        "client_secret_env_var",
        "scopes",
        "values",
        "auth_style",
        "sub",
        "account_id",
        "account_id_var",
        "account_id_env_var",
        "aws_role_arn",
        "aws_role_arn_env_var",
        "aws_role_session_name",
        "aws_role_external_id",
        "aws_role_external_id_env_var",
        "aws_role_duration_seconds",
        "aws_sts_region",
        "aws_sts_endpoint",
        "username_env_var",
        "password_env_var",
    ];

    /// Reads what stands under `auth`. Keys that are not known are not looked at.
    pub fn read(value: &Value) -> Self {
        let text = |key: &str| value.get(key).and_then(scalar).filter(|text| !text.is_empty());
        // A text that YAML has folded over two lines keeps no line end.
        let line = |key: &str| text(key).map(|text| text.trim().to_owned());
        let either = |a: &str, b: &str| line(a).or_else(|| line(b));
        Self {
            kind: line("type").unwrap_or_default().to_ascii_lowercase(),
            credentials_env: line("credentialsenvvar"),
            credentials_file_env: line("credentialsfilepathenvvar"),
            credentials_file: line("credentialsfilepath"),
            key_id: line("keyID"),
            key_id_env: line("keyIDenvvar"),
            username: text("username"),
            username_env: either("username_var", "username_env_var"),
            password: text("password"),
            password_env: either("password_var", "password_env_var"),
            api_key: text("api_key"),
            api_key_env: line("api_key_var"),
            api_secret: text("api_secret"),
            api_secret_env: line("api_secret_var"),
            value_prefix: text("valuePrefix"),
            name: line("name"),
            location: line("location"),
            successor: value
                .get("successor")
                .filter(|successor| successor.is_object())
                .map(|successor| Box::new(Self::read(successor))),
            token_url: line("token_url"),
            grant_type: line("grant_type"),
            client_id: line("client_id"),
            client_id_env: line("client_id_env_var"),
            client_secret: text("client_secret"),
            client_secret_env: line("client_secret_env_var"),
            scopes: match value.get("scopes") {
                Some(Value::Array(scopes)) => scopes.iter().filter_map(scalar).collect(),
                Some(Value::String(scopes)) => {
                    scopes.split_whitespace().map(str::to_owned).collect()
                }
                _ => Vec::new(),
            },
            values: fields(value.get("values")),
            auth_style: line("auth_style"),
            subject: line("sub"),
            account_id: line("account_id"),
            account_id_env: either("account_id_var", "account_id_env_var"),
            role_arn: line("aws_role_arn"),
            role_arn_env: line("aws_role_arn_env_var"),
            role_session_name: line("aws_role_session_name"),
            role_external_id: line("aws_role_external_id"),
            role_external_id_env: line("aws_role_external_id_env_var"),
            role_duration: line("aws_role_duration_seconds"),
            sts_region: line("aws_sts_region"),
            sts_endpoint: line("aws_sts_endpoint"),
        }
    }
}

/// Form fields; a field may have several values.
fn fields(values: Option<&Value>) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for (name, value) in values.and_then(Value::as_object).into_iter().flatten() {
        match value {
            Value::Array(several) => {
                fields.extend(several.iter().filter_map(scalar).map(|one| (name.clone(), one)));
            }
            one => fields.extend(scalar(one).map(|one| (name.clone(), one))),
        }
    }
    fields
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables: Vec<&str> = [
            &self.credentials_env,
            &self.credentials_file_env,
            &self.key_id_env,
            &self.username_env,
            &self.password_env,
            &self.api_key_env,
            &self.api_secret_env,
            &self.client_id_env,
            &self.client_secret_env,
            &self.account_id_env,
            &self.role_arn_env,
            &self.role_external_id_env,
        ]
        .into_iter()
        .filter_map(|name| name.as_deref())
        .collect();
        f.debug_struct("Auth")
            .field("kind", &self.kind)
            .field("variables", &variables)
            .field("name", &self.name)
            .field("location", &self.location)
            .field("token_url", &self.token_url)
            .field("scopes", &self.scopes)
            .field("successor", &self.successor)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_key_is_read() {
        for key in Auth::KEYS {
            let value = match key {
                "successor" => json!({ "type": "basic" }),
                "scopes" => json!(["a"]),
                "values" => json!({ "a": ["b"] }),
                _ => json!("x"),
            };
            let auth = Auth::read(&json!({ key: value }));
            assert_ne!(auth, Auth::default(), "{key}");
        }
    }

    #[test]
    fn both_spellings_of_the_account_are_one() {
        let yaml = Auth::read(&json!({ "account_id_var": "A" }));
        let json = Auth::read(&json!({ "account_id_env_var": "A" }));
        assert_eq!(yaml, json);
        assert_eq!(yaml.account_id_env.as_deref(), Some("A"));
    }

    #[test]
    fn values_may_be_lists_and_scopes_a_line() {
        let auth = Auth::read(&json!({
            "values": { "audience": "x", "resource": ["a", "b"] },
            "scopes": "one two",
            "auth_style": 2,
        }));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            auth.values,
            [pair("audience", "x"), pair("resource", "a"), pair("resource", "b")]
        );
        assert_eq!(auth.scopes, ["one", "two"]);
        assert_eq!(auth.auth_style.as_deref(), Some("2"));
    }

    #[test]
    fn debug_shows_no_secret() {
        let auth = Auth::read(&json!({
            "type": "basic", "username": "SECRET", "password": "SECRET", "api_key": "SECRET",
            "api_secret": "SECRET", "client_id": "SECRET", "client_secret": "SECRET",
            "values": { "assertion": "SECRET" }, "keyID": "SECRET", "credentialsenvvar": "NAMED",
            "successor": { "type": "bearer", "password": "SECRET" },
        }));
        let shown = format!("{auth:?} {auth:#?}");
        assert!(!shown.contains("SECRET"), "{shown}");
        assert!(shown.contains("NAMED") && shown.contains("bearer"), "{shown}");
    }
}
