//! Settings that buckets can be asked about and cannot have here. To say that they are not set is
//! the truth, and lets tools that look at all of a bucket work; to set them is `NotImplemented`.

use crate::service::Endpoint;
use s3s::dto::{
    GetBucketAccelerateConfigurationInput, GetBucketAccelerateConfigurationOutput,
    GetBucketLoggingInput, GetBucketLoggingOutput, GetBucketNotificationConfigurationInput,
    GetBucketNotificationConfigurationOutput, GetBucketReplicationInput,
    GetBucketReplicationOutput, GetBucketRequestPaymentInput, GetBucketRequestPaymentOutput,
    GetBucketWebsiteInput, GetBucketWebsiteOutput, GetObjectLockConfigurationInput,
    GetObjectLockConfigurationOutput, Payer,
};
use s3s::{S3Result, s3_error};

impl Endpoint {
    pub(crate) fn acceleration(
        &self,
        input: &GetBucketAccelerateConfigurationInput,
    ) -> S3Result<GetBucketAccelerateConfigurationOutput> {
        self.existing_bucket(&input.bucket)?;
        Ok(GetBucketAccelerateConfigurationOutput::default())
    }

    pub(crate) fn logging(
        &self,
        input: &GetBucketLoggingInput,
    ) -> S3Result<GetBucketLoggingOutput> {
        self.existing_bucket(&input.bucket)?;
        Ok(GetBucketLoggingOutput::default())
    }

    pub(crate) fn notifications(
        &self,
        input: &GetBucketNotificationConfigurationInput,
    ) -> S3Result<GetBucketNotificationConfigurationOutput> {
        self.existing_bucket(&input.bucket)?;
        Ok(GetBucketNotificationConfigurationOutput::default())
    }

    pub(crate) fn replication(
        &self,
        input: &GetBucketReplicationInput,
    ) -> S3Result<GetBucketReplicationOutput> {
        self.existing_bucket(&input.bucket)?;
        Err(s3_error!(
            ReplicationConfigurationNotFoundError,
            "The replication configuration was not found"
        ))
    }

    pub(crate) fn payer(
        &self,
        input: &GetBucketRequestPaymentInput,
    ) -> S3Result<GetBucketRequestPaymentOutput> {
        self.existing_bucket(&input.bucket)?;
        let payer = Payer::from_static(Payer::BUCKET_OWNER);
        Ok(GetBucketRequestPaymentOutput { payer: Some(payer) })
    }

    pub(crate) fn website(
        &self,
        input: &GetBucketWebsiteInput,
    ) -> S3Result<GetBucketWebsiteOutput> {
        self.existing_bucket(&input.bucket)?;
        Err(s3_error!(
            NoSuchWebsiteConfiguration,
            "The specified bucket does not have a website configuration"
        ))
    }

    pub(crate) fn object_lock(
        &self,
        input: &GetObjectLockConfigurationInput,
    ) -> S3Result<GetObjectLockConfigurationOutput> {
        self.existing_bucket(&input.bucket)?;
        Err(s3_error!(
            ObjectLockConfigurationNotFoundError,
            "Object Lock configuration does not exist for this bucket"
        ))
    }
}
