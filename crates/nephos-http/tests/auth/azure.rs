//! Azure's chain.

use std::os::unix::fs::PermissionsExt;

use crate::world::{Seen, Setting, advance, documented};

const AUTH: &str = "{ type: azure_default }";
const TOKEN: &str = r#"{"access_token": "t", "expires_in": "3600"}"#;

/// A machine without instance metadata.
fn nothing(_: &Seen) -> (u16, String) {
    (404, String::new())
}

fn application() -> Setting {
    documented(AUTH).variable("AZURE_TENANT_ID", "tenant").variable("AZURE_CLIENT_ID", "app")
}

#[tokio::test]
async fn the_environment_comes_first() {
    let world = application()
        .variable("AZURE_CLIENT_SECRET", "s3cret")
        .tokens(|_| (200, TOKEN.to_owned()))
        .make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "Bearer t");
    world.get().await.unwrap();
    assert_eq!(world.seen().len(), 3);
    let asked = &world.seen()[0];
    assert_eq!(asked.line, "POST https://login.microsoftonline.com/tenant/oauth2/v2.0/token");
    assert_eq!(
        asked.body,
        "grant_type=client_credentials&client_id=app&client_secret=s3cret&\
         scope=https%3A%2F%2Fmanagement.core.windows.net%2F%2F.default"
    );
}

#[tokio::test]
async fn a_workloads_token_is_exchanged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "federated\n").unwrap();
    let world = application()
        .variable("AZURE_FEDERATED_TOKEN_FILE", &file.display().to_string())
        .variable("AZURE_AUTHORITY_HOST", "https://login.partner.cn/")
        .tokens(|_| (200, TOKEN.to_owned()))
        .make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "Bearer t");
    let asked = &world.seen()[0];
    assert_eq!(asked.line, "POST https://login.partner.cn/tenant/oauth2/v2.0/token");
    assert_eq!(asked.form()["client_assertion"], "federated");
    assert_eq!(
        asked.form()["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
}

#[tokio::test]
async fn a_platform_gives_its_identity() {
    let world = documented(AUTH)
        .variable("IDENTITY_ENDPOINT", "http://127.0.0.1:4141/token")
        .variable("IDENTITY_HEADER", "h")
        .tokens(|_| (200, r#"{"access_token": "t", "expires_on": "1440941760"}"#.to_owned()))
        .make();
    world.get().await.unwrap();
    let asked = &world.seen()[0];
    assert_eq!(
        asked.line,
        "GET http://127.0.0.1:4141/token?api-version=2019-08-01&\
         resource=https%3A%2F%2Fmanagement.core.windows.net%2F"
    );
    assert_eq!(asked.header("x-identity-header"), "h");
    // expires_on is a time, an hour after the start here.
    advance(3300);
    world.get().await.unwrap();
    assert_eq!(world.seen().len(), 4);
}

#[tokio::test]
async fn a_machine_gives_its_identity() {
    let world = documented(AUTH)
        .variable("AZURE_CLIENT_ID", "one of two")
        .tokens(|_| (200, TOKEN.to_owned()))
        .make();
    world.get().await.unwrap();
    let asked = &world.seen()[0];
    assert_eq!(
        asked.line,
        "GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&\
         resource=https%3A%2F%2Fmanagement.core.windows.net%2F&client_id=one+of+two"
    );
    assert_eq!(asked.header("metadata"), "true");
}

#[tokio::test]
async fn the_cli_is_asked_last() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("az");
    let script = "#!/bin/sh\n\
        [ \"$*\" = 'account get-access-token --output json --resource https://management.core.windows.net/' ] || exit 1\n\
        echo '{\"accessToken\": \"of-az\", \"expires_on\": 1440941760, \"expiresOn\": \"local\"}'\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let path = folder.path().display().to_string();
    let world = documented(AUTH).variable("PATH", &path).tokens(nothing).make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "Bearer of-az");
    world.get().await.unwrap();
    // Instance metadata once, and two calls.
    assert_eq!(world.seen().len(), 3);
}

#[tokio::test]
async fn nothing_found_says_where_was_looked() {
    let error = application().tokens(nothing).make().fails().await;
    let hints = error.hints.join("\n");
    assert!(error.message.contains("no Azure credentials"), "{error}");
    for said in [
        "environment: AZURE_CLIENT_SECRET is not set",
        "workload identity: AZURE_FEDERATED_TOKEN_FILE is not set",
        "managed identity: ",
        "Azure CLI: az is not installed",
        "az login",
    ] {
        assert!(hints.contains(said), "{said}: {hints}");
    }
}

#[tokio::test]
async fn what_is_configured_and_fails_ends_the_chain() {
    let world = application()
        .variable("AZURE_CLIENT_SECRET", "s3cret")
        .tokens(|_| (401, r#"{"error": "invalid_client"}"#.to_owned()))
        .make();
    assert!(world.fails().await.message.contains("invalid_client"));
    assert_eq!(world.seen().len(), 1);
}
