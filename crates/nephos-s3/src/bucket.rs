//! Buckets.

use crate::error::no_such_bucket;
use crate::identity::{REGION, owner};
use crate::listing::{continuation, resume};
use crate::ownership::check_ownership;
use crate::service::Endpoint;
use crate::store::record::{BucketRecord, UploadId, Versioning, decode, encode};
use crate::store::tables::BUCKETS;
use crate::{clock, store::Fail};
use redb::ReadableTable;
use s3s::dto::{
    Bucket, BucketLocationConstraint, CreateBucketInput, CreateBucketOutput, DeleteBucketInput,
    DeleteBucketOutput, GetBucketLocationInput, GetBucketLocationOutput, HeadBucketInput,
    HeadBucketOutput, ListBucketsInput, ListBucketsOutput,
};
use s3s::{S3Result, s3_error};
use std::ops::Bound;

/// S3's limit for a page of `ListBuckets`.
const MAX_BUCKETS: i32 = 10_000;

/// What names of general purpose buckets must not begin and end with. From "General purpose bucket
/// naming rules" in the Amazon S3 User Guide.
const RESERVED_STARTS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
const RESERVED_ENDS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

impl Endpoint {
    pub(crate) async fn make_bucket(
        &self,
        input: CreateBucketInput,
    ) -> S3Result<CreateBucketOutput> {
        let configuration = input.create_bucket_configuration.unwrap_or_default();
        if RESERVED_STARTS.iter().any(|start| input.bucket.starts_with(start))
            || RESERVED_ENDS.iter().any(|end| input.bucket.ends_with(end))
        {
            return Err(s3_error!(InvalidBucketName, "The specified bucket is not valid."));
        }
        if configuration.bucket.is_some() || configuration.location.is_some() {
            return Err(s3_error!(
                NotImplemented,
                "The local S3 endpoint does not implement directory buckets"
            ));
        }
        let location = configuration
            .location_constraint
            .map(|constraint| constraint.as_str().to_owned())
            .filter(|constraint| !constraint.is_empty());
        if location.as_deref() == Some(REGION) {
            // us-east-1 is what the absence of a constraint means; S3 refuses to be told.
            return Err(s3_error!(
                InvalidLocationConstraint,
                "The specified location-constraint is not valid"
            ));
        }
        if !location.as_deref().is_none_or(is_region) {
            return Err(s3_error!(
                InvalidLocationConstraint,
                "The specified location-constraint is not valid"
            ));
        }
        if let Some(ownership) = &input.object_ownership {
            check_ownership(ownership).map_err(|error| match error.code() {
                s3s::S3ErrorCode::NotImplemented => error,
                _ => s3_error!(
                    InvalidArgument,
                    "Invalid x-amz-object-ownership header: {}",
                    ownership.as_str()
                ),
            })?;
        }
        let record = BucketRecord { created: clock::now(), location, versioning: Versioning::Off };
        let name = input.bucket.clone();
        self.store
            .commit(move |tables| {
                match tables.bucket(&name)? {
                    // In us-east-1 making a bucket again succeeds, for the sake of old clients.
                    Some(existing) if existing.location.is_none() && record.location.is_none() => {
                        Ok(())
                    }
                    Some(_) => Err(Fail::Refused(s3_error!(
                        BucketAlreadyOwnedByYou,
                        "Your previous request to create the named bucket succeeded and you already own it."
                    ))),
                    None => {
                        tables.buckets.insert(name.as_str(), &encode(&record)[..])?;
                        Ok(())
                    }
                }
            })
            .await?;
        Ok(CreateBucketOutput { location: Some(format!("/{}", input.bucket)) })
    }

    pub(crate) fn probe_bucket(&self, input: &HeadBucketInput) -> S3Result<HeadBucketOutput> {
        let record = self.existing_bucket(&input.bucket)?;
        Ok(HeadBucketOutput { bucket_region: Some(region(&record)), ..HeadBucketOutput::default() })
    }

