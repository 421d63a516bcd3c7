//! OAuth client credentials, and how long tokens are kept.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::world::{Setting, advance, documented};

const DATABRICKS: &str = "
    type: oauth2
    client_id_env_var: ID
    client_secret_env_var: SECRET
    grant_type: client_credentials
    token_url: >-
      https://accounts.example.com/oidc/accounts/{{
      .__env__ACCOUNT }}/v1/token
    scopes:
      - all-apis
      - more";

fn client(auth: &str) -> Setting {
    documented(auth).variable("ID", "id").variable("SECRET", "s/cret").variable("ACCOUNT", "a/1")
}

/// A token endpoint whose tokens are numbered and live for so many seconds.
fn numbered(setting: Setting, life: &'static str) -> Setting {
    let count = AtomicUsize::new(0);
    setting.tokens(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        (200, format!(r#"{{"access_token": "t{number}", "expires_in": {life}}}"#))
    })
}

#[tokio::test]
async fn the_client_names_itself_in_the_header() {
    let world = numbered(client(DATABRICKS), "3600").make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "Bearer t1");
    let asked = &world.seen()[0];
    // A slash in a variable stays within its segment.
    assert_eq!(asked.line, "POST https://accounts.example.com/oidc/accounts/a%2F1/v1/token");
    assert_eq!(asked.body, "grant_type=client_credentials&scope=all-apis+more");
    assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded");
    // `id:s%2Fcret`, as RFC 6749 encodes both before they are joined.
    assert_eq!(asked.header("authorization"), "Basic aWQ6cyUyRmNyZXQ=");
}

#[tokio::test]
async fn the_client_names_itself_in_the_form_where_that_is_asked_for() {
    let auth = "{ type: oauth2, client_id: id, client_secret: s, token_url: 'https://t.io/x', \
                auth_style: 1, values: { audience: [api] } }";
    let world = numbered(documented(auth), "3600").make();
    world.get().await.unwrap();
    let asked = &world.seen()[0];
    assert_eq!(
        asked.body,
        "grant_type=client_credentials&client_id=id&client_secret=s&audience=api"
    );
    assert_eq!(asked.header("authorization"), "");
}

#[tokio::test]
async fn without_a_style_both_are_tried() {
    let world = client(DATABRICKS)
        .tokens(|seen| {
            if seen.headers.contains_key("authorization") {
                (401, r#"{"error": "invalid_client"}"#.to_owned())
            } else {
                (200, r#"{"access_token": "t", "expires_in": 10}"#.to_owned())
            }
        })
        .make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "Bearer t");
    assert_eq!(world.seen()[1].form()["client_secret"], "s/cret");
}

#[tokio::test]
async fn a_token_is_fetched_once_and_again_before_it_ends() {
    let world = numbered(client(DATABRICKS), "\"3600\"").make();
    let token = async || world.get().await.unwrap().header("authorization").to_owned();
    assert_eq!(token().await, "Bearer t1");
    advance(3299);
    assert_eq!(token().await, "Bearer t1");
    // Five minutes before the end.
    advance(1);
    assert_eq!(token().await, "Bearer t2");
    assert_eq!(world.seen().len(), 5);
}

#[tokio::test]
async fn a_short_token_is_kept_for_half_its_life() {
    let world = numbered(client(DATABRICKS), "60").make();
    let token = async || world.get().await.unwrap().header("authorization").to_owned();
    assert_eq!(token().await, "Bearer t1");
    advance(29);
    assert_eq!(token().await, "Bearer t1");
    advance(1);
    assert_eq!(token().await, "Bearer t2");
}

#[tokio::test]
async fn calls_that_start_together_ask_once() {
    let world = numbered(client(DATABRICKS), "3600").make();
    let calls = futures::future::join_all((0..10).map(|_| world.get())).await;
    assert!(calls.iter().all(Result::is_ok));
    let asked = world.seen().iter().filter(|seen| seen.line.starts_with("POST")).count();
    assert_eq!((asked, world.seen().len()), (1, 11));
}

#[tokio::test]
async fn a_kept_token_that_is_refused_is_renewed_once() {
    let count = AtomicUsize::new(0);
    let world = client(DATABRICKS)
        .answers(move |seen| {
            if seen.line.starts_with("POST") {
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                return (200, format!(r#"{{"access_token": "t{number}"}}"#));
            }
            // The first token is good for one call, the later ones for none.
            match (seen.header("authorization"), count.load(Ordering::SeqCst)) {
                ("Bearer t1", _) if seen.line.ends_with('1') => (200, String::new()),
                ("Bearer t2", _) if seen.line.ends_with('2') => (200, String::new()),
                _ => (401, String::new()),
            }
        })
        .make();
    world.get().await.unwrap();
    let seen = world.send("get", &[("id", "2")], None).await.unwrap();
    assert_eq!(seen.header("authorization"), "Bearer t2");
    // token, call, call refused, token, call
    assert_eq!(world.seen().len(), 5);
    // A fresh token that is refused is not renewed again.
    let error = world.send("get", &[("id", "3")], None).await.unwrap_err();
    assert!(error.message.contains("401"), "{error}");
    assert_eq!(world.seen().len(), 8);
}

#[tokio::test]
async fn a_token_endpoint_that_cannot_be_reached_is_asked_again() {
    // A POST that is not idempotent: only its token was asked for, so that it may be repeated.
    let world = numbered(client(DATABRICKS), "3600").cut(2).make();
    let seen = world.send("send", &[], Some("{}")).await.unwrap();
    assert_eq!(seen.header("authorization"), "Bearer t1");
    assert_eq!(world.seen().len(), 2);
}

#[tokio::test]
async fn a_secret_that_is_sent_as_it_is_is_not_sent_twice() {
    let world = documented("{ type: bearer, credentialsenvvar: ID }")
        .variable("ID", "wrong")
        .answers(|_| (401, String::new()))
        .make();
    assert!(world.fails().await.message.contains("401"));
    assert_eq!(world.seen().len(), 1);
}

#[tokio::test]
async fn a_refusal_says_who_and_why() {
    let world = client(DATABRICKS)
        .tokens(|_| {
            let text = r#"{"error": "invalid_client", "error_description": "AADSTS7: wrong\nx"}"#;
            (401, text.to_owned())
        })
        .make();
    let error = world.fails().await;
    assert_eq!(
        error.message,
        "provider test cannot be authorised: accounts.example.com gave no token: \
         invalid_client: AADSTS7: wrong (HTTP 401)"
    );
    for (auth, said) in [
        ("{ type: oauth2, grant_type: password, token_url: 'https://t/' }", "password"),
        ("{ type: oauth2, token_url: 'https://t/{{ .other }}' }", "token_url"),
        ("{ type: oauth2 }", "token_url"),
        ("{ type: oauth2, token_url: 'https://t/' }", "client_id"),
    ] {
        let error = documented(auth).make().fails().await;
        assert!(error.message.contains(said), "{error}");
    }
}
