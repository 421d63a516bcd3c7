//! What a form's policy allows: a document that whoever signed it wrote, for whoever sends it.

use super::fields::Fields;
use crate::part::MAX_BODY;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use s3s::{S3Error, S3Result, s3_error};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Fields that no condition needs to name: the proof of who signed, in both of its versions, and
/// what the policy is about.
const FREE: [&str; 5] = ["awsaccesskeyid", "file", "policy", "signature", "x-amz-signature"];

/// A policy.
#[derive(Debug)]
pub(super) struct Policy {
    expires: OffsetDateTime,
    conditions: Vec<Condition>,
}

/// Something that must be so.
#[derive(Debug)]
enum Condition {
    /// What a field is, or how it begins. The name has the `$` that it came with; S3 reads a
    /// condition without one, and lets nothing meet it.
    Field { name: String, begins: bool, value: String },
    /// How long the file is, both bounds included.
    Length { least: u64, most: u64 },
}

/// The lengths that a policy allows for the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Policy {
    /// Reads the field, which is base64.
    pub(super) fn read(field: &str) -> S3Result<Self> {
        let document = STANDARD.decode(field).map_err(|_| unreadable("Invalid base64."))?;
        let document: Value =
            serde_json::from_slice(&document).map_err(|_| unreadable("Invalid JSON."))?;
        let expiration = document.get("expiration").and_then(Value::as_str);
        let expiration = expiration.ok_or_else(|| unreadable("Policy missing expiration."))?;
        let expires = OffsetDateTime::parse(expiration, &Rfc3339)
            .map_err(|_| unreadable(&format!("Invalid 'expiration' value: '{expiration}'")))?;
        let conditions = document.get("conditions").and_then(Value::as_array);
        let conditions = conditions.ok_or_else(|| unreadable("Policy missing conditions."))?;
        let conditions = conditions.iter().map(Condition::read).collect::<S3Result<_>>()?;
        Ok(Self { expires, conditions })
    }

    /// Checks everything but the file, and returns what is left to check of that.
    pub(super) fn check(
        &self,
        bucket: &str,
        fields: &Fields,
        now: OffsetDateTime,
    ) -> S3Result<Bounds> {
        if self.expires <= now {
            return Err(denied("Policy expired."));
        }
        let mut bounds = Bounds { least: 0, most: MAX_BODY };
        for condition in &self.conditions {
            match condition {
                Condition::Length { least, most } => {
                    bounds.least = bounds.least.max(*least);
                    bounds.most = bounds.most.min(*most);
                }
                Condition::Field { name, begins, value } => {
                    if !is_met(name, *begins, value, bucket, fields) {
                        return Err(failed(name, *begins, value));
                    }
                }
            }
        }
        let extra: Vec<&str> = fields.names().filter(|name| !self.covers(name)).collect();
        if extra.is_empty() {
            return Ok(bounds);
        }
        Err(denied(&format!("Extra input fields: {}", extra.join(", "))))
    }

    /// Whether a field may be there: whoever signed the policy thought of it.
    fn covers(&self, field: &str) -> bool {
        FREE.contains(&field)
            || field.starts_with("x-ignore-")
            || self.conditions.iter().any(|condition| match condition {
                Condition::Field { name, .. } => {
                    name.strip_prefix('$').is_some_and(|name| name.eq_ignore_ascii_case(field))
                }
                Condition::Length { .. } => false,
            })
    }
}

impl Condition {
    fn read(value: &Value) -> S3Result<Self> {
        match value {
            Value::Object(pair) => Self::read_pair(pair),
            Value::Array(items) => Self::read_list(items),
            _ => Err(unreadable("Invalid condition: it is neither a list nor a pair.")),
        }
    }

