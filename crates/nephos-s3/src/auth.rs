//! The secrets that signatures are checked against.

use crate::users::Users;
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3Result, s3_error};
use std::sync::Arc;

/// Gives the protocol layer the secret of an access key.
pub(crate) struct Secrets(pub(crate) Arc<Users>);

pub(crate) fn unknown_key() -> S3Error {
    s3_error!(
        InvalidAccessKeyId,
        "The AWS Access Key Id you provided does not exist in our records."
    )
}

#[async_trait::async_trait]
impl S3Auth for Secrets {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let user = self.0.find(access_key).ok_or_else(unknown_key)?;
        Ok(SecretKey::from(user.secret_access_key))
    }
}
