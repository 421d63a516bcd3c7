//! Secrets are in no error and in no `Debug` output.

use nephos_catalog::Auth;
use nephos_http::parse_auth;

use crate::world::{Setting, documented, everything};

const SECRET: &str = "TOP/SECRET+1";

/// Answers that repeat what they were sent, as careless services do.
fn echoing(setting: Setting) -> Setting {
    setting.answers(|seen| {
        let text = format!(
            "<Error><Code>No</Code><Message>{} {:?} {}</Message></Error>",
            seen.line.replace('&', " "),
            seen.headers,
            seen.body.replace('&', " ")
        );
        if seen.line.contains("//token.") {
            let text = format!("{} {} {:?}", SECRET, seen.body, seen.headers);
            let text = serde_json::json!({ "error": "no", "error_description": text });
            return (400, text.to_string());
        }
        (401, text)
    })
}

#[tokio::test]
async fn no_error_shows_a_secret_that_a_service_repeats() {
    for auth in [
        "{ type: bearer, credentialsenvvar: S }",
        "{ type: api_key, credentialsenvvar: S, valuePrefix: 'x ' }",
        "{ type: basic, credentialsenvvar: S }",
        "{ type: basic, username_var: U, password_var: S }",
        "{ type: custom, name: x-key, credentialsenvvar: S }",
        "{ type: custom, location: query, name: key, credentialsenvvar: S }",
        "{ type: oauth2, token_url: 'https://token.io/', client_id_env_var: U, \
         client_secret_env_var: S }",
        "{ type: oauth2, token_url: 'https://token.io/', client_id_env_var: U, \
         client_secret_env_var: S, auth_style: 2 }",
    ] {
        let world = echoing(documented(auth)).variable("S", SECRET).variable("U", "me").make();
        let error = world.fails().await;
        let said = everything(&error);
        for shown in [SECRET, "TOP%2FSECRET", "bWU6VE9QL1NFQ1JFVCsx"] {
            assert!(!said.contains(shown), "{auth}: {said}");
        }
        assert!(said.contains("[secret]"), "{auth}: {said}");
        assert!(!format!("{:?}", world.client).contains(SECRET));
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_sent_is_not_shown() {
    for auth in [
        "{ type: bearer, credentialsenvvar: S }",
        "{ type: custom, name: x, credentialsenvvar: S }",
    ] {
        let world = documented(auth).variable("S", "TOP\u{7}SECRET").make();
        let error = world.fails().await;
        assert!(!everything(&error).contains("SECRET"), "{}", everything(&error));
        assert!(error.message.contains("characters"), "{error}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let given = parse_auth(
        r#"{"p": {"type": "basic", "username": "u", "password": "TOP/SECRET+1",
             "successor": {"type": "oauth2", "client_secret": "TOP/SECRET+1"}}}"#,
    )
    .unwrap();
    let auth: &Auth = &given[0].1;
    let shown = format!("{auth:?}");
    assert!(!shown.contains(SECRET), "{shown}");
    let transport = nephos_http::InProcess::new("none", |_| unreachable!());
    let builder =
        nephos_http::ClientBuilder::new(std::sync::Arc::new(transport)).auth("p", auth.clone());
    assert!(!format!("{builder:?}").contains(SECRET));
    assert!(!format!("{:?}", builder.build()).contains(SECRET));
}