    /// `{"field": "value"}`.
    fn read_pair(pair: &Map<String, Value>) -> S3Result<Self> {
        let mut rows = pair.iter();
        let (Some((name, value)), None) = (rows.next(), rows.next()) else {
            return Err(unreadable(
                "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
            ));
        };
        let value = value
            .as_str()
            .ok_or_else(|| unreadable("Invalid Simple-Condition: value must be a string."))?;
        Ok(Self::Field { name: format!("${name}"), begins: false, value: value.to_owned() })
    }

    /// `["eq", "$field", "value"]`, `["starts-with", "$field", "prefix"]` or
    /// `["content-length-range", 1, 2]`.
    fn read_list(items: &[Value]) -> S3Result<Self> {
        let incomplete = || unreadable("Invalid condition: it must have three items.");
        let [operator, first, second] = items else { return Err(incomplete()) };
        let operator = operator.as_str().unwrap_or_default().to_ascii_lowercase();
        let begins = match operator.as_str() {
            "eq" => false,
            "starts-with" => true,
            "content-length-range" => {
                let number = |value: &Value| {
                    let text = value.as_str().and_then(|text| text.parse().ok());
                    value.as_u64().or(text).ok_or_else(|| {
                        unreadable(
                            "Invalid content-length-range: its bounds must be whole numbers.",
                        )
                    })
                };
                return Ok(Self::Length { least: number(first)?, most: number(second)? });
            }
            _ => {
                return Err(unreadable(&format!(
                    "Invalid condition: unknown operation '{operator}'."
                )));
            }
        };
        let text = |value: &Value| {
            let text = value.as_str().map(str::to_owned);
            text.ok_or_else(|| unreadable("Invalid condition: field and value must be strings."))
        };
        Ok(Self::Field { name: text(first)?, begins, value: text(second)? })
    }
}

/// A field that is not there meets no condition, even one that any value would.
fn is_met(name: &str, begins: bool, wanted: &str, bucket: &str, fields: &Fields) -> bool {
    let Some(name) = name.strip_prefix('$').map(str::to_ascii_lowercase) else {
        return false;
    };
    let found = if name == "bucket" { Some(bucket) } else { fields.get(&name) };
    match found {
        None => false,
        Some(found) if !begins => found == wanted,
        // Commas make a list of a type, and each of its items must begin so.
        Some(found) if name == "content-type" => {
            found.split(',').all(|item| item.trim_start().starts_with(wanted))
        }
        Some(found) => found.starts_with(wanted),
    }
}

fn failed(name: &str, begins: bool, value: &str) -> S3Error {
    let operator = if begins { "starts-with" } else { "eq" };
    let quoted = [operator, name, value].map(|text| json!(text).to_string());
    denied(&format!("Policy Condition failed: [{}]", quoted.join(", ")))
}

fn denied(reason: &str) -> S3Error {
    s3_error!(AccessDenied, "Invalid according to Policy: {reason}")
}

