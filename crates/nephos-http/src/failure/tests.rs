use super::*;
use crate::testing::{call, call_of};

const AWS: &str = "{type: aws_signing_v4, credentialsenvvar: AWS_SECRET_ACCESS_KEY, \
                   keyIDenvvar: AWS_ACCESS_KEY_ID}";
const BEARER: &str = "{type: bearer, credentialsenvvar: EXAMPLE_TOKEN}";

fn refused_call(
    call: &Call,
    status: u16,
    headers: &[(&'static str, &str)],
    body: &str,
) -> CallError {
    let headers = headers
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    let status = StatusCode::from_u16(status).unwrap();
    failure(call, status, &headers, body.as_bytes(), SystemTime::UNIX_EPOCH)
}

fn refused(status: u16, body: &str) -> CallError {
    refused_call(&call("get"), status, &[], body)
}

/// What stands between the target and the status.
fn text(error: &CallError) -> &str {
    let text = error.message.strip_prefix("example.things.things.get failed: ").unwrap();
    text.rsplit_once(" (HTTP ").unwrap().0
}

#[test]
#[allow(clippy::too_many_lines)]
fn every_shape_of_error_is_read() {
    for (status, body, expected) in [
        // AWS JSON.
        (
            400,
            r#"{"__type":"com.amazon.coral.service#ResourceNotFoundException","message":"no table t."}"#,
            "ResourceNotFoundException: no table t",
        ),
        (400, r#"{"__type":"ValidationException","Message":"bad"}"#, "ValidationException: bad"),
        (400, r#"{"code":"InvalidParameter","message":"bad"}"#, "InvalidParameter: bad"),
        // AWS query, EC2, S3.
        (
            400,
            "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"http://x/\"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no user</Message></Error><RequestId>R</RequestId></ErrorResponse>",
            "NoSuchEntity: no user",
        ),
        (
            400,
            "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>no i-1</Message></Error></Errors><RequestID>R</RequestID></Response>",
            "InvalidInstanceID.NotFound: no i-1",
        ),
        (
            404,
            "\u{feff}<Error><Code>BlobNotFound</Code><Message>gone\nRequestId:1</Message></Error>",
            "BlobNotFound: gone RequestId:1",
        ),
        // Google, also as a stream's list.
        (
            403,
            r#"{"error":{"code":403,"message":"API not enabled","status":"PERMISSION_DENIED","details":[{"@type":"x","reason":"SERVICE_DISABLED"}]}}"#,
            "PERMISSION_DENIED: API not enabled",
        ),
        (
            404,
            r#"[{"error":{"code":404,"message":"gone","errors":[{"message":"gone","domain":"global","reason":"notFound"}]}}]"#,
            "notFound: gone",
        ),
        // Azure and OData.
        (
            404,
            r#"{"error":{"code":"ResourceGroupNotFound","message":"Resource group 'r' could not be found."}}"#,
            "ResourceGroupNotFound: Resource group 'r' could not be found",
        ),
        (
            400,
            r#"{"error":{"code":"Invalid","message":"Bad.","details":[{"code":"X","message":"name is too long"}]}}"#,
            "Invalid: Bad: name is too long",
        ),
        (
            400,
            r#"{"error":{"code":"","message":"Bad.","innererror":{"message":"no property p","type":"","stacktrace":""}}}"#,
            "Bad: no property p",
        ),
        (
            400,
            r#"{"error":{"code":"Invalid","message":{"lang":"en","value":"bad"}}}"#,
            "Invalid: bad",
        ),
        // GitHub.
        (
            404,
            r#"{"message":"Not Found","documentation_url":"https://docs","status":"404"}"#,
            "Not Found",
        ),
        (
            422,
            r#"{"message":"Validation Failed","errors":[{"resource":"Repository","field":"name","code":"custom","message":"name already exists"}]}"#,
            "custom: Validation Failed: name already exists",
        ),
        (
            422,
            r#"{"message":"Validation Failed","errors":[{"resource":"Issue","field":"title","code":"missing_field"}]}"#,
            "Validation Failed: Issue title missing_field",
        ),
        // Kubernetes.
        (
            404,
            r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods \"p\" not found","reason":"NotFound","details":{"name":"p"},"code":404}"#,
            "NotFound: pods \"p\" not found",
        ),
        // Okta.
        (
            401,
            r#"{"errorCode":"E0000011","errorSummary":"Invalid token provided","errorId":"I","errorCauses":[{"errorSummary":"it expired"}]}"#,
            "E0000011: Invalid token provided: it expired",
        ),
        // RFC 7807.
        (
            403,
            r#"{"type":"https://example.com/probs/credit","title":"No credit","detail":"30 needed","status":403}"#,
            "No credit: 30 needed",
        ),
        // Cloudflare, Linode, Datadog, Confluent.
        (
            403,
            r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"messages":[],"result":null}"#,
            "10000: Authentication error",
        ),
        (401, r#"{"errors":[{"reason":"Invalid Token"}]}"#, "Invalid Token"),
        (400, r#"{"errors":["bad query","bad time"]}"#, "bad query; bad time"),
        (
            401,
            r#"{"errors":[{"id":"x1","status":"401","detail":"Unauthorized key"}]}"#,
            "Unauthorized key",
        ),
        // OpenAI, Anthropic, DigitalOcean, Databricks, ClickHouse.
        (
            401,
            r#"{"error":{"message":"bad key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
            "invalid_api_key: bad key",
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"bad"},"request_id":"R"}"#,
            "invalid_request_error: bad",
        ),
        (
            404,
            r#"{"id":"not_found","message":"no droplet","request_id":"R"}"#,
            "not_found: no droplet",
        ),
        (
            404,
            r#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no cluster"}"#,
            "RESOURCE_DOES_NOT_EXIST: no cluster",
        ),
        (
            400,
            r#"{"status":400,"error":"BAD_REQUEST: no body","requestId":"R"}"#,
            "BAD_REQUEST: no body",
        ),
        // OAuth, Spring, and whatever else.
        (
            400,
            r#"{"error":"invalid_grant","error_description":"it expired"}"#,
            "invalid_grant: it expired",
        ),
        (404, r#"{"timestamp":1,"status":404,"error":"Not Found","path":"/x"}"#, "Not Found"),
        (400, r#"{"status":"error","msg":"bad"}"#, "bad"),
        (400, r#""just text""#, "just text"),
        (400, "  plain\r\n text\u{1b}[31m  ", "plain text [31m"),
        // GraphQL answers 200.
        (
            200,
            r#"{"data":null,"errors":[{"message":"no such field","extensions":{"code":"undefinedField"}}]}"#,
            "undefinedField: no such field",
        ),
        // Nothing to read.
        (404, "", "Not Found"),
        (500, "{}", "Internal Server Error"),
        (500, "[]", "Internal Server Error"),
        (500, "<broken", "Internal Server Error"),
        (599, "null", "no reason given"),
    ] {
        assert_eq!(text(&refused(status, body)), expected, "{body}");
    }
}

#[test]
fn a_page_is_shown_by_its_title_and_a_long_text_is_cut() {
    let page = "<!DOCTYPE html><html><head><title>\n 502 Bad &amp; Gateway\n</title></head><body>long</body>";
    assert_eq!(text(&refused(502, page)), "502 Bad & Gateway");
    let html = [("content-type", "text/html; charset=utf-8")];
    assert_eq!(text(&refused_call(&call("get"), 502, &html, "<center>x")), "Bad Gateway");
    let json = r#"{"message":"no such page"}"#;
    assert_eq!(text(&refused_call(&call("get"), 404, &html, json)), "no such page");
    let long = refused(400, &format!("{{\"message\":\"{}\"}}", "é ".repeat(4000)));
    assert!(text(&long).ends_with("é…"), "{long}");
    assert!(text(&long).chars().count() <= 501);
    // The text that turns around what stands beside it.
    assert_eq!(text(&refused(400, "a\u{202e}b")), "ab");
    // A hundred thousand brackets are no reason to fall over.
    assert!(text(&refused(400, &"[".repeat(100_000))).starts_with("[[["));
}

#[test]
fn requests_are_named_towards_the_people_who_run_the_service() {
    let id = |error: &CallError| {
        error.context.iter().find(|(name, _)| *name == "request id").map(|(_, id)| id.clone())
    };
    for (header, body) in [
        ("x-amzn-requestid", ""),
        ("x-ms-request-id", ""),
        ("x-github-request-id", ""),
        ("cf-ray", ""),
        ("x-other", r#"{"error":{"code":"c","innerError":{"request-id":"R"}}}"#),
        ("x-other", r#"{"message":"m","request_id":"R"}"#),
        ("x-other", "<Response><Errors/><RequestID>R</RequestID></Response>"),
    ] {
        let error = refused_call(&call("get"), 400, &[(header, "R")], body);
        assert_eq!(id(&error).as_deref(), Some("R"), "{header} {body}");
    }
    assert_eq!(id(&refused(400, "{}")), None);
}

#[test]
fn secrets_that_are_quoted_back_are_hidden() {
    let error = refused(400, r#"{"code":"TOP-SECRET","message":"token TOP-SECRET is bad"}"#);
    assert_eq!(text(&error), "[secret]: token [secret] is bad");
    assert!(!format!("{error:?}").contains("TOP-SECRET"));
}

#[test]
fn what_was_not_executed_is_told_from_what_failed() {
    let of = |error: CallError| (error.retryable, error.throttled);
    assert_eq!(of(refused(429, "")), (true, true));
    assert_eq!(of(refused(503, "<Error><Code>SlowDown</Code></Error>")), (true, true));
    assert_eq!(of(refused(503, "")), (true, false));
    assert_eq!(of(refused(500, "")), (true, false));
    assert_eq!(of(refused(400, "{}")), (false, false));
    assert_eq!(of(refused(403, "{}")), (false, false));
    // Google says PERMISSION_DENIED and, further in, why.
    let google = r#"{"error":{"code":403,"message":"x","status":"PERMISSION_DENIED","errors":[{"message":"x","reason":"rateLimitExceeded"}]}}"#;
    assert_eq!(of(refused(403, google)), (true, true));
    let github = refused(403, r#"{"message":"You have exceeded a secondary rate limit."}"#);
    assert_eq!(github.retry_after, Some(Duration::from_mins(1)));
    assert_eq!(of(github), (true, true));
    // S3 says 200, begins, and fails.
    assert_eq!(of(refused(200, "<Error><Code>SlowDown</Code></Error>")), (true, false));
    assert_eq!(
        of(refused(200, r#"{"errors":[{"type":"RATE_LIMITED","message":"m"}]}"#)),
        (true, true)
    );
}

#[test]
fn hints_speak_of_the_provider_that_was_called() {
    let hints = |call: &Call, status: u16, body: &str| {
        refused_call(call, status, &[], body).hints.join("\n")
    };
    let denied = "<Error><Code>AccessDenied</Code></Error>";
    let bearer = call_of("example", "things", BEARER, "get");
    for (status, body) in [(403, denied), (401, "{}"), (403, "{}")] {
        let said = hints(&bearer, status, body);
        assert!(said.contains("EXAMPLE_TOKEN") && !said.contains("getThing"), "{said}");
    }
    assert!(hints(&call("get"), 401, "{}").contains("carry no credentials"));
    assert_eq!(
        hints(&bearer, 404, "{}"),
        "is there anything at id = 'a'? services also say this of what the credentials may not see"
    );
    assert_eq!(hints(&bearer, 429, ""), "the service asks for fewer requests");
    assert_eq!(hints(&bearer, 400, "{}"), "");

    let aws = call_of("aws", "iam", AWS, "get");
    let body =
        |code: &str| format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>");
    assert!(hints(&aws, 403, &body("AccessDenied")).contains("permission for getThing"));
    assert!(hints(&aws, 403, &body("InvalidClientTokenId")).contains("access key id"));
    assert!(hints(&aws, 403, "{}").contains("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"));
    assert!(!hints(&aws, 404, &body("NoSuchBucket")).contains("aws.s3.buckets"));
    let s3 = call_of("aws", "s3", AWS, "get");
    assert!(
        hints(&s3, 404, denied.replace("AccessDenied", "NoSuchBucket").as_str())
            .contains("aws.s3.buckets")
    );
    let moved = refused_call(&s3, 301, &[("x-amz-bucket-region", "eu-west-1")], "");
    assert_eq!(moved.hints, ["the bucket is in region eu-west-1"]);
}

#[test]
fn the_wait_that_is_asked_for_is_told() {
    let asked = |header| refused_call(&call("get"), 429, &[header], "").hints.pop().unwrap();
    assert_eq!(asked(("retry-after", "1830")), "the service asks to wait 1830 s");
    let left = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1830")];
    let error = refused_call(&call("get"), 429, &left, "");
    assert_eq!(error.hints.last().unwrap(), "the rate limit resets in 1830 s");
}
