//! The encryption that a bucket has for those who ask for none.

use crate::action::DECRYPT;
use crate::encryption::{Encryption, KmsRecord, Protection, key_arn};
use crate::error::{decryption_denied, malformed_xml};
use crate::service::Endpoint;
use crate::setting::{Setting, to_xml};
use http::HeaderMap;
use s3s::S3Result;
use s3s::dto::{
    DeleteBucketEncryptionInput, DeleteBucketEncryptionOutput, GetBucketEncryptionInput,
    GetBucketEncryptionOutput, PutBucketEncryptionInput, PutBucketEncryptionOutput,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};

impl Endpoint {
    pub(crate) async fn set_encryption(
        &self,
        input: PutBucketEncryptionInput,
    ) -> S3Result<PutBucketEncryptionOutput> {
        let configuration = input.server_side_encryption_configuration;
        default_of(&configuration)?;
        self.set(input.bucket, Setting::Encryption, to_xml(&configuration)?).await?;
        Ok(PutBucketEncryptionOutput {})
    }

    pub(crate) fn encryption(
        &self,
        input: &GetBucketEncryptionInput,
    ) -> S3Result<GetBucketEncryptionOutput> {
        let found = self.setting(&input.bucket, Setting::Encryption)?;
        let found = found.unwrap_or_else(unset);
        Ok(GetBucketEncryptionOutput { server_side_encryption_configuration: Some(found) })
    }

    pub(crate) async fn unset_encryption(
        &self,
        input: DeleteBucketEncryptionInput,
    ) -> S3Result<DeleteBucketEncryptionOutput> {
        self.unset(input.bucket, Setting::Encryption).await?;
        Ok(DeleteBucketEncryptionOutput {})
    }

    /// How a write to a bucket is encrypted.
    pub(crate) fn protection(&self, bucket: &str, headers: &HeaderMap) -> S3Result<Protection> {
        let default = || match self.setting(bucket, Setting::Encryption)? {
            Some(configuration) => default_of(&configuration),
            None => Ok(Encryption::Unasked),
        };
        Protection::read(headers, default, || self.store.master_for_write())
    }

    /// Refuses what is sealed with a KMS key to callers who may not use it.
    pub(crate) fn permit_decryption(&self, encryption: &Encryption) -> S3Result<()> {
        match encryption {
            Encryption::Kms(_) if self.denies_decryption() => Err(decryption_denied()),
            _ => Ok(()),
        }
    }

    pub(crate) fn denies_decryption(&self) -> bool {
        self.denied.iter().any(|action| action.eq_ignore_ascii_case(DECRYPT))
    }
}

/// What S3 has set for every bucket since 2023.
fn unset() -> ServerSideEncryptionConfiguration {
    ServerSideEncryptionConfiguration {
        rules: vec![ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
                kms_master_key_id: None,
                sse_algorithm: ServerSideEncryption::from_static(ServerSideEncryption::AES256),
            }),
            bucket_key_enabled: Some(false),
        }],
    }
}

/// What a configuration means for a write.
fn default_of(configuration: &ServerSideEncryptionConfiguration) -> S3Result<Encryption> {
    let [rule] = &configuration.rules[..] else {
        return Err(malformed_xml());
    };
    let default =
        rule.apply_server_side_encryption_by_default.as_ref().ok_or_else(malformed_xml)?;
    let dual_layer = match default.sse_algorithm.as_str() {
        "AES256" if default.kms_master_key_id.is_some() => {
            return Err(s3s::s3_error!(
                InvalidArgument,
                "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse"
            ));
        }
        "AES256" => return Ok(Encryption::S3),
        "aws:kms" => false,
        "aws:kms:dsse" => true,
        _ => return Err(malformed_xml()),
    };
    Ok(Encryption::Kms(KmsRecord {
        key: key_arn(default.kms_master_key_id.as_deref())?,
        dual_layer,
        bucket_key: rule.bucket_key_enabled.unwrap_or(false),
        context: None,
    }))
}
