//! Who owns what, and who may see it: one account owns everything, and nothing is public.

use crate::error::{custom, malformed_xml};
use crate::identity::owner;
use crate::service::Endpoint;
use crate::setting::{Setting, from_xml, to_xml};
use http::StatusCode;
use s3s::dto::{
    DeleteBucketOwnershipControlsInput, DeleteBucketOwnershipControlsOutput,
    DeletePublicAccessBlockInput, DeletePublicAccessBlockOutput, GetBucketAclInput,
    GetBucketAclOutput, GetBucketOwnershipControlsInput, GetBucketOwnershipControlsOutput,
    GetObjectAclInput, GetObjectAclOutput, GetPublicAccessBlockInput, GetPublicAccessBlockOutput,
    Grant, Grantee, ObjectOwnership, OwnershipControls, OwnershipControlsRule, Permission,
    PublicAccessBlockConfiguration, PutBucketAclInput, PutBucketAclOutput,
    PutBucketOwnershipControlsInput, PutBucketOwnershipControlsOutput, PutObjectAclInput,
    PutObjectAclOutput, PutPublicAccessBlockInput, PutPublicAccessBlockOutput, Type,
};
use s3s::{S3Error, S3Result, s3_error};

impl Endpoint {
    pub(crate) fn bucket_acl(&self, input: &GetBucketAclInput) -> S3Result<GetBucketAclOutput> {
        self.existing_bucket(&input.bucket)?;
        Ok(GetBucketAclOutput { grants: Some(grants()), owner: Some(owner()) })
    }

    pub(crate) fn object_acl(&self, input: &GetObjectAclInput) -> S3Result<GetObjectAclOutput> {
        let named = self.named_version(&input.bucket, input.version_id.as_deref())?;
        self.existing_object(&self.store.read()?, &input.bucket, &input.key, named)?;
        Ok(GetObjectAclOutput {
            grants: Some(grants()),
            owner: Some(owner()),
            ..GetObjectAclOutput::default()
        })
    }

    /// A bucket of today has no lists; one that says what is the case anyway is accepted.
    pub(crate) fn set_bucket_acl(&self, input: &PutBucketAclInput) -> S3Result<PutBucketAclOutput> {
        self.existing_bucket(&input.bucket)?;
        let canned = input.acl.as_ref().map(|acl| acl.as_str().to_owned());
        let grants = input.access_control_policy.as_ref().and_then(|list| list.grants.as_deref());
        check_acl(canned.as_deref(), grants)?;
        Ok(PutBucketAclOutput {})
    }

    pub(crate) fn set_object_acl(&self, input: &PutObjectAclInput) -> S3Result<PutObjectAclOutput> {
        let named = self.named_version(&input.bucket, input.version_id.as_deref())?;
        self.existing_object(&self.store.read()?, &input.bucket, &input.key, named)?;
        let canned = input.acl.as_ref().map(|acl| acl.as_str().to_owned());
        let grants = input.access_control_policy.as_ref().and_then(|list| list.grants.as_deref());
        check_acl(canned.as_deref(), grants)?;
        Ok(PutObjectAclOutput::default())
    }

    pub(crate) async fn set_ownership(
        &self,
        input: PutBucketOwnershipControlsInput,
    ) -> S3Result<PutBucketOwnershipControlsOutput> {
        let [rule] = &input.ownership_controls.rules[..] else {
            return Err(malformed_xml());
        };
        check_ownership(&rule.object_ownership)?;
        let text = to_xml(&input.ownership_controls)?;
        self.set(input.bucket, Setting::Ownership, text).await?;
        Ok(PutBucketOwnershipControlsOutput {})
    }

    /// A bucket is made with its owner enforced; without a rule the same is the case.
    pub(crate) fn ownership(
        &self,
        input: &GetBucketOwnershipControlsInput,
    ) -> S3Result<GetBucketOwnershipControlsOutput> {
        let found = match self.setting_text(&input.bucket, Setting::Ownership)?.as_deref() {
            None => enforced(),
            Some("") => {
                return Err(s3_error!(
                    OwnershipControlsNotFoundError,
                    "The bucket ownership controls were not found"
                ));
            }
            Some(text) => from_xml(text)?,
        };
        Ok(GetBucketOwnershipControlsOutput { ownership_controls: Some(found) })
    }

    /// What was removed must not come back as the default, so that nothing is kept as a rule.
    pub(crate) async fn unset_ownership(
        &self,
        input: DeleteBucketOwnershipControlsInput,
    ) -> S3Result<DeleteBucketOwnershipControlsOutput> {
        self.set(input.bucket, Setting::Ownership, String::new()).await?;
        Ok(DeleteBucketOwnershipControlsOutput {})
    }

