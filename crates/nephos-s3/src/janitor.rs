//! What happens by itself, now and then: lifecycle rules, and answers that need not be repeated
//! any more.

use crate::clock;
use crate::error::internal;
use crate::lifecycle::{self, Subject, applies, due};
use crate::service::Endpoint;
use crate::setting::{Setting, from_xml};
use crate::store::Unavailable;
use crate::store::record::{
    CompletedRecord, ObjectRecord, UploadId, UploadRecord, VersionRecord, Versioning, decode,
};
use crate::store::tables::{BUCKETS, COMPLETED, OBJECTS, SETTINGS, UPLOADS, VERSIONS};
use crate::version::Version;
use redb::{ReadTransaction, ReadableTable};
use s3s::S3Result;
use s3s::dto::{BucketLifecycleConfiguration, LifecycleRule};
use tokio::task::spawn_blocking;

/// How long the answer of a completed upload can be repeated.
const REPEATABLE_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// More in one transaction would make others wait.
const BATCH: usize = 256;

/// As many chores are looked for at a time, so that the list of them stays small. The others are
/// found the next time.
const MAX_CHORES: usize = 10_000;

/// Something to be done away with, if it still is what it was when it was found.
enum Chore {
    Abort {
        key: String,
        upload: UploadId,
    },
    Expire {
        key: String,
        version: Version,
    },
    /// `latest` says whether it is the latest version, which only a delete marker can be.
    Remove {
        key: String,
        version: Version,
        latest: bool,
    },
}

impl Endpoint {
    /// Does what is due now. What fails for one bucket keeps no other from being cleaned; the first
    /// failure is returned.
    pub(crate) async fn clean(&self) -> S3Result<()> {
        let now = clock::now();
        let mut done = self.forget_completed(now).await;
        for (bucket, configuration) in self.scan(Self::ruled_buckets).await? {
            done = done.and(self.clean_bucket(bucket, configuration, now).await);
        }
        done
    }

    async fn clean_bucket(&self, bucket: String, configuration: String, now: i64) -> S3Result<()> {
        let name = bucket.clone();
        let chores = self.scan(move |endpoint| {
            let configuration: BucketLifecycleConfiguration = from_xml(&configuration)?;
            endpoint.chores(&name, &configuration.rules, now)
        });
        let mut chores = chores.await?.into_iter().peekable();
        while chores.peek().is_some() {
            let batch: Vec<Chore> = chores.by_ref().take(BATCH).collect();
            self.run(bucket.clone(), batch).await?;
        }
        Ok(())
    }

    /// Looks at many rows, on a thread that no request waits for.
    async fn scan<T, F>(&self, scan: F) -> S3Result<T>
    where
        F: FnOnce(&Self) -> Result<T, Unavailable> + Send + 'static,
        T: Send + 'static,
    {
        let endpoint = self.clone();
        Ok(spawn_blocking(move || scan(&endpoint)).await.map_err(internal)??)
    }

