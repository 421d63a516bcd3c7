//! The one account this endpoint knows.

use s3s::dto::{Initiator, Owner};

/// The published access key id; it guards nothing but a local directory.
pub const ACCESS_KEY_ID: &str = "nephos";

/// The published secret access key that goes with [`ACCESS_KEY_ID`].
pub const SECRET_ACCESS_KEY: &str = "nephos-local";

/// The region to name in signatures; every other region is accepted as well.
pub const REGION: &str = "us-east-1";

/// The account number, as `x-amz-expected-bucket-owner` gives it.
pub(crate) const ACCOUNT_ID: &str = "000000000000";

/// The canonical user id: 64 hexadecimal digits, as S3 writes it.
const CANONICAL_USER_ID: &str = "6e6570686f73000000000000000000000000000000000000000000000000cafe";

pub(crate) fn owner() -> Owner {
    // S3 has not shown names of owners since November 2025.
    Owner { display_name: None, id: Some(CANONICAL_USER_ID.to_owned()) }
}

/// Who began an upload: a user of the account, or the account itself.
pub(crate) fn initiator(user: &str) -> Initiator {
    if user == ACCESS_KEY_ID {
        let display_name = Some(user.to_owned());
        return Initiator { display_name, id: owner().id };
    }
    Initiator {
        display_name: Some(user.to_owned()),
        id: Some(format!("arn:aws:iam::{ACCOUNT_ID}:user/{user}")),
    }
}