    pub(crate) async fn set_public_access(
        &self,
        input: PutPublicAccessBlockInput,
    ) -> S3Result<PutPublicAccessBlockOutput> {
        let given = input.public_access_block_configuration;
        let text = to_xml(&PublicAccessBlockConfiguration {
            block_public_acls: given.block_public_acls.or(Some(false)),
            block_public_policy: given.block_public_policy.or(Some(false)),
            ignore_public_acls: given.ignore_public_acls.or(Some(false)),
            restrict_public_buckets: given.restrict_public_buckets.or(Some(false)),
        })?;
        self.set(input.bucket, Setting::PublicAccess, text).await?;
        Ok(PutPublicAccessBlockOutput {})
    }

    pub(crate) fn public_access(
        &self,
        input: &GetPublicAccessBlockInput,
    ) -> S3Result<GetPublicAccessBlockOutput> {
        let found = self.setting(&input.bucket, Setting::PublicAccess)?;
        let found = found.unwrap_or_else(blocked);
        let blocks = [
            found.block_public_acls,
            found.block_public_policy,
            found.ignore_public_acls,
            found.restrict_public_buckets,
        ];
        if blocks.iter().all(Option::is_none) {
            return Err(no_public_access_block());
        }
        Ok(GetPublicAccessBlockOutput { public_access_block_configuration: Some(found) })
    }

    pub(crate) async fn unset_public_access(
        &self,
        input: DeletePublicAccessBlockInput,
    ) -> S3Result<DeletePublicAccessBlockOutput> {
        let nothing = to_xml(&PublicAccessBlockConfiguration::default())?;
        self.set(input.bucket, Setting::PublicAccess, nothing).await?;
        Ok(DeletePublicAccessBlockOutput {})
    }
}

/// The one kind of ownership there is.
pub(crate) fn check_ownership(ownership: &ObjectOwnership) -> S3Result<()> {
    match ownership.as_str() {
        ObjectOwnership::BUCKET_OWNER_ENFORCED => Ok(()),
        ObjectOwnership::BUCKET_OWNER_PREFERRED | ObjectOwnership::OBJECT_WRITER => Err(s3_error!(
            NotImplemented,
            "The local S3 endpoint has one account and no access control lists: object ownership is BucketOwnerEnforced"
        )),
        _ => Err(malformed_xml()),
    }
}

fn no_public_access_block() -> S3Error {
    custom(
        "NoSuchPublicAccessBlockConfiguration",
        StatusCode::NOT_FOUND,
        "The public access block configuration was not found",
    )
}

/// What S3 sets for every new bucket since 2023.
fn blocked() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration {
        block_public_acls: Some(true),
        block_public_policy: Some(true),
        ignore_public_acls: Some(true),
        restrict_public_buckets: Some(true),
    }
}

fn enforced() -> OwnershipControls {
    let object_ownership = ObjectOwnership::from_static(ObjectOwnership::BUCKET_OWNER_ENFORCED);
    OwnershipControls { rules: vec![OwnershipControlsRule { object_ownership }] }
}

fn grants() -> Vec<Grant> {
    let owner = owner();
    vec![Grant {
        grantee: Some(Grantee {
            display_name: owner.display_name,
            email_address: None,
            id: owner.id,
            type_: Type::from_static(Type::CANONICAL_USER),
            uri: None,
        }),
        permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
    }]
}

/// Refuses a list that would give anybody anything.
fn check_acl(canned: Option<&str>, given: Option<&[Grant]>) -> S3Result<()> {
    let own = |grant: &Grant| {
        let grantee = grant.grantee.as_ref().and_then(|grantee| grantee.id.as_ref());
        let full = grant.permission.as_ref().map(Permission::as_str);
        grantee == owner().id.as_ref() && full == Some(Permission::FULL_CONTROL)
    };
    let accepted = match (canned, given) {
        (Some(canned), None) => {
            ["private", "bucket-owner-full-control", "bucket-owner-read"].contains(&canned)
        }
        (None, Some(grants)) => grants.iter().all(own),
        (None, None) => {
            return Err(s3_error!(
                MissingSecurityHeader,
                "Your request was missing a required header"
            ));
        }
        (Some(_), Some(_)) => {
            return Err(s3_error!(UnexpectedContent, "This request does not support content"));
        }
    };
    if accepted { Ok(()) } else { Err(acl_not_supported()) }
}

pub(crate) fn acl_not_supported() -> S3Error {
    s3_error!(AccessControlListNotSupported, "The bucket does not allow ACLs")
}