fn unreadable(reason: &str) -> S3Error {
    s3_error!(InvalidPolicyDocument, "Invalid Policy: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2030-01-01 00:00 UTC);

    fn read(document: &str) -> S3Result<Policy> {
        Policy::read(&STANDARD.encode(document))
    }

    /// The outcome for a form with a key and a type.
    fn check(conditions: &str) -> S3Result<Bounds> {
        let document =
            format!(r#"{{"expiration": "2030-01-01T00:00:01.000Z", "conditions": {conditions}}}"#);
        let mut fields = Fields::default();
        for (name, value) in [("key", "to/a"), ("content-type", "image/gif, image/png")] {
            fields.add(name.to_owned(), value.to_owned()).unwrap();
        }
        for name in FREE.into_iter().chain(["x-ignore-a"]) {
            fields.add(name.to_owned(), "x".to_owned()).unwrap();
        }
        read(&document)?.check("photos", &fields, NOW)
    }

    fn error(outcome: S3Result<Bounds>) -> String {
        let error = outcome.unwrap_err();
        format!("{} {}", error.code().as_str(), error.message().unwrap_or_default())
    }

    #[test]
    fn conditions_that_hold() {
        for conditions in [
            r#"[{"key": "to/a"}, {"content-type": "image/gif, image/png"}, {"bucket": "photos"}]"#,
            r#"[["eq", "$Key", "to/a"], ["starts-with", "$Content-Type", "image/"]]"#,
            r#"[["starts-with", "$key", ""], ["starts-with", "$content-type", ""]]"#,
        ] {
            assert_eq!(check(conditions).unwrap(), Bounds { least: 0, most: MAX_BODY });
        }
        let both = r#"[["starts-with", "$key", ""], ["starts-with", "$content-type", ""],
            ["content-length-range", 1, 20], ["content-length-range", "2", "30"]]"#;
        assert_eq!(check(both).unwrap(), Bounds { least: 2, most: 20 });
    }

    #[test]
    fn conditions_that_do_not_hold() {
        let any = r#"["starts-with", "$key", ""], ["starts-with", "$content-type", ""]"#;
        for (condition, told) in [
            (r#"{"key": "to"}"#, r#"["eq", "$key", "to"]"#),
            (r#"["eq", "$bucket", "other"]"#, r#"["eq", "$bucket", "other"]"#),
            (r#"["eq", "key", "to/a"]"#, r#"["eq", "key", "to/a"]"#),
            (r#"["starts-with", "$key", "from"]"#, r#"["starts-with", "$key", "from"]"#),
            (r#"["starts-with", "$acl", ""]"#, r#"["starts-with", "$acl", ""]"#),
            (
                r#"["starts-with", "$Content-Type", "image/g"]"#,
                r#"["starts-with", "$Content-Type", "image/g"]"#,
            ),
        ] {
            assert_eq!(
                error(check(&format!("[{any}, {condition}]"))),
                format!(
                    "AccessDenied Invalid according to Policy: Policy Condition failed: {told}"
                )
            );
        }
        assert_eq!(
            error(check("[]")),
            "AccessDenied Invalid according to Policy: Extra input fields: key, content-type"
        );
        let nothing = r#"[["eq", "key", "x"]]"#;
        assert!(error(check(nothing)).contains("Condition failed"));
    }

    #[test]
    fn a_policy_expires() {
        let policy = read(r#"{"expiration": "2030-01-01T00:00:00Z", "conditions": []}"#).unwrap();
        let at = |now| policy.check("photos", &Fields::default(), now);
        assert_eq!(error(at(NOW)), "AccessDenied Invalid according to Policy: Policy expired.");
        assert!(at(NOW - time::Duration::seconds(1)).is_ok());
    }

    #[test]
    fn documents_that_cannot_be_read() {
        let code = |error: S3Error| error.code().as_str().to_owned();
        assert_eq!(code(Policy::read("not base64!").unwrap_err()), "InvalidPolicyDocument");
        for document in [
            "words",
            "{}",
            "[]",
            r#"{"expiration": "2030-01-01T00:00:00Z"}"#,
            r#"{"conditions": []}"#,
            r#"{"expiration": "tomorrow", "conditions": []}"#,
            r#"{"Expiration": "2030-01-01T00:00:00Z", "conditions": []}"#,
        ] {
            assert_eq!(code(read(document).unwrap_err()), "InvalidPolicyDocument", "{document}");
        }
        for condition in [
            "1",
            "{}",
            "[]",
            r#"{"a": "1", "b": "2"}"#,
            r#"{"a": 1}"#,
            r#"["ends-with", "$key", "a"]"#,
            r#"["eq", "$key"]"#,
            r#"["eq", "$key", 1]"#,
            r#"["content-length-range", 1]"#,
            r#"["content-length-range", -1, 1]"#,
        ] {
            let outcome = check(&format!("[{condition}]"));
            assert_eq!(code(outcome.unwrap_err()), "InvalidPolicyDocument", "{condition}");
        }
    }
}
