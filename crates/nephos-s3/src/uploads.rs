//! `ListMultipartUploads`.

use crate::clock;
use crate::identity::{initiator, owner};
use crate::listing::{Encoding, after_prefix, page_size, rolled_up};
use crate::part::{parse_upload, upload_text};
use crate::service::Endpoint;
use crate::store::Unavailable;
use crate::store::record::{UploadId, UploadRecord, decode};
use crate::store::tables::UPLOADS;
use s3s::dto::{ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload};
use s3s::{S3Result, s3_error};
use std::ops::Bound;

/// Where a page starts, and how far it goes.
struct Window<'a> {
    bucket: &'a str,
    prefix: &'a str,
    delimiter: &'a str,
    start: Bound<(String, UploadId)>,
    limit: usize,
}

/// One page of uploads.
#[derive(Default)]
struct Page {
    uploads: Vec<(String, UploadId, UploadRecord)>,
    folders: Vec<String>,
    /// What was listed last, if there is more; a folder has no upload.
    more: Option<(String, Option<UploadId>)>,
}

impl Page {
    /// What was listed last: a key and, unless it is a folder, an upload.
    fn end(&self) -> (Option<String>, Option<UploadId>) {
        match (&self.more, self.uploads.last(), self.folders.last()) {
            (Some((key, upload)), _, _) => (Some(key.clone()), *upload),
            (None, Some((key, upload, _)), folder) if folder.is_none_or(|folder| folder < key) => {
                (Some(key.clone()), Some(*upload))
            }
            (None, _, folder) => (folder.cloned(), None),
        }
    }
}

impl Endpoint {
    pub(crate) fn page_of_uploads(
        &self,
        input: ListMultipartUploadsInput,
    ) -> S3Result<ListMultipartUploadsOutput> {
        let encoding = Encoding::read(input.encoding_type.as_ref())?;
        let limit = page_size("max-uploads", input.max_uploads)?;
        self.existing_bucket(&input.bucket)?;
        let prefix = input.prefix.unwrap_or_default();
        let delimiter = input.delimiter.unwrap_or_default();
        let key_marker = input.key_marker.unwrap_or_default();
        // Without a key marker, an upload marker is ignored.
        let upload_marker =
            input.upload_id_marker.filter(|marker| !marker.is_empty() && !key_marker.is_empty());
        let start = start(&key_marker, upload_marker.as_deref(), &prefix, &delimiter)?;
        let page = match start {
            None => Page::default(),
            Some(start) => self.scan_uploads(Window {
                bucket: &input.bucket,
                prefix: &prefix,
                delimiter: &delimiter,
                start,
                limit,
            })?,
        };
        let truncated = page.more.is_some();
        let last = page.end();
        Ok(ListMultipartUploadsOutput {
            is_truncated: Some(truncated),
            // S3 names where the page ended even if nothing follows; a client must stop at
            // IsTruncated.
            next_key_marker: Some(last.0.map(|key| encoding.write(&key)).unwrap_or_default()),
            next_upload_id_marker: Some(last.1.map(upload_text).unwrap_or_default()),
            uploads: Some(shown(page.uploads, encoding)),
            common_prefixes: Some(encoding.prefixes(page.folders)),
            bucket: Some(input.bucket),
            key_marker: Some(encoding.write(&key_marker)),
            upload_id_marker: Some(upload_marker.unwrap_or_default()),
            prefix: (!prefix.is_empty()).then(|| encoding.write(&prefix)),
            delimiter: (!delimiter.is_empty()).then(|| encoding.write(&delimiter)),
            max_uploads: i32::try_from(limit).ok(),
            encoding_type: input.encoding_type,
            request_charged: None,
        })
    }

    fn scan_uploads(&self, window: Window<'_>) -> Result<Page, Unavailable> {
        let table = self.store.read()?.open_table(UPLOADS)?;
        let mut page = Page::default();
        if window.limit == 0 {
            return Ok(page);
        }
        let mut from = window.start;
        let mut last: Option<(String, Option<UploadId>)> = None;
        'seek: loop {
            let bounds = (
                from.as_ref().map(|(key, upload)| (window.bucket, key.as_str(), *upload)),
                Bound::Unbounded,
            );
            for row in table.range::<(&str, &str, UploadId)>(bounds)? {
                let (name, row) = row?;
                let (bucket, key, upload) = name.value();
                if bucket != window.bucket || !key.starts_with(window.prefix) {
                    break 'seek;
                }
                if page.uploads.len() + page.folders.len() == window.limit {
                    page.more = last;
                    break 'seek;
                }
                if let Some(folder) = rolled_up(key, window.prefix, window.delimiter) {
                    page.folders.push(folder.to_owned());
                    last = Some((folder.to_owned(), None));
                    match after_prefix(folder) {
                        Some(next) => from = Bound::Included((next, 0)),
                        None => break 'seek,
                    }
                    continue 'seek;
                }
                last = Some((key.to_owned(), Some(upload)));
                page.uploads.push((key.to_owned(), upload, decode(row.value())?));
            }
            break;
        }
        Ok(page)
    }
}

/// Where a page starts; none if nothing can follow the marker.
fn start(
    key_marker: &str,
    upload_marker: Option<&str>,
    prefix: &str,
    delimiter: &str,
) -> S3Result<Option<Bound<(String, UploadId)>>> {
    if key_marker < prefix || key_marker.is_empty() {
        return Ok(Some(Bound::Included((prefix.to_owned(), 0))));
    }
    if let Some(upload) = upload_marker {
        let upload = parse_upload(upload)
            .map_err(|_| s3_error!(InvalidArgument, "Invalid uploadId marker"))?;
        return Ok(Some(Bound::Excluded((key_marker.to_owned(), upload))));
    }
    if rolled_up(key_marker, prefix, delimiter) == Some(key_marker) {
        return Ok(after_prefix(key_marker).map(|next| Bound::Included((next, 0))));
    }
    Ok(Some(Bound::Excluded((key_marker.to_owned(), UploadId::MAX))))
}

fn shown(
    uploads: Vec<(String, UploadId, UploadRecord)>,
    encoding: Encoding,
) -> Vec<MultipartUpload> {
    uploads
        .into_iter()
        .map(|(key, upload, record)| MultipartUpload {
            key: Some(encoding.write(&key)),
            upload_id: Some(upload_text(upload)),
            initiated: Some(clock::timestamp(record.initiated)),
            initiator: Some(initiator(&record.initiator)),
            owner: Some(owner()),
            storage_class: Some(
                record.described.storage_class.unwrap_or_else(|| "STANDARD".to_owned()).into(),
            ),
            checksum_algorithm: record
                .checksum
                .map(|(algorithm, _)| algorithm.name().to_owned().into()),
            checksum_type: record.checksum.map(|(_, coverage)| coverage.name().to_owned().into()),
        })
        .collect()
}
