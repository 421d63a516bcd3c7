//! What a write and a deletion do to the versions of a key.

use super::Fail;
use super::record::{MarkerRecord, ObjectRecord, VersionRecord, Versioning, decode, encode};
use super::tables::Tables;
use crate::clock;
use crate::version::{Named, Version};
use redb::ReadableTable;
use std::sync::atomic::Ordering;

/// What a deletion did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Removal {
    /// The version that was removed, or the marker that was made.
    pub(crate) version: Option<Version>,
    /// Whether that is a delete marker.
    pub(crate) marker: bool,
}

impl Tables<'_> {
    /// A version for a write that is made now.
    pub(crate) fn new_version(&self, versioning: Versioning) -> Version {
        let order = self.next.fetch_add(1, Ordering::Relaxed);
        let salt = (versioning == Versioning::Enabled).then(rand::random);
        Version { order, salt }
    }

    /// Makes an object the one that reads see.
    pub(crate) fn put_object(
        &mut self,
        bucket: &str,
        key: &str,
        record: &ObjectRecord,
        versioning: Versioning,
    ) -> Result<(), Fail> {
        self.set_aside(bucket, key, versioning)?;
        self.objects.insert((bucket, key), &encode(record)[..])?;
        Ok(())
    }

    /// Writes an object again whose bytes stay as they are: its tags were changed.
    pub(crate) fn rewrite_object(
        &mut self,
        bucket: &str,
        key: &str,
        record: &ObjectRecord,
    ) -> Result<(), Fail> {
        let current = self.object(bucket, key)?;
        if current.is_some_and(|current| current.version == record.version) {
            self.objects.insert((bucket, key), &encode(record)[..])?;
        } else {
            let row = encode(&VersionRecord::Object(Box::new(record.clone())));
            self.versions.insert((bucket, key, !record.version.order), &row[..])?;
        }
        Ok(())
    }

    /// Deletes a key: where versions are kept, a marker says so.
    pub(crate) fn delete_key(
        &mut self,
        bucket: &str,
        key: &str,
        versioning: Versioning,
    ) -> Result<Removal, Fail> {
        self.set_aside(bucket, key, versioning)?;
        if versioning == Versioning::Off {
            return Ok(Removal::default());
        }
        let version = self.new_version(versioning);
        let marker = VersionRecord::Marker(MarkerRecord { version, modified: clock::now() });
        self.keep(bucket, key, &marker)?;
        Ok(Removal { version: Some(version), marker: true })
    }

    /// Takes the current object out of the way of a new one.
    fn set_aside(&mut self, bucket: &str, key: &str, versioning: Versioning) -> Result<(), Fail> {
        let before = self.object(bucket, key)?;
        if before.is_some() {
            self.objects.remove((bucket, key))?;
        }
        let goes = |version: Version| match versioning {
            Versioning::Off => true,
            Versioning::Enabled => false,
            Versioning::Suspended => version.is_null(),
        };
        match before {
            Some(before) if goes(before.version) => self.release_object(&before)?,
            Some(before) => self.keep(bucket, key, &VersionRecord::Object(Box::new(before)))?,
            None => {}
        }
        if versioning == Versioning::Suspended {
            let null = self.nulls.get((bucket, key))?.map(|row| row.value());
            if let Some(place) = null {
                self.take(bucket, key, place)?;
            }
        }
        Ok(())
    }

    /// Adds a version behind the current one.
    fn keep(&mut self, bucket: &str, key: &str, record: &VersionRecord) -> Result<(), Fail> {
        let version = record.version();
        self.versions.insert((bucket, key, !version.order), &encode(record)[..])?;
        if version.is_null() {
            self.nulls.insert((bucket, key), !version.order)?;
        }
        Ok(())
    }

    /// Removes a version that is not the current object, bytes and all.
    fn take(&mut self, bucket: &str, key: &str, place: u64) -> Result<(), Fail> {
        let removed: Option<VersionRecord> = match self.versions.remove((bucket, key, place))? {
            Some(row) => Some(decode(row.value())?),
            None => None,
        };
        let Some(removed) = removed else { return Ok(()) };
        if removed.version().is_null() {
            self.nulls.remove((bucket, key))?;
        }
        match removed {
            VersionRecord::Object(record) => self.release_object(&record),
            VersionRecord::Marker(_) => Ok(()),
        }
    }

    /// Deletes one version for good. One that is not there counts as deleted, as on S3.
    pub(crate) fn delete_version(
        &mut self,
        bucket: &str,
        key: &str,
        named: Named,
    ) -> Result<Removal, Fail> {
        if let Some(current) = self.object(bucket, key)?
            && named.is(current.version)
        {
            self.objects.remove((bucket, key))?;
            self.release_object(&current)?;
            self.promote(bucket, key)?;
            return Ok(Removal { version: Some(current.version), marker: false });
        }
        let Some(found) = self.kept(bucket, key, named)? else {
            return Ok(Removal::default());
        };
        let version = found.version();
        self.take(bucket, key, !version.order)?;
        if self.objects.get((bucket, key))?.is_none() {
            self.promote(bucket, key)?;
        }
        Ok(Removal { version: Some(version), marker: matches!(found, VersionRecord::Marker(_)) })
    }

    /// Deletes exactly this version, whatever is called `null` by now, and only if it still is, or
    /// still is not, the latest one. The current object stays.
    pub(crate) fn delete_kept(
        &mut self,
        bucket: &str,
        key: &str,
        version: Version,
        latest: bool,
    ) -> Result<(), Fail> {
        let place = !version.order;
        let found: Option<VersionRecord> = match self.versions.get((bucket, key, place))? {
            Some(row) => Some(decode(row.value())?),
            None => None,
        };
        let newer = self.objects.get((bucket, key))?.is_some()
            || self.versions.range((bucket, key, 0)..(bucket, key, place))?.next().is_some();
        if found.is_none_or(|found| found.version() != version) || newer == latest {
            return Ok(());
        }
        self.take(bucket, key, place)
    }

    /// The latest version becomes the current object, unless it is a delete marker.
    fn promote(&mut self, bucket: &str, key: &str) -> Result<(), Fail> {
        let latest: Option<VersionRecord> =
            match self.versions.range((bucket, key, 0)..=(bucket, key, u64::MAX))?.next() {
                Some(row) => Some(decode(row?.1.value())?),
                None => None,
            };
        let Some(VersionRecord::Object(record)) = latest else {
            return Ok(());
        };
        self.versions.remove((bucket, key, !record.version.order))?;
        if record.version.is_null() {
            self.nulls.remove((bucket, key))?;
        }
        self.objects.insert((bucket, key), &encode(&record)[..])?;
        Ok(())
    }

    /// A version that is not the current object.
    fn kept(&self, bucket: &str, key: &str, named: Named) -> Result<Option<VersionRecord>, Fail> {
        let place = match named {
            Named::Null => self.nulls.get((bucket, key))?.map(|row| row.value()),
            Named::Id { order, .. } => Some(!order),
        };
        let Some(place) = place else { return Ok(None) };
        let found: Option<VersionRecord> = match self.versions.get((bucket, key, place))? {
            Some(row) => Some(decode(row.value())?),
            None => None,
        };
        Ok(found.filter(|found| named.is(found.version())))
    }

    /// One version of a key, or the current object.
    pub(crate) fn version(
        &self,
        bucket: &str,
        key: &str,
        named: Option<Named>,
    ) -> Result<Option<VersionRecord>, Fail> {
        let current = self.object(bucket, key)?;
        match named {
            None => Ok(current.map(|current| VersionRecord::Object(Box::new(current)))),
            Some(named) => match current.filter(|current| named.is(current.version)) {
                Some(current) => Ok(Some(VersionRecord::Object(Box::new(current)))),
                None => self.kept(bucket, key, named),
            },
        }
    }
}

impl VersionRecord {
    pub(crate) fn version(&self) -> Version {
        match self {
            Self::Object(record) => record.version,
            Self::Marker(record) => record.version,
        }
    }
}
