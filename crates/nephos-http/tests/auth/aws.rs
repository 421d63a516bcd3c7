//! AWS: signatures as botocore makes them, where keys come from, regions, roles.

use crate::world::{Setting, advance, documented};

const AUTH: &str = "{ type: aws_signing_v4, credentialsenvvar: AWS_SECRET_ACCESS_KEY, \
                    keyIDenvvar: AWS_ACCESS_KEY_ID }";
/// The keys of AWS's published test suite.
const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn keys(setting: Setting) -> Setting {
    setting.variable("AWS_ACCESS_KEY_ID", ID).variable("AWS_SECRET_ACCESS_KEY", SECRET)
}

/// Region and service that a request was signed for.
fn scope(authorization: &str) -> &str {
    authorization
        .split_once("/20150830/")
        .and_then(|(_, rest)| rest.split_once("/aws4_request"))
        .map_or("", |(scope, _)| scope)
}

// The signatures were made with botocore 1.43.11 for the same requests at the same time.

#[tokio::test]
async fn a_body_is_hashed_and_headers_are_signed() {
    let world = keys(documented(AUTH))
        .server("https://dynamodb.us-east-2.amazonaws.com", "dynamodb")
        .make();
    let arguments = [("region", "us-east-2"), ("X-Amz-Target", "DynamoDB_20120810.ListTables")];
    let seen = world.send("send", &arguments, Some("{}")).await.unwrap();
    assert_eq!(seen.header("content-type"), "application/x-amz-json-1.0");
    assert_eq!(seen.header("x-amz-date"), "20150830T123600Z");
    assert_eq!(
        seen.header("authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-2/dynamodb/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
         Signature=510d36663d29eea52d2e35e8121b56065841b9cd61816de87251d369cc703dcb"
    );
    assert!(!seen.headers.contains_key("x-amz-content-sha256"));
}

#[tokio::test]
async fn a_path_is_normalised_and_encoded_twice_and_a_session_token_is_signed() {
    let world = keys(documented(AUTH))
        .variable("AWS_SESSION_TOKEN", "TOKEN/+=")
        .server("https://lambda.eu-west-1.amazonaws.com", "lambda")
        .make();
    let arguments = [("region", "eu-west-1"), ("id", "a:b c//x"), ("q", "$LATEST"), ("B", "/")];
    let seen = world.send("get", &arguments, None).await.unwrap();
    assert_eq!(
        seen.line,
        "GET https://lambda.eu-west-1.amazonaws.com/things/a%3Ab%20c//x?B=%2F&q=%24LATEST"
    );
    assert_eq!(seen.header("x-amz-security-token"), "TOKEN/+=");
    assert_eq!(
        seen.header("authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/lambda/aws4_request, \
         SignedHeaders=host;x-amz-date;x-amz-security-token, \
         Signature=90632b70cd27c48e716f8318851516f59f6dcf3f30152b6cf92d7f0d1f243e04"
    );
}

#[tokio::test]
async fn s3_signs_the_path_as_it_is() {
    let world = keys(documented(AUTH)).server("https://b.s3.amazonaws.com", "s3").make();
    let seen = world.send("get", &[("id", "a b//c"), ("q", "2")], None).await.unwrap();
    assert_eq!(seen.line, "GET https://b.s3.amazonaws.com/things/a%20b//c?q=2");
    assert_eq!(
        seen.header("authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request, \
         SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
         Signature=8f1dfc5ac6bf8e994c30c73f8d55b80256ca9c346b69606f247552a2318d8990"
    );
}

#[tokio::test]
async fn the_region_is_the_arguments_else_the_environments() {
    let setting = || keys(documented(AUTH)).server("https://iam.amazonaws.com", "iam");
    let world = setting().make();
    assert_eq!(scope(world.get().await.unwrap().header("authorization")), "us-east-1/iam");
    let world = setting().variable("AWS_DEFAULT_REGION", "eu-south-1").make();
    assert_eq!(scope(world.get().await.unwrap().header("authorization")), "eu-south-1/iam");
    let world = setting()
        .variable("AWS_DEFAULT_REGION", "eu-south-1")
        .variable("AWS_REGION", "eu-north-1")
        .make();
    assert_eq!(scope(world.get().await.unwrap().header("authorization")), "eu-north-1/iam");
    let seen = world.send("get", &[("id", "1"), ("region", "us-west-2")], None).await.unwrap();
    assert_eq!(scope(seen.header("authorization")), "us-west-2/iam");
}

#[tokio::test]
async fn keys_may_have_names_of_their_own_and_then_no_session_token() {
    let world = keys(documented(AUTH))
        .given(
            r#"{"type": "aws_signing_v4", "keyIDenvvar": "MY_ID", "credentialsenvvar": "MY_KEY"}"#,
        )
        .variable("MY_ID", "AKIDOTHER")
        .variable("MY_KEY", "other")
        .variable("AWS_SESSION_TOKEN", "of the usual pair")
        .make();
    let seen = world.get().await.unwrap();
    assert!(seen.header("authorization").contains("Credential=AKIDOTHER/"), "{seen:?}");
    assert!(!seen.headers.contains_key("x-amz-security-token"));
}

#[tokio::test]
async fn documents_of_aws_that_say_nothing_are_signed() {
    let world = keys(documented("")).provider("aws").make();
    let seen = world.get().await.unwrap();
    assert!(seen.header("authorization").starts_with("AWS4-HMAC-SHA256 "), "{seen:?}");
}

#[tokio::test]
async fn the_chain_sees_the_variables_that_the_client_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    std::fs::write(
        &file,
        "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = s\n\
         [other]\naws_access_key_id = AKIDOFFILE\naws_secret_access_key = s\n",
    )
    .unwrap();
    let setting = || {
        documented(AUTH)
            .variable("AWS_SHARED_CREDENTIALS_FILE", &file.display().to_string())
            .variable("AWS_REGION", "us-east-1")
    };
    let world = setting().variable("AWS_PROFILE", "other").make();
    let seen = world.get().await.unwrap();
    assert!(seen.header("authorization").contains("Credential=AKIDOFFILE/"), "{seen:?}");
    let world = setting()
        .build(|builder| {
            builder.credentials(nephos_http::CredentialsSource::AwsChain {
                profile: Some("other".to_owned()),
            })
        })
        .make();
    let seen = world.get().await.unwrap();
    assert!(seen.header("authorization").contains("Credential=AKIDOFFILE/"), "{seen:?}");
}

#[tokio::test]
async fn without_credentials_the_chain_and_the_unset_names_are_told() {
    let world = documented(AUTH)
        .given(
            r#"{"type": "aws_signing_v4", "keyIDenvvar": "MY_ID", "credentialsenvvar": "MY_KEY"}"#,
        )
        .variable("AWS_REGION", "us-east-1")
        .variable("AWS_EC2_METADATA_DISABLED", "true")
        .make();
    let error = world.fails().await;
    assert_eq!(error.message, "no AWS credentials found");
    let hints = error.hints.join("\n");
    assert!(hints.contains("MY_ID") && hints.contains("MY_KEY"), "{hints}");
    assert!(hints.contains("AWS_ACCESS_KEY_ID"), "{hints}");
    assert!(world.seen().is_empty(), "{:?}", world.seen());
}

const ROLE: &str = r#"{"type": "aws_assume_role", "aws_role_arn": "arn:aws:iam::1:role/r",
    "aws_role_external_id_env_var": "EXTERNAL", "aws_sts_region": "eu-west-1",
    "aws_role_duration_seconds": 900, "keyIDenvvar": "AWS_ACCESS_KEY_ID",
    "credentialsenvvar": "AWS_SECRET_ACCESS_KEY"}"#;

fn sts(seen: &crate::world::Seen) -> (u16, String) {
    if !seen.line.contains("//sts.") {
        return (200, String::new());
    }
    let text = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
        <AssumeRoleResult><AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/nephos</Arn>\
        <AssumedRoleId>R:nephos</AssumedRoleId></AssumedRoleUser><Credentials>\
        <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>rolesecret</SecretAccessKey>\
        <SessionToken>roletoken</SessionToken><Expiration>2015-08-30T13:36:00Z</Expiration>\
        </Credentials></AssumeRoleResult></AssumeRoleResponse>";
    (200, text.to_owned())
}

#[tokio::test]
async fn a_role_is_assumed_and_kept() {
    let world = keys(documented(AUTH)).given(ROLE).variable("EXTERNAL", "x1").answers(sts).make();
    let seen = world.get().await.unwrap();
    assert!(seen.header("authorization").contains("Credential=ASIAROLE/"), "{seen:?}");
    assert_eq!(seen.header("x-amz-security-token"), "roletoken");
    let asked = &world.seen()[0];
    assert!(asked.line.starts_with("POST https://sts.eu-west-1.amazonaws.com"), "{}", asked.line);
    assert_eq!(scope(asked.header("authorization")), "eu-west-1/sts");
    assert!(asked.header("authorization").contains("Credential=AKIDEXAMPLE/"));
    let form = asked.form();
    for (name, value) in [
        ("Action", "AssumeRole"),
        ("RoleArn", "arn:aws:iam::1:role/r"),
        ("RoleSessionName", "nephos"),
        ("ExternalId", "x1"),
        ("DurationSeconds", "900"),
    ] {
        assert_eq!(form[name], value);
    }
    world.get().await.unwrap();
    assert_eq!(world.seen().len(), 3);
    // Its credentials end after an hour.
    advance(3300);
    world.get().await.unwrap();
    assert_eq!(world.seen().len(), 5);
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_says_why() {
    let world = keys(documented(AUTH)).given(ROLE).make();
    let error = world.fails().await;
    assert!(error.message.contains("EXTERNAL"), "{error}");
    let world = keys(documented(AUTH))
        .given(ROLE)
        .variable("EXTERNAL", "x1")
        .answers(|_| {
            let text = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                        <Message>not you</Message></Error></ErrorResponse>";
            (403, text.to_owned())
        })
        .make();
    let error = world.fails().await;
    assert!(error.message.contains("arn:aws:iam::1:role/r"), "{error}");
    let said = crate::world::everything(&error);
    assert!(said.contains("not you"), "{said}");
    let world = keys(documented(AUTH)).given(r#"{"type": "aws_assume_role"}"#).make();
    assert!(world.fails().await.message.contains("aws_role_arn"));
}
