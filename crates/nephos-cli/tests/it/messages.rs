//! How errors look.

use insta::assert_snapshot;

use crate::home::Home;

fn fails(arguments: &[&str]) -> String {
    let ran = Home::new().run(arguments);
    assert_eq!((ran.stdout.as_str(), ran.code), ("", 1), "{}", ran.stderr);
    ran.stderr
}

#[test]
fn bad_sql_has_a_caret_under_the_place() {
    assert_snapshot!(fails(&["exec", "SELECT 1;\nSELECT *\nFORM aws.s3.buckets"]));
    assert_snapshot!(fails(&["exec", "SHOW METHODS IN aws.s3.partz"]));
    assert_snapshot!(fails(&["exec", "SELECT 1 +"]));
}

#[test]
fn the_contracts_sentence() {
    assert_snapshot!(fails(&["exec", "SELECT * FROM aws.s3.parts"]));
    assert_snapshot!(fails(&["exec", "DESCRIBE aws.s3.parts"]));
}

#[test]
fn a_missing_parameter() {
    assert_snapshot!(fails(&["exec", "EXEC aws.s3.parts.parts_List @Key = 'k'"]));
}

#[test]
fn no_credentials_names_the_chain_and_the_way_out() {
    let text = fails(&["exec", "SELECT * FROM aws.s3.buckets WHERE region = 'us-east-1'"]);
    assert!(text.contains("no AWS credentials found"), "{text}");
    assert!(text.contains("AWS_ACCESS_KEY_ID") && text.contains("--local"), "{text}");
}

#[test]
fn a_registry_that_is_none() {
    assert_snapshot!(fails(&["exec", "--registry", "{\"url\":\"ftp://x\"}", "SHOW PROVIDERS"]));
    assert_snapshot!(fails(&["exec", "--registry", "nonsense", "SHOW PROVIDERS"]));
    assert_snapshot!(fails(&["exec", "--endpoint-url", "ftp://x", "SHOW PROVIDERS"]));
}

#[test]
fn secrets_are_shown_nowhere() {
    for text in [
        "EXEC aws.s3.parts.parts_List @\"x-amz-server-side-encryption-customer-key\" = 'TOPSECRET'",
        "EXEC aws.s3.parts.parts_List @\"x-amz-server-side-encryption-customer-key\" 'TOPSECRET'",
        "EXEC aws.s3.parts.parts_List @\"x-amz-server-side-encryption-customer-key\" = \"TOPSECRET\"",
        "DELETE FROM aws.s3.objects WHERE \"x-amz-mfa\" > 'TOPSECRET'",
    ] {
        let shown = fails(&["exec", text]);
        assert!(!shown.contains("TOPSECRET"), "{shown}");
    }
}
