//! The policy of a bucket: checked, kept and told, not carried out.

use crate::service::Endpoint;
use crate::setting::Setting;
use s3s::dto::{
    DeleteBucketPolicyInput, DeleteBucketPolicyOutput, GetBucketPolicyInput, GetBucketPolicyOutput,
    GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput, PolicyStatus, PutBucketPolicyInput,
    PutBucketPolicyOutput,
};
use s3s::{S3Error, S3Result, s3_error};
use serde_json::{Map, Value};

fn no_policy() -> S3Error {
    s3_error!(NoSuchBucketPolicy, "The bucket policy does not exist")
}

/// The statements of a policy. One may stand without brackets.
fn statements(policy: &str) -> S3Result<Vec<Map<String, Value>>> {
    let policy: Map<String, Value> = serde_json::from_str(policy).map_err(|_| {
        s3_error!(MalformedPolicy, "Policies must be valid JSON and the first byte must be '{{'")
    })?;
    let listed = match policy.get("Statement") {
        Some(Value::Array(listed)) if !listed.is_empty() => listed.clone(),
        Some(statement @ Value::Object(_)) => vec![statement.clone()],
        _ => return Err(s3_error!(MalformedPolicy, "Missing required field Statement")),
    };
    let object = |statement| match statement {
        Value::Object(fields) => Ok(fields),
        _ => Err(s3_error!(MalformedPolicy, "Policy statement must be an object")),
    };
    listed.into_iter().map(object).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Refuses a statement that S3 could not carry out.
fn check(statement: &Map<String, Value>, bucket: &str) -> S3Result<()> {
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow" | "Deny") => {}
        Some(other) => return Err(s3_error!(MalformedPolicy, "Invalid effect: {other}")),
        None => return Err(s3_error!(MalformedPolicy, "Missing required field Effect")),
    }
    for (field, opposite) in
        [("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource")]
    {
        if statement.contains_key(field) == statement.contains_key(opposite) {
            return Err(s3_error!(MalformedPolicy, "Missing required field {field}"));
        }
    }
    let named = statement.get("Resource").or_else(|| statement.get("NotResource"));
    let arn = format!("arn:aws:s3:::{bucket}");
    let within = |resource: &&str| {
        resource.strip_prefix(&arn).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let resources = named.map(texts).unwrap_or_default();
    if resources.is_empty() || !resources.iter().all(within) {
        return Err(s3_error!(MalformedPolicy, "Policy has invalid resource"));
    }
    Ok(())
}

/// Whether a statement lets everybody do something, whoever and wherever they are.
fn is_public(statement: &Map<String, Value>) -> bool {
    let everybody = match statement.get("Principal") {
        Some(Value::Object(kinds)) => {
            kinds.get("AWS").is_some_and(|names| texts(names).contains(&"*"))
        }
        Some(principal) => texts(principal).contains(&"*"),
        None => false,
    };
    everybody
        && statement.get("Effect").and_then(Value::as_str) == Some("Allow")
        && !statement.contains_key("Condition")
}

impl Endpoint {
    pub(crate) async fn set_policy(
        &self,
        input: PutBucketPolicyInput,
    ) -> S3Result<PutBucketPolicyOutput> {
        for statement in statements(&input.policy)? {
            check(&statement, &input.bucket)?;
        }
        self.set(input.bucket, Setting::Policy, input.policy).await?;
        Ok(PutBucketPolicyOutput {})
    }

    pub(crate) fn policy(&self, input: &GetBucketPolicyInput) -> S3Result<GetBucketPolicyOutput> {
        let policy = self.setting_text(&input.bucket, Setting::Policy)?.ok_or_else(no_policy)?;
        Ok(GetBucketPolicyOutput { policy: Some(policy) })
    }

    pub(crate) fn policy_status(
        &self,
        input: &GetBucketPolicyStatusInput,
    ) -> S3Result<GetBucketPolicyStatusOutput> {
        let policy = self.setting_text(&input.bucket, Setting::Policy)?.ok_or_else(no_policy)?;
        let public = statements(&policy)?.iter().any(is_public);
        let status = PolicyStatus { is_public: Some(public) };
        Ok(GetBucketPolicyStatusOutput { policy_status: Some(status) })
    }

    pub(crate) async fn unset_policy(
        &self,
        input: DeleteBucketPolicyInput,
    ) -> S3Result<DeleteBucketPolicyOutput> {
        self.unset(input.bucket, Setting::Policy).await?;
        Ok(DeleteBucketPolicyOutput {})
    }
}
