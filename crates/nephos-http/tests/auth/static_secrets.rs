//! Secrets that are sent as they are.

use crate::world::documented;

#[tokio::test]
async fn a_bearer_token_is_sent() {
    let world =
        documented("{ type: bearer, credentialsenvvar: TOKEN }").variable("TOKEN", "t0\n").make();
    let seen = world.get().await.unwrap();
    assert_eq!(seen.header("authorization"), "Bearer t0");
    assert_eq!(seen.line, "GET https://api.example.com/things/1");
    // The document's own prefix stands before the usual one.
    let world = documented("{ type: bearer, credentialsenvvar: TOKEN, valuePrefix: 'token ' }")
        .variable("TOKEN", "t0")
        .make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "token t0");
}

#[tokio::test]
async fn an_api_key_has_the_documents_prefix() {
    let world = documented("{ type: api_key, credentialsenvvar: TOKEN, valuePrefix: 'SSWS ' }")
        .variable("TOKEN", "k")
        .make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "SSWS k");
    let world =
        documented("{ type: api_key, credentialsenvvar: TOKEN }").variable("TOKEN", "k").make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "api_key k");
}

#[tokio::test]
async fn basic_encodes_pairs_and_nothing_else() {
    for auth in [
        "{ type: basic, username_var: U, password_var: P }",
        "{ type: basic, api_key_var: U, api_secret_var: P, valuePrefix: 'Basic ' }",
        "{ type: basic, username: me, password: 'p:w' }",
        "{ type: basic, api_key: me, api_secret: 'p:w' }",
    ] {
        let world = documented(auth).variable("U", "me").variable("P", "p:w").make();
        assert_eq!(world.get().await.unwrap().header("authorization"), "Basic bWU6cDp3", "{auth}");
    }
    let world =
        documented("{ type: basic, credentialsenvvar: C }").variable("C", "bWU6cDp3").make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "Basic bWU6cDp3");
}

#[tokio::test]
async fn secrets_may_stand_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "of-a-file\n").unwrap();
    let path = path.display().to_string();
    let world =
        documented("{ type: bearer, credentialsfilepathenvvar: F }").variable("F", &path).make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "Bearer of-a-file");
    let world = documented(&format!("{{ type: bearer, credentialsfilepath: '{path}' }}")).make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "Bearer of-a-file");
    std::fs::remove_file(&path).unwrap();
    let error = world.fails().await;
    assert!(error.message.contains(&path), "{error}");
}

#[tokio::test]
async fn custom_ignores_a_prefix_and_applies_its_successor() {
    let world = documented(
        "{ type: custom, location: header, name: DD-API-KEY, valuePrefix: 'no ', \
         credentialsenvvar: DD_API_KEY, successor: { type: custom, location: header, \
         name: DD-APPLICATION-KEY, credentialsenvvar: DD_APP_KEY } }",
    )
    .variable("DD_API_KEY", "one")
    .variable("DD_APP_KEY", "two")
    .make();
    let seen = world.get().await.unwrap();
    assert_eq!(seen.header("dd-api-key"), "one");
    assert_eq!(seen.header("dd-application-key"), "two");
    assert!(!seen.headers.contains_key("authorization"));
}

#[tokio::test]
async fn custom_may_stand_in_the_query() {
    let world = documented("{ type: custom, location: query, name: key, credentialsenvvar: K }")
        .variable("K", "a b&c")
        .make();
    let seen = world.get().await.unwrap();
    assert_eq!(seen.line, "GET https://api.example.com/things/1?key=a%20b%26c");
    let seen = world.send("get", &[("id", "1"), ("q", "x")], None).await.unwrap();
    assert_eq!(seen.line, "GET https://api.example.com/things/1?q=x&key=a%20b%26c");
}

#[tokio::test]
async fn null_auth_and_silence_send_nothing() {
    for auth in ["{ type: null_auth }", ""] {
        let world = documented(auth).variable("AWS_ACCESS_KEY_ID", "id").make();
        let seen = world.get().await.unwrap();
        assert!(!seen.headers.contains_key("authorization"), "{seen:?}");
    }
}

#[tokio::test]
async fn an_unset_variable_is_an_error_of_the_call() {
    for (auth, name) in [
        ("{ type: bearer, credentialsenvvar: TOKEN }", "TOKEN"),
        ("{ type: api_key, credentialsenvvar: TOKEN }", "TOKEN"),
        ("{ type: basic, credentialsenvvar: TOKEN }", "TOKEN"),
        ("{ type: basic, username_var: USER_, password_var: TOKEN }", "TOKEN"),
        ("{ type: custom, name: x, credentialsenvvar: TOKEN }", "TOKEN"),
        ("{ type: service_account, credentialsenvvar: TOKEN }", "TOKEN"),
        ("{ type: bearer, credentialsfilepathenvvar: TOKEN }", "TOKEN"),
        ("{ type: oauth2, token_url: 'https://t/', client_id_env_var: TOKEN }", "TOKEN"),
        ("{ type: oauth2, token_url: 'https://{{ .__env__TOKEN }}/' }", "TOKEN"),
    ] {
        // Empty is unset, too.
        let world = documented(auth).variable("USER_", "me").variable(name, "").make();
        let error = world.fails().await;
        assert_eq!(error.kind, nephos_http::CallErrorKind::Credentials);
        assert!(error.message.contains(name) && error.message.contains("test"), "{error}");
        let hints = error.hints.join(" ");
        assert!(hints.contains(name) && hints.contains("--auth"), "{hints}");
        assert!(world.seen().is_empty());
    }
}

#[tokio::test]
async fn an_unknown_kind_is_named_with_the_nearest() {
    let error = documented("{ type: bearerr }").make().fails().await;
    assert!(error.message.contains("bearerr"), "{error}");
    assert!(error.hints.iter().any(|hint| hint.contains("bearer?")), "{:?}", error.hints);
    let error = documented("{ type: oci_signing_v1 }").make().fails().await;
    assert!(error.message.contains("oci_signing_v1"), "{error}");
    let error = documented("{ name: x }").make().fails().await;
    assert!(error.message.contains("no type"), "{error}");
}

#[tokio::test]
async fn what_the_user_gives_replaces_the_documents_auth_as_a_whole() {
    let world = documented("{ type: api_key, credentialsenvvar: DOC, valuePrefix: 'SSWS ' }")
        .given(r#"{"type": "bearer", "credentialsenvvar": "MINE"}"#)
        .variable("DOC", "doc")
        .variable("MINE", "mine")
        .make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "Bearer mine");
}
