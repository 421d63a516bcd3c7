//! `DeleteObject` and `DeleteObjects`.

use crate::condition::WriteCondition;
use crate::error::malformed_xml;
use crate::object::announce_version;
use crate::service::{Answer, Endpoint};
use crate::store::Fail;
use crate::store::record::{ObjectRecord, VersionRecord, Versioning};
use crate::store::tables::Tables;
use crate::store::versions::Removal;
use crate::version::{Named, Version};
use crate::{clock, etag};
use http::{HeaderMap, HeaderValue};
use s3s::S3Response;
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    ObjectIdentifier,
};

/// S3's limit for the keys of one `DeleteObjects`.
const MAX_DELETIONS: usize = 1000;

/// Why one of many deletions was not made.
struct Refusal {
    code: &'static str,
    message: &'static str,
}

impl Endpoint {
    pub(crate) async fn remove_object(
        &self,
        input: DeleteObjectInput,
    ) -> Answer<DeleteObjectOutput> {
        let condition = WriteCondition { if_match: input.if_match, if_none_match: None };
        let version = input.version_id.as_deref().filter(|version| !version.is_empty());
        let named = version.map(Named::parse).transpose()?;
        let removal = self
            .store
            .commit(move |tables| {
                let versioning = tables.existing_bucket(&input.bucket)?.versioning;
                let current = current(tables, &input.bucket, &input.key, named)?;
                condition.check(current.as_ref())?;
                remove(tables, &input.bucket, &input.key, named, versioning)
            })
            .await?;
        let mut headers = HeaderMap::new();
        announce_version(
            &mut headers,
            removal.version.filter(|_| named.is_some() || removal.marker),
        );
        if removal.marker {
            headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
        }
        Ok(S3Response::with_headers(DeleteObjectOutput::default(), headers))
    }

    /// Deletes many objects in one commit. A key that is not there counts as deleted.
    pub(crate) async fn remove_objects(
        &self,
        input: DeleteObjectsInput,
    ) -> Answer<DeleteObjectsOutput> {
        let objects = input.delete.objects;
        if objects.is_empty() || objects.len() > MAX_DELETIONS {
            return Err(malformed_xml());
        }
        let quiet = input.delete.quiet.unwrap_or(false);
        let bucket = input.bucket;
        let (deleted, errors) = self
            .store
            .commit(move |tables| {
                let versioning = tables.existing_bucket(&bucket)?.versioning;
                let mut deleted = Vec::new();
                let mut errors = Vec::new();
                for object in &objects {
                    match remove_one(tables, &bucket, object, versioning)? {
                        Ok(removal) => deleted.push(shown(object.clone(), removal)),
                        Err(refusal) => errors.push(s3s::dto::Error {
                            code: Some(refusal.code.to_owned()),
                            message: Some(refusal.message.to_owned()),
                            key: Some(object.key.clone()),
                            version_id: object.version_id.clone(),
                        }),
                    }
                }
                Ok((deleted, errors))
            })
            .await?;
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            errors: Some(errors),
            request_charged: None,
        }))
    }
}

fn remove(
    tables: &mut Tables<'_>,
    bucket: &str,
    key: &str,
    named: Option<Named>,
    versioning: Versioning,
) -> Result<Removal, Fail> {
    match named {
        Some(named) => tables.delete_version(bucket, key, named),
        None => tables.delete_key(bucket, key, versioning),
    }
}

/// The object that a condition is about.
fn current(
    tables: &Tables<'_>,
    bucket: &str,
    key: &str,
    named: Option<Named>,
) -> Result<Option<ObjectRecord>, Fail> {
    Ok(match tables.version(bucket, key, named)? {
        Some(VersionRecord::Object(record)) => Some(*record),
        Some(VersionRecord::Marker(_)) | None => None,
    })
}

/// Deletes one of many, unless a condition of its own does not hold.
fn remove_one(
    tables: &mut Tables<'_>,
    bucket: &str,
    object: &ObjectIdentifier,
    versioning: Versioning,
) -> Result<Result<Removal, Refusal>, Fail> {
    let Ok(named) = object.version_id.as_deref().map(Named::parse).transpose() else {
        return Ok(Err(Refusal {
            code: "NoSuchVersion",
            message: "The specified version does not exist.",
        }));
    };
    let conditional =
        object.e_tag.is_some() || object.last_modified_time.is_some() || object.size.is_some();
    if conditional {
        let current = current(tables, bucket, &object.key, named)?;
        if !current.is_some_and(|current| holds(object, &current)) {
            return Ok(Err(Refusal {
                code: "PreconditionFailed",
                message: "At least one of the pre-conditions you specified did not hold",
            }));
        }
    }
    remove(tables, bucket, &object.key, named, versioning).map(Ok)
}

fn holds(object: &ObjectIdentifier, current: &ObjectRecord) -> bool {
    let tag = object.e_tag.as_ref().is_none_or(|tag| etag::same(tag, &current.etag));
    let size = object.size.is_none_or(|size| u64::try_from(size).ok() == Some(current.size));
    let seconds = current.modified.div_euclid(1000);
    let modified =
        object.last_modified_time.clone().is_none_or(|time| clock::seconds(time) == seconds);
    tag && size && modified
}

fn shown(object: ObjectIdentifier, removal: Removal) -> DeletedObject {
    let marker = removal.version.filter(|_| removal.marker).map(Version::text);
    DeletedObject {
        delete_marker: removal.marker.then_some(true),
        delete_marker_version_id: marker,
        key: Some(object.key),
        version_id: object.version_id,
    }
}
