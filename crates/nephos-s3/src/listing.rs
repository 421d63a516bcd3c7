//! `ListObjects` in both versions.

use crate::error::no_such_bucket;
use crate::identity::owner;
use crate::service::Endpoint;
use crate::store::Unavailable;
use crate::store::record::{ObjectRecord, decode};
use crate::store::tables::OBJECTS;
use crate::{clock, etag};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
    ListObjectsV2Output, Object, ObjectStorageClass,
};
use s3s::{S3Result, s3_error};
use std::ops::Bound;

/// S3's limit for a page.
const MAX_PAGE: i32 = 1000;

/// What `encoding-type=url` leaves as it is.
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'*');

/// Reads `max-keys` or `max-uploads`: more than 1000 is read as 1000.
pub(crate) fn page_size(name: &str, asked: Option<i32>) -> S3Result<usize> {
    usize::try_from(asked.unwrap_or(MAX_PAGE).min(MAX_PAGE)).map_err(|_| {
        s3_error!(InvalidArgument, "Argument {name} must be an integer between 0 and 2147483647")
    })
}

/// How keys are written in a response.
#[derive(Clone, Copy)]
pub(crate) struct Encoding {
    url: bool,
}

impl Encoding {
    pub(crate) const URL: Self = Self { url: true };

    pub(crate) fn read(asked: Option<&EncodingType>) -> S3Result<Self> {
        match asked.map(EncodingType::as_str) {
            None => Ok(Self { url: false }),
            Some("url") => Ok(Self { url: true }),
            Some(_) => {
                Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request"))
            }
        }
    }

    pub(crate) fn write(self, text: &str) -> String {
        if self.url { utf8_percent_encode(text, KEPT).to_string() } else { text.to_owned() }
    }

    pub(crate) fn prefixes(self, prefixes: Vec<String>) -> Vec<CommonPrefix> {
        prefixes
            .into_iter()
            .map(|prefix| CommonPrefix { prefix: Some(self.write(&prefix)) })
            .collect()
    }
}

/// The folder a key is rolled up into, if it lies in one below the prefix.
pub(crate) fn rolled_up<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    if delimiter.is_empty() {
        return None;
    }
    let at = key.get(prefix.len()..)?.find(delimiter)?;
    Some(&key[..prefix.len() + at + delimiter.len()])
}

/// The first string after everything that starts with `text`; none if there is no such string.
pub(crate) fn after_prefix(text: &str) -> Option<String> {
    let mut text = text.to_owned();
    while let Some(last) = text.pop() {
        // The code points of surrogates are no characters, so U+D7FF is followed by U+E000.
        if let Some(next) = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// A continuation token: opaque to clients, and good for any later state of the bucket.
pub(crate) fn continuation(last: &str, folder: bool) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}{last}", if folder { 'f' } else { 'k' }))
}

/// What a token says was listed last, and whether that was a folder.
pub(crate) fn resume(token: &str) -> S3Result<(String, bool)> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let kind = text.as_deref().and_then(|text| text.chars().next());
    match (text, kind) {
        (Some(text), Some('k')) => Ok((text[1..].to_owned(), false)),
        (Some(text), Some('f')) => Ok((text[1..].to_owned(), true)),
        _ => Err(s3_error!(InvalidArgument, "The continuation token provided is incorrect")),
    }
}

/// Where a page starts.
#[derive(Clone)]
enum Start {
    Beginning,
    AfterKey(String),
    AfterFolder(String),
}

/// One page of a bucket.
#[derive(Default)]
struct Page {
    objects: Vec<(String, ObjectRecord)>,
    folders: Vec<String>,
    /// What was listed last, and whether it was a folder, if there is more.
    more: Option<(String, bool)>,
}

