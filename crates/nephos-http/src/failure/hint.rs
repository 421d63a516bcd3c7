//! Ways out of a refusal.

use nephos_catalog::{Auth, Location};

use crate::Call;

/// Ways out, the nearest first. `region` is where S3 says that a bucket is.
pub(super) fn hints(
    call: &Call,
    code: Option<&str>,
    status: u16,
    throttled: bool,
    region: Option<&str>,
) -> Vec<String> {
    let mut hints = Vec::new();
    if is_aws(call) {
        hints.extend(code.and_then(|code| of_aws(call, code)));
    }
    if is_s3(call) {
        hints.extend(code.and_then(|code| of_s3(call, code)));
        if let Some(region) = region.filter(|_| matches!(status, 301 | 307 | 400)) {
            hints.push(format!("the bucket is in region {region}"));
        }
    }
    if hints.is_empty() {
        if throttled {
            hints.push("the service asks for fewer requests".to_owned());
        } else {
            hints.extend(of_status(call, status));
        }
    }
    hints
}

fn is_aws(call: &Call) -> bool {
    // AWS documents published before `config.auth` existed say nothing of it.
    call.auth.as_ref().is_none_or(|auth| auth.kind.starts_with("aws_"))
}

pub(super) fn is_s3(call: &Call) -> bool {
    is_aws(call) && call.signing_name == "s3"
}

fn named(call: &Call, name: &str) -> String {
    call.arg(name).unwrap_or("?").to_owned()
}

fn of_s3(call: &Call, code: &str) -> Option<String> {
    Some(match code {
        "NoSuchUpload" => format!(
            "upload {} of key {} may have been completed, aborted or never begun; \
             EXEC aws.s3.multipart_uploads.multipart_uploads_List shows the open ones",
            named(call, "uploadId"),
            named(call, "Key")
        ),
        "NoSuchBucket" => format!(
            "SELECT * FROM aws.s3.buckets WHERE region = '{}' shows the buckets there are",
            named(call, "region")
        ),
        "EntityTooSmall" => "every part but the last must have at least 5 MiB".to_owned(),
        "IllegalLocationConstraintException" => format!(
            "outside us-east-1 a bucket needs its region in the body: \
             @@json='{{\"LocationConstraint\":\"{}\"}}'",
            named(call, "region")
        ),
        _ => return None,
    })
}

fn of_aws(call: &Call, code: &str) -> Option<String> {
    Some(match code {
        "SignatureDoesNotMatch" => {
            "the secret access key does not belong to the access key id".to_owned()
        }
        "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "AuthFailure" => {
            "the service does not know this access key id; is it another account's or endpoint's?"
                .to_owned()
        }
        "RequestTimeTooSkewed" | "RequestExpired" => {
            "the clock of this machine differs from the service's by more than 15 minutes: set it"
                .to_owned()
        }
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
            "the session token has expired: log in again".to_owned()
        }
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => format!(
            "the credentials may not do this; it needs the permission for {}",
            call.method.operation
        ),
        "OptInRequired" => "the account has not switched on this service or region".to_owned(),
        "SlowDown" => "the service asks for fewer requests a second".to_owned(),
        _ => return None,
    })
}

fn of_status(call: &Call, status: u16) -> Option<String> {
    let provider = call.target.split('.').next().unwrap_or_default();
    match status {
        401 => Some(match &call.auth {
            Some(auth) if auth.kind == "null_auth" => {
                format!("calls of {provider} carry no credentials, and this service wants some")
            }
            auth => match variables(auth.as_ref()) {
                Some(names) => {
                    format!("calls of {provider} are authorised by {names}: is it valid?")
                }
                None => format!("the credentials for {provider} are not valid here"),
            },
        }),
        403 => Some(match variables(call.auth.as_ref()) {
            Some(names) => format!("what is in {names} may not do this; it lacks the permission"),
            None => "the credentials may not do this".to_owned(),
        }),
        404 => {
            let place = place(call)?;
            Some(format!(
                "is there anything at {place}? services also say this of what the credentials may not see"
            ))
        }
        _ => None,
    }
}

/// The environment variables that hold a provider's credentials.
fn variables(auth: Option<&Auth>) -> Option<String> {
    let auth = auth?;
    let names: Vec<&str> = [&auth.key_id_env, &auth.credentials_env]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    (!names.is_empty()).then(|| names.join(" and "))
}

/// The arguments that name the thing.
fn place(call: &Call) -> Option<String> {
    let in_path = |name: &str| {
        call.method.param(name).is_some_and(|p| p.location == Location::Path && !p.secret)
            || call.method.server_variables().any(|v| v.used && v.name == name)
    };
    let shown: Vec<String> = call
        .args
        .iter()
        .filter(|(name, value)| in_path(name) && value.text.len() <= 100)
        .map(|(name, value)| format!("{name} = '{}'", value.text))
        .collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}
