//! Google's credentials.

use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::world::{Seen, advance, documented};

/// Test data; it opens nothing.
const KEY: &str = include_str!("throw-away-rsa.pem");
const PUBLIC: &[u8] = include_bytes!("throw-away-rsa.pub.der");
const AUTH: &str = "{ type: service_account, credentialsenvvar: GOOGLE_CREDENTIALS }";

fn key() -> String {
    json!({
        "type": "service_account", "client_email": "robot@project.example",
        "private_key_id": "k1", "private_key": KEY,
        "token_uri": "https://oauth2.example.com/token",
    })
    .to_string()
}

fn token(_: &Seen) -> (u16, String) {
    (200, r#"{"access_token": "t", "expires_in": 3599}"#.to_owned())
}

/// Header and claims of a statement whose signature is the key's.
fn verified(asked: &Seen) -> (Value, Value) {
    let form = asked.form();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let assertion = &form["assertion"];
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PUBLIC);
    public.verify(signed.as_bytes(), &signature).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (read(header), read(claims))
}

#[tokio::test]
async fn a_service_account_signs_for_a_token() {
    let world = documented(AUTH).variable("GOOGLE_CREDENTIALS", &key()).tokens(token).make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "Bearer t");
    let asked = &world.seen()[0];
    assert_eq!(asked.line, "POST https://oauth2.example.com/token");
    let (header, claims) = verified(asked);
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
    assert_eq!(
        claims,
        json!({
            "iss": "robot@project.example",
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "aud": "https://oauth2.example.com/token",
            "iat": 1_440_938_160, "exp": 1_440_941_760,
        })
    );
    world.get().await.unwrap();
    assert_eq!(world.seen().len(), 3);
}

#[tokio::test]
async fn scopes_and_impersonation_come_from_the_auth_and_the_key_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    std::fs::write(&path, key()).unwrap();
    let path = path.display().to_string();
    let auths = [
        "{ type: service_account, credentialsenvvar: F, scopes: [a, b], sub: me@x }".to_owned(),
        "{ credentialsfilepathenvvar: F, scopes: 'a b', sub: me@x }".to_owned(),
        format!("{{ credentialsfilepath: '{path}', scopes: [a, b], sub: me@x }}"),
    ];
    for auth in auths {
        let world = documented(&auth).variable("F", &path).tokens(token).make();
        world.get().await.unwrap();
        let (_, claims) = verified(&world.seen()[0]);
        assert_eq!((&claims["scope"], &claims["sub"]), (&json!("a b"), &json!("me@x")));
    }
}

#[tokio::test]
async fn a_users_login_is_refreshed() {
    let key = r#"{"type": "authorized_user", "client_id": "c", "client_secret": "s",
                  "refresh_token": "r", "quota_project_id": "billed"}"#;
    let world = documented(AUTH).variable("GOOGLE_CREDENTIALS", key).tokens(token).make();
    let seen = world.get().await.unwrap();
    assert_eq!(seen.header("authorization"), "Bearer t");
    assert_eq!(seen.header("x-goog-user-project"), "billed");
    let asked = &world.seen()[0];
    assert_eq!(asked.line, "POST https://oauth2.googleapis.com/token");
    assert_eq!(asked.body, "grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=r");
}

#[tokio::test]
async fn gcloud_is_asked_for_its_users_token() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("gcloud");
    let script = "#!/bin/sh\n[ \"$*\" = 'auth print-access-token' ] && echo x >> \"$0.count\" && echo ya29\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let path = format!("relative:{}:/bin", folder.path().display());
    let world = documented("{ type: interactive }").variable("PATH", &path).make();
    assert_eq!(world.get().await.unwrap().header("authorization"), "Bearer ya29");
    world.get().await.unwrap();
    let runs = || std::fs::read_to_string(folder.path().join("gcloud.count")).unwrap().len() / 2;
    assert_eq!(runs(), 1);
    advance(240);
    world.get().await.unwrap();
    assert_eq!(runs(), 2);
    let error = documented("{ type: interactive }").make().fails().await;
    assert!(error.message.contains("gcloud is not installed"), "{error}");
}

#[tokio::test]
async fn keys_that_are_none_are_refused() {
    for (key, said) in [
        ("{", "not JSON"),
        (r#"{"type": "external_account"}"#, "external_account"),
        (r#"{"type": "service_account"}"#, "client_email"),
        (r#"{"client_email": "e", "private_key": "nonsense"}"#, "not an RSA key"),
        ("/nowhere/key.json", "/nowhere/key.json"),
    ] {
        let error = documented(AUTH).variable("GOOGLE_CREDENTIALS", key).make().fails().await;
        assert!(error.message.contains(said), "{said}: {error}");
    }
}