    /// Forgets the answers of uploads that were completed long ago.
    async fn forget_completed(&self, now: i64) -> S3Result<()> {
        let horizon = now - REPEATABLE_MILLIS;
        let old = self.scan(move |endpoint| endpoint.completed_before(horizon)).await?;
        for batch in old.chunks(BATCH) {
            let batch = batch.to_vec();
            self.store
                .commit(move |tables| {
                    for upload in &batch {
                        tables.completed.remove(upload)?;
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }

    fn completed_before(&self, horizon: i64) -> Result<Vec<UploadId>, Unavailable> {
        let table = self.store.read()?.open_table(COMPLETED)?;
        let mut old = Vec::new();
        for row in table.iter()? {
            if old.len() >= MAX_CHORES {
                break;
            }
            let (upload, row) = row?;
            let record: CompletedRecord = decode(row.value())?;
            if record.completed <= horizon {
                old.push(upload.value());
            }
        }
        Ok(old)
    }

    /// The buckets that have rules, with their configuration as it was set.
    fn ruled_buckets(&self) -> Result<Vec<(String, String)>, Unavailable> {
        let table = self.store.read()?.open_table(SETTINGS)?;
        let mut found = Vec::new();
        for row in table.iter()? {
            let (name, text) = row?;
            let (bucket, kind) = name.value();
            if kind == Setting::Lifecycle.name() {
                found.push((bucket.to_owned(), text.value().to_owned()));
            }
        }
        Ok(found)
    }

    fn chores(
        &self,
        bucket: &str,
        rules: &[LifecycleRule],
        now: i64,
    ) -> Result<Vec<Chore>, Unavailable> {
        let txn = self.store.read()?;
        let mut chores = Vec::new();
        if rules.iter().any(|rule| rule.abort_incomplete_multipart_upload.is_some()) {
            self.stale_uploads(&txn, bucket, rules, now, &mut chores)?;
        }
        if rules.iter().any(|rule| rule.expiration.is_some()) {
            self.expired_objects(&txn, bucket, rules, now, &mut chores)?;
        }
        let looks_at_versions = |rule: &LifecycleRule| {
            rule.expiration.is_some() || rule.noncurrent_version_expiration.is_some()
        };
        if rules.iter().any(looks_at_versions) && versioning(&txn, bucket)? != Versioning::Off {
            self.expired_versions(&txn, bucket, rules, now, &mut chores)?;
        }
        Ok(chores)
    }

    fn stale_uploads(
        &self,
        txn: &ReadTransaction,
        bucket: &str,
        rules: &[LifecycleRule],
        now: i64,
        chores: &mut Vec<Chore>,
    ) -> Result<(), Unavailable> {
        for row in txn.open_table(UPLOADS)?.range((bucket, "", 0)..)? {
            let (name, row) = row?;
            let (owner, key, upload) = name.value();
            if owner != bucket || chores.len() >= MAX_CHORES {
                break;
            }
            let record: UploadRecord = decode(row.value())?;
            let date = lifecycle::abort_date(rules, key, record.initiated, self.day);
            if date.is_some_and(|(date, _)| date <= now) {
                chores.push(Chore::Abort { key: key.to_owned(), upload });
            }
        }
        Ok(())
    }

    fn expired_objects(
        &self,
        txn: &ReadTransaction,
        bucket: &str,
        rules: &[LifecycleRule],
        now: i64,
        chores: &mut Vec<Chore>,
    ) -> Result<(), Unavailable> {
        for row in txn.open_table(OBJECTS)?.range((bucket, "")..)? {
            let (name, row) = row?;
            let (owner, key) = name.value();
            if owner != bucket || chores.len() >= MAX_CHORES {
                break;
            }
            let record: ObjectRecord = decode(row.value())?;
            let subject = Subject::of(key, &record);
            let date = lifecycle::expiry_date(rules, subject, record.modified, self.day);
            if date.is_some_and(|(date, _)| date <= now) {
                chores.push(Chore::Expire { key: key.to_owned(), version: record.version });
            }
        }
        Ok(())
    }

    /// Earlier versions that have had their time, and delete markers with nothing behind them.
    fn expired_versions(
        &self,
        txn: &ReadTransaction,
        bucket: &str,
        rules: &[LifecycleRule],
        now: i64,
        chores: &mut Vec<Chore>,
    ) -> Result<(), Unavailable> {
        let objects = txn.open_table(OBJECTS)?;
        let mut rows = txn.open_table(VERSIONS)?.range((bucket, "", 0)..)?.peekable();
        let mut before: Option<Predecessor> = None;
        while let Some(row) = rows.next() {
            let (name, row) = row?;
            let (owner, key, _) = name.value();
            if owner != bucket || chores.len() >= MAX_CHORES {
                break;
            }
            let record: VersionRecord = decode(row.value())?;
            let newer = match before.take().filter(|before| before.key == key) {
                Some(newer) => Some(newer),
                None => {
                    let current: Option<ObjectRecord> =
                        objects.get((bucket, key))?.map(|row| decode(row.value())).transpose()?;
                    current.map(|current| Predecessor::new(key, current.modified, 0))
                }
            };
            let alone = newer.is_none()
                && !matches!(rows.peek(), Some(Ok((next, _))) if next.value().0 == bucket && next.value().1 == key);
            let count = newer.as_ref().map_or(0, |newer| newer.count + 1);
            let outlived = newer.as_ref().is_some_and(|newer| {
                rules.iter().any(|rule| self.outlived(rule, key, &record, newer, now))
            });
            if outlived || alone && rules.iter().any(|rule| drops_marker(rule, key, &record)) {
                let (key, version) = (key.to_owned(), record.version());
                chores.push(Chore::Remove { key, version, latest: !outlived });
            }
            before = Some(Predecessor::new(key, record.modified(), count));
        }
        Ok(())
    }

    fn outlived(
        &self,
        rule: &LifecycleRule,
        key: &str,
        record: &VersionRecord,
        newer: &Predecessor,
        now: i64,
    ) -> bool {
        let Some(expiration) = &rule.noncurrent_version_expiration else {
            return false;
        };
        let nothing = Vec::new();
        let subject = match record {
            VersionRecord::Object(record) => Subject::of(key, record),
            VersionRecord::Marker(_) => Subject { key, size: Some(0), tags: &nothing },
        };
        let kept = expiration.newer_noncurrent_versions.unwrap_or(0);
        applies(rule, subject)
            && newer.count >= kept
            && expiration
                .noncurrent_days
                .is_some_and(|days| due(newer.since, days, self.day) <= now)
    }

    async fn run(&self, bucket: String, chores: Vec<Chore>) -> S3Result<()> {
        self.store
            .commit(move |tables| {
                let Some(record) = tables.bucket(&bucket)? else { return Ok(()) };
                for chore in &chores {
                    match chore {
                        Chore::Abort { key, upload } => {
                            tables.delete_upload(&bucket, key, *upload)?;
                        }
                        Chore::Expire { key, version } => {
                            let current = tables.object(&bucket, key)?;
                            if current.is_some_and(|current| current.version == *version) {
                                tables.delete_key(&bucket, key, record.versioning)?;
                            }
                        }
                        Chore::Remove { key, version, latest } => {
                            tables.delete_kept(&bucket, key, *version, *latest)?;
                        }
                    }
                }
                Ok(())
            })
            .await
    }
}

/// The next newer version of a key.
struct Predecessor {
    key: String,
    /// Since when whatever is older has not been the current one.
    since: i64,
    /// How many versions are newer than the current one is old.
    count: i32,
}

impl Predecessor {
    fn new(key: &str, since: i64, count: i32) -> Self {
        Self { key: key.to_owned(), since, count }
    }
}

impl VersionRecord {
    fn modified(&self) -> i64 {
        match self {
            Self::Object(record) => record.modified,
            Self::Marker(marker) => marker.modified,
        }
    }
}

fn versioning(txn: &ReadTransaction, bucket: &str) -> Result<Versioning, Unavailable> {
    let found = txn.open_table(BUCKETS)?.get(bucket)?;
    let record: Option<crate::store::record::BucketRecord> =
        found.map(|row| decode(row.value())).transpose()?;
    Ok(record.map(|record| record.versioning).unwrap_or_default())
}

/// Whether a rule removes a delete marker that hides nothing.
fn drops_marker(rule: &LifecycleRule, key: &str, record: &VersionRecord) -> bool {
    let asked = rule.expiration.as_ref().and_then(|e| e.expired_object_delete_marker);
    let nothing = Vec::new();
    asked == Some(true)
        && matches!(record, VersionRecord::Marker(_))
        && applies(rule, Subject { key, size: Some(0), tags: &nothing })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use crate::encryption::Encryption;
    use crate::store::record::{BucketRecord, Layout, encode};
    use crate::store::{Intent, Store};
    use crate::users::Users;
    use crate::version::Named;
    use bytes::Bytes;
    use redb::ReadableTableMetadata;
    use std::path::Path;
    use std::sync::Arc;

    fn endpoint(dir: &Path) -> Endpoint {
        Endpoint {
            store: Arc::new(Store::open(dir, &Options::default()).unwrap()),
            users: Arc::new(Users::new(dir, true)),
            denied: Arc::new([]),
            day: 1,
        }
    }

    async fn make_bucket(endpoint: &Endpoint, bucket: &'static str, versioning: Versioning) {
        let record = BucketRecord { created: 0, location: None, versioning };
        let made = endpoint.store.commit(move |tables| {
            tables.buckets.insert(bucket, &encode(&record)[..])?;
            Ok(())
        });
        made.await.unwrap();
    }

    async fn put(endpoint: &Endpoint, bucket: &'static str, key: &'static str) {
        let intent = Intent {
            length: crate::store::Length::Exact(1),
            algorithm: None,
            md5_tag: true,
            md5: false,
            sha256: false,
            secret: None,
        };
        let body = futures::stream::iter([Ok(Bytes::from_static(b"x"))]);
        let staged = endpoint.store.stage(body, intent).await.unwrap();
        let put = endpoint.store.commit(move |tables| {
            let versioning = tables.existing_bucket(bucket)?.versioning;
            let record = ObjectRecord {
                version: tables.new_version(versioning),
                size: 1,
                modified: 0,
                etag: String::new(),
                layout: Layout::Whole(tables.publish(&staged)?),
                checksum: None,
                described: crate::store::record::Described::default(),
                encryption: Encryption::Unasked,
            };
            tables.put_object(bucket, key, &record, versioning)
        });
        put.await.unwrap();
    }

    async fn delete(endpoint: &Endpoint, bucket: &'static str, key: &'static str) {
        let deleted = endpoint.store.commit(move |tables| {
            let versioning = tables.existing_bucket(bucket)?.versioning;
            tables.delete_key(bucket, key, versioning)
        });
        deleted.await.unwrap();
    }

    fn configuration(action: &str) -> String {
        format!(
            "<LifecycleConfiguration><Rule><Filter/><Status>Enabled</Status>{action}</Rule></LifecycleConfiguration>"
        )
    }

    fn rules(action: &str) -> Vec<LifecycleRule> {
        from_xml::<BucketLifecycleConfiguration>(&configuration(action)).unwrap().rules
    }

    fn objects(endpoint: &Endpoint) -> u64 {
        endpoint.store.read().unwrap().open_table(OBJECTS).unwrap().len().unwrap()
    }

    fn versions(endpoint: &Endpoint) -> u64 {
        endpoint.store.read().unwrap().open_table(VERSIONS).unwrap().len().unwrap()
    }

    const MARKERS: &str =
        "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
    const EARLIER: &str = "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>";

    #[tokio::test]
    async fn an_object_that_replaced_an_expired_marker_stays() {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = endpoint(dir.path());
        make_bucket(&endpoint, "b", Versioning::Suspended).await;
        delete(&endpoint, "b", "k").await;
        let chores = endpoint.chores("b", &rules(MARKERS), i64::MAX).unwrap();
        assert_eq!(chores.len(), 1);
        // Marker and object are both the version called null.
        put(&endpoint, "b", "k").await;
        endpoint.run("b".to_owned(), chores).await.unwrap();
        assert_eq!((objects(&endpoint), versions(&endpoint)), (1, 0));

        delete(&endpoint, "b", "k").await;
        let chores = endpoint.chores("b", &rules(MARKERS), i64::MAX).unwrap();
        endpoint.run("b".to_owned(), chores).await.unwrap();
        assert_eq!((objects(&endpoint), versions(&endpoint)), (0, 0));
    }

    #[tokio::test]
    async fn a_version_that_is_the_latest_again_stays() {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = endpoint(dir.path());
        make_bucket(&endpoint, "b", Versioning::Enabled).await;
        put(&endpoint, "b", "k").await;
        delete(&endpoint, "b", "k").await;
        put(&endpoint, "b", "k").await;
        let chores = endpoint.chores("b", &rules(EARLIER), i64::MAX).unwrap();
        assert_eq!(chores.len(), 2);
        // Without the newest object the marker is what hides the first one again.
        let removed = endpoint.store.commit(|tables| {
            let newest = tables.object("b", "k")?.map(|object| object.version.text());
            let named = Named::parse(&newest.unwrap_or_default())?;
            tables.delete_version("b", "k", named)
        });
        removed.await.unwrap();
        endpoint.run("b".to_owned(), chores).await.unwrap();
        assert_eq!((objects(&endpoint), versions(&endpoint)), (0, 1));
    }

    async fn configure(endpoint: &Endpoint, bucket: &'static str, rule: &str) {
        let text = configuration(rule);
        let set = endpoint.store.commit(move |tables| {
            tables.settings.insert((bucket, Setting::Lifecycle.name()), text.as_str())?;
            Ok(())
        });
        set.await.unwrap();
    }

    #[tokio::test]
    async fn rules_that_cannot_be_read_keep_no_other_bucket_from_being_cleaned() {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = endpoint(dir.path());
        for bucket in ["a", "b"] {
            make_bucket(&endpoint, bucket, Versioning::Suspended).await;
        }
        delete(&endpoint, "b", "k").await;
        configure(&endpoint, "a", "<").await;
        configure(&endpoint, "b", MARKERS).await;
        assert!(endpoint.clean().await.is_err());
        assert_eq!(versions(&endpoint), 0);
    }

    #[tokio::test]
    async fn what_is_too_much_for_one_time_is_done_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = endpoint(dir.path());
        make_bucket(&endpoint, "b", Versioning::Off).await;
        let record = encode(&UploadRecord {
            initiated: 0,
            described: crate::store::record::Described::default(),
            checksum: None,
            encryption: Encryption::Unasked,
            initiator: String::new(),
        });
        let begun = endpoint.store.commit(move |tables| {
            for upload in 0..=MAX_CHORES as u128 {
                tables.uploads.insert(("b", "k", upload), &record[..])?;
            }
            Ok(())
        });
        begun.await.unwrap();
        let abort = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>";
        configure(&endpoint, "b", abort).await;
        let left = || endpoint.store.read().unwrap().open_table(UPLOADS).unwrap().len().unwrap();
        endpoint.clean().await.unwrap();
        assert_eq!(left(), 1);
        endpoint.clean().await.unwrap();
        assert_eq!(left(), 0);
    }
}
