//! The one key pair that signatures are checked against.

use crate::identity::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

/// Knows the published demo credentials.
pub(crate) struct DemoCredentials;

#[async_trait::async_trait]
impl S3Auth for DemoCredentials {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == ACCESS_KEY_ID {
            return Ok(SecretKey::from(SECRET_ACCESS_KEY));
        }
        Err(s3_error!(
            InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records."
        ))
    }
}
