//! The policy of a bucket.

use crate::service::Endpoint;
use crate::setting::Setting;
use s3s::dto::{
    DeleteBucketPolicyInput, DeleteBucketPolicyOutput, GetBucketPolicyInput, GetBucketPolicyOutput,
    GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput, PolicyStatus, PutBucketPolicyInput,
    PutBucketPolicyOutput,
};
use s3s::{S3Error, S3Result, s3_error};

fn no_policy() -> S3Error {
    s3_error!(NoSuchBucketPolicy, "The bucket policy does not exist")
}

impl Endpoint {
    pub(crate) async fn set_policy(
        &self,
        input: PutBucketPolicyInput,
    ) -> S3Result<PutBucketPolicyOutput> {
        let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>;
        object(&input.policy).map_err(|_| {
            s3_error!(
                MalformedPolicy,
                "Policies must be valid JSON and the first byte must be '{{'"
            )
        })?;
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
        self.setting_text(&input.bucket, Setting::Policy)?.ok_or_else(no_policy)?;
        // Anonymous requests are refused whatever a policy says.
        let status = PolicyStatus { is_public: Some(false) };
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