impl Endpoint {
    fn page(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: &str,
        start: &Start,
        limit: usize,
    ) -> Result<Option<Page>, Unavailable> {
        let txn = self.store.read()?;
        if txn.open_table(crate::store::tables::BUCKETS)?.get(bucket)?.is_none() {
            return Ok(None);
        }
        let mut page = Page::default();
        let table = txn.open_table(OBJECTS)?;
        let mut from = match start {
            Start::AfterKey(key) if key.as_str() >= prefix => Bound::Excluded(key.clone()),
            Start::AfterFolder(folder) if folder.as_str() >= prefix => match after_prefix(folder) {
                Some(next) => Bound::Included(next),
                None => return Ok(Some(page)),
            },
            _ => Bound::Included(prefix.to_owned()),
        };
        if limit == 0 {
            return Ok(Some(page));
        }
        let mut last: Option<(String, bool)> = None;
        // Every folder costs one seek, however many keys it holds.
        'seek: loop {
            let bounds = (from.as_ref().map(|key| (bucket, key.as_str())), Bound::Unbounded);
            for row in table.range::<(&str, &str)>(bounds)? {
                let (name, row) = row?;
                let (owner, key) = name.value();
                if owner != bucket || !key.starts_with(prefix) {
                    break 'seek;
                }
                if page.objects.len() + page.folders.len() == limit {
                    page.more = last;
                    break 'seek;
                }
                if let Some(folder) = rolled_up(key, prefix, delimiter) {
                    page.folders.push(folder.to_owned());
                    last = Some((folder.to_owned(), true));
                    match after_prefix(folder) {
                        Some(next) => from = Bound::Included(next),
                        None => break 'seek,
                    }
                    continue 'seek;
                }
                last = Some((key.to_owned(), false));
                page.objects.push((key.to_owned(), decode(row.value())?));
            }
            break;
        }
        Ok(Some(page))
    }

    pub(crate) fn list_first(&self, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
        let encoding = Encoding::read(input.encoding_type.as_ref())?;
        let limit = page_size("max-keys", input.max_keys)?;
        let prefix = input.prefix.unwrap_or_default();
        let delimiter = input.delimiter.unwrap_or_default();
        let marker = input.marker.unwrap_or_default();
        let start = if marker.is_empty() {
            Start::Beginning
        } else if let Some(folder) = rolled_up(&marker, &prefix, &delimiter)
            && marker.starts_with(&prefix)
        {
            // A marker may be a folder, as NextMarker is when a page ends with one, or a key in
            // one, which was listed with it.
            Start::AfterFolder(folder.to_owned())
        } else {
            Start::AfterKey(marker.clone())
        };
        let page = self
            .page(&input.bucket, &prefix, &delimiter, &start, limit)?
            .ok_or_else(no_such_bucket)?;
        Ok(ListObjectsOutput {
            is_truncated: Some(page.more.is_some()),
            // Without a delimiter the last key is the marker, and S3 does not repeat it.
            next_marker: page
                .more
                .filter(|_| !delimiter.is_empty())
                .map(|(last, _)| encoding.write(&last)),
            contents: Some(shown(page.objects, encoding, true)),
            common_prefixes: Some(encoding.prefixes(page.folders)),
            name: Some(input.bucket),
            prefix: Some(encoding.write(&prefix)),
            marker: Some(encoding.write(&marker)),
            delimiter: (!delimiter.is_empty()).then(|| encoding.write(&delimiter)),
            max_keys: i32::try_from(limit).ok(),
            encoding_type: input.encoding_type,
            request_charged: None,
        })
    }

    pub(crate) fn list_second(&self, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let encoding = Encoding::read(input.encoding_type.as_ref())?;
        let limit = page_size("max-keys", input.max_keys)?;
        let prefix = input.prefix.unwrap_or_default();
        let delimiter = input.delimiter.unwrap_or_default();
        let start = match (input.continuation_token.as_deref(), &input.start_after) {
            (Some(token), _) => match resume(token)? {
                (folder, true) => Start::AfterFolder(folder),
                (key, false) => Start::AfterKey(key),
            },
            (None, Some(key)) if !key.is_empty() => Start::AfterKey(key.clone()),
            (None, _) => Start::Beginning,
        };
        let page = self
            .page(&input.bucket, &prefix, &delimiter, &start, limit)?
            .ok_or_else(no_such_bucket)?;
        let count = page.objects.len() + page.folders.len();
        Ok(ListObjectsV2Output {
            is_truncated: Some(page.more.is_some()),
            next_continuation_token: page.more.map(|(last, folder)| continuation(&last, folder)),
            key_count: i32::try_from(count).ok(),
            contents: Some(shown(page.objects, encoding, input.fetch_owner.unwrap_or(false))),
            common_prefixes: Some(encoding.prefixes(page.folders)),
            name: Some(input.bucket),
            prefix: Some(encoding.write(&prefix)),
            delimiter: (!delimiter.is_empty()).then(|| encoding.write(&delimiter)),
            max_keys: i32::try_from(limit).ok(),
            encoding_type: input.encoding_type,
            continuation_token: input.continuation_token,
            start_after: input.start_after.map(|key| encoding.write(&key)),
            request_charged: None,
        })
    }
}

fn shown(
    objects: Vec<(String, ObjectRecord)>,
    encoding: Encoding,
    with_owner: bool,
) -> Vec<Object> {
    objects
        .into_iter()
        .map(|(key, record)| Object {
            key: Some(encoding.write(&key)),
            size: i64::try_from(record.size).ok(),
            last_modified: Some(clock::timestamp(record.modified)),
            e_tag: Some(etag::quoted(&record.etag)),
            storage_class: Some(ObjectStorageClass::from(
                record.described.storage_class.unwrap_or_else(|| "STANDARD".to_owned()),
            )),
            checksum_algorithm: record
                .checksum
                .as_ref()
                .map(|sum| vec![sum.digest.algorithm.name().to_owned().into()]),
            checksum_type: record
                .checksum
                .as_ref()
                .map(|sum| sum.coverage.name().to_owned().into()),
            owner: with_owner.then(owner),
            restore_status: None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_roll_up_below_the_prefix() {
        assert_eq!(rolled_up("a/b/c", "", "/"), Some("a/"));
        assert_eq!(rolled_up("a/b/c", "a/", "/"), Some("a/b/"));
        assert_eq!(rolled_up("a/b/c", "a/b/", "/"), None);
        assert_eq!(rolled_up("a--b", "", "--"), Some("a--"));
        assert_eq!(rolled_up("a/b", "", ""), None);
    }

    #[test]
    fn what_follows_a_prefix() {
        assert_eq!(after_prefix("a/").as_deref(), Some("a0"));
        assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after_prefix("\u{10FFFF}"), None);
    }

    #[test]
    fn tokens_come_back() {
        for (last, folder) in [("a b/ü", false), ("a/", true)] {
            let token = continuation(last, folder);
            assert_eq!(resume(&token).unwrap(), (last.to_owned(), folder));
        }
        assert!(resume("").is_err());
        assert!(resume("!").is_err());
    }

    #[test]
    fn url_encoding_keeps_slashes() {
        let encoding = Encoding { url: true };
        assert_eq!(encoding.write("a b/ü+"), "a%20b/%C3%BC%2B");
    }
}