    /// Uploads that are still open do not keep a bucket: S3 asks that a general purpose bucket
    /// holds no objects, and drops its unfinished uploads with it.
    pub(crate) async fn drop_bucket(
        &self,
        input: DeleteBucketInput,
    ) -> S3Result<DeleteBucketOutput> {
        self.store
            .commit(move |tables| {
                let bucket = input.bucket.as_str();
                tables.existing_bucket(bucket)?;
                let object = tables.objects.range((bucket, "")..)?.next().transpose()?;
                let version = tables.versions.range((bucket, "", 0)..)?.next().transpose()?;
                if version.is_some_and(|(key, _)| key.value().0 == bucket) {
                    return Err(Fail::Refused(s3_error!(
                        BucketNotEmpty,
                        "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
                    )));
                }
                if object.is_some_and(|(key, _)| key.value().0 == bucket) {
                    return Err(Fail::Refused(s3_error!(
                        BucketNotEmpty,
                        "The bucket you tried to delete is not empty"
                    )));
                }
                let mut uploads: Vec<(String, UploadId)> = Vec::new();
                for row in tables.uploads.range((bucket, "", 0)..)? {
                    let row = row?;
                    let (owner, key, upload) = row.0.value();
                    if owner != bucket {
                        break;
                    }
                    uploads.push((key.to_owned(), upload));
                }
                for (key, upload) in uploads {
                    tables.delete_upload(bucket, &key, upload)?;
                }
                tables.settings.retain_in((bucket, "")..=(bucket, "~"), |_, _| false)?;
                tables.buckets.remove(bucket)?;
                Ok(())
            })
            .await?;
        Ok(DeleteBucketOutput {})
    }

    pub(crate) fn page_of_buckets(&self, input: ListBucketsInput) -> S3Result<ListBucketsOutput> {
        let limit = input.max_buckets.unwrap_or(MAX_BUCKETS);
        if !(1..=MAX_BUCKETS).contains(&limit) {
            return Err(s3_error!(
                InvalidArgument,
                "max-buckets must be an integer between 1 and 10000"
            ));
        }
        let limit = usize::try_from(limit).unwrap_or_default();
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = match input.continuation_token.as_deref() {
            None | Some("") => None,
            Some(token) => Some(resume(token)?.0),
        };
        let (buckets, more) = self.scan_buckets(&prefix, after.as_deref(), limit, &input)?;
        let last = buckets.last().and_then(|bucket| bucket.name.clone());
        Ok(ListBucketsOutput {
            continuation_token: last.filter(|_| more).map(|name| continuation(&name, false)),
            buckets: Some(buckets),
            owner: Some(owner()),
            prefix: input.prefix,
        })
    }

    fn scan_buckets(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        input: &ListBucketsInput,
    ) -> Result<(Vec<Bucket>, bool), crate::store::Unavailable> {
        let table = self.store.read()?.open_table(BUCKETS)?;
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut buckets = Vec::new();
        for row in table.range::<&str>((start, Bound::Unbounded))? {
            let (name, row) = row?;
            if !name.value().starts_with(prefix) {
                break;
            }
            let record: BucketRecord = decode(row.value())?;
            let region = region(&record);
            if input.bucket_region.as_ref().is_some_and(|asked| *asked != region) {
                continue;
            }
            if buckets.len() == limit {
                return Ok((buckets, true));
            }
            buckets.push(Bucket {
                bucket_region: Some(region),
                creation_date: Some(clock::timestamp(record.created)),
                name: Some(name.value().to_owned()),
            });
        }
        Ok((buckets, false))
    }

    pub(crate) fn bucket_location(
        &self,
        input: &GetBucketLocationInput,
    ) -> S3Result<GetBucketLocationOutput> {
        let record = self.existing_bucket(&input.bucket)?;
        Ok(GetBucketLocationOutput {
            location_constraint: record.location.map(BucketLocationConstraint::from),
        })
    }

    /// The bucket, or `NoSuchBucket`.
    pub(crate) fn existing_bucket(&self, bucket: &str) -> S3Result<BucketRecord> {
        self.store.bucket(bucket)?.ok_or_else(no_such_bucket)
    }
}

/// Whether a name is built as the names of regions are: `eu-west-1`, `us-gov-east-1`, and `EU`.
fn is_region(name: &str) -> bool {
    let mut parts: Vec<&str> = name.split('-').collect();
    let number = parts.pop().unwrap_or_default();
    let words = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_lowercase()));
    let numbered = number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit());
    name == "EU" || parts.len() >= 2 && parts[0].len() == 2 && words && numbered
}

fn region(record: &BucketRecord) -> String {
    match record.location.as_deref() {
        None => REGION.to_owned(),
        // The oldest constraint is not the name of a region.
        Some("EU") => "eu-west-1".to_owned(),
        Some(location) => location.to_owned(),
    }
}
