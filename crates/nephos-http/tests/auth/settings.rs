//! `--auth` as users type it.

use nephos_http::parse_auth;

#[test]
fn both_spellings_are_read() {
    let given = parse_auth(
        r#"{"a": {"type": "oauth2", "account_id_var": "X", "auth_style": 2},
            "b": {"type": "oauth2", "account_id_env_var": "X", "scopes": "one"},
            "c": {"type": "basic", "sqlDataSource": {"dsn": "x"}, "successor": {"type": "bearer"}}}"#,
    )
    .unwrap();
    assert_eq!(given.len(), 3);
    assert_eq!(given[0].1.account_id_env.as_deref(), Some("X"));
    assert_eq!(given[1].1.account_id_env.as_deref(), Some("X"));
    assert_eq!(given[2].1.successor.as_ref().unwrap().kind, "bearer");
}

#[test]
fn mistakes_are_named_and_values_are_not_shown() {
    for (json, said, hint) in [
        ("{", "not JSON", "looks like"),
        ("[]", "JSON object", "looks like"),
        (r#"{"p": "HIDDEN"}"#, "provider p is not a JSON object", ""),
        (r#"{"p": {"type": "bearerr"}}"#, "bearerr", "bearer"),
        (r#"{"p": {"type": "basic", "passwrd": "HIDDEN"}}"#, "passwrd", "password"),
        (r#"{"p": {"type": "basic", "password": ["HIDDEN"]}}"#, "password must be one text", ""),
        (r#"{"p": {"type": "oauth2", "scopes": {"a": 1}}}"#, "scopes", ""),
        (r#"{"p": {"type": "oauth2", "values": "HIDDEN"}}"#, "values", ""),
        (r#"{"p": {"type": "custom", "location": "path"}}"#, "path", "header or query"),
        (
            r#"{"p": {"type": "custom", "successor": {"typ": "x"}}}"#,
            "the successor of the auth given for provider p has an unknown key \"typ\"",
            "type",
        ),
        (r#"{"p": {"type": "custom", "successor": "HIDDEN"}}"#, "successor", ""),
    ] {
        let error = parse_auth(json).unwrap_err();
        assert!(error.message.contains(said), "{json}: {error}");
        assert!(error.hints.join(" ").contains(hint), "{json}: {:?}", error.hints);
        assert!(!crate::world::everything(&error).contains("HIDDEN"), "{error:?}");
    }
}
