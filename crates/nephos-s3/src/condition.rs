//! Conditional requests.

use crate::clock;
use crate::error::{condition_not_implemented, no_such_key, precondition_failed};
use crate::store::record::ObjectRecord;
use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderName};
use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Error, S3Result, s3_error};

/// The conditions of a read.
#[derive(Default)]
#[expect(clippy::struct_field_names, reason = "these are the names of the headers")]
pub(crate) struct ReadCondition {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

/// Whether the object is what the read expects.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Holds,
    Failed,
    NotModified,
}

impl ReadCondition {
    /// An entity tag, being exact, decides over a date: RFC 9110, section 13.2.2.
    fn judge(self, record: &ObjectRecord) -> Verdict {
        let modified = record.modified.div_euclid(1000);
        let passes_match = match (&self.if_match, self.if_unmodified_since) {
            (Some(condition), _) => matches(condition, &record.etag),
            (None, Some(since)) => modified <= clock::seconds(since),
            (None, None) => true,
        };
        let passes_none = match (&self.if_none_match, self.if_modified_since) {
            (Some(condition), _) => !matches(condition, &record.etag),
            // A date that has not come yet cannot be when the client looked.
            (None, Some(since)) => {
                let since = clock::seconds(since);
                modified > since || since > clock::now() / 1000
            }
            (None, None) => true,
        };
        match (passes_match, passes_none) {
            (false, _) => Verdict::Failed,
            (true, false) => Verdict::NotModified,
            (true, true) => Verdict::Holds,
        }
    }

    /// For `GetObject` and `HeadObject`: an unchanged object is 304.
    pub(crate) fn check(self, record: &ObjectRecord) -> S3Result<()> {
        match self.judge(record) {
            Verdict::Holds => Ok(()),
            Verdict::Failed => Err(precondition_failed()),
            Verdict::NotModified => Err(not_modified(record)),
        }
    }

    /// For the source of a copy: an unchanged object is 412 as well.
    pub(crate) fn check_source(self, record: &ObjectRecord) -> S3Result<()> {
        match self.judge(record) {
            Verdict::Holds => Ok(()),
            Verdict::Failed | Verdict::NotModified => Err(precondition_failed()),
        }
    }
}

fn not_modified(record: &ObjectRecord) -> S3Error {
    let mut error = s3_error!(NotModified, "Not Modified");
    let mut headers = HeaderMap::new();
    if let Ok(tag) = format!("\"{}\"", record.etag).parse() {
        headers.insert(ETAG, tag);
    }
    if let Some(date) = clock::http_date(record.modified) {
        headers.insert(LAST_MODIFIED, date);
    }
    error.set_headers(headers);
    error
}

pub(crate) fn matches(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(tag) => tag.value() == etag,
    }
}

/// The conditions of a write.
#[derive(Clone, Default)]
pub(crate) struct WriteCondition {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
}

impl WriteCondition {
    /// Reads the headers of a copy, where they are about its target.
    pub(crate) fn read(headers: &HeaderMap) -> S3Result<Self> {
        let read = |name: HeaderName| {
            let Some(value) = headers.get(&name) else { return Ok(None) };
            ETagCondition::parse_http_header(value.as_bytes())
                .map(Some)
                .map_err(|_| s3_error!(InvalidArgument, "Invalid header: {name}"))
        };
        Ok(Self { if_match: read(IF_MATCH)?, if_none_match: read(IF_NONE_MATCH)? })
    }

    /// Refuses what no state of the object could make right, before a body is received.
    pub(crate) fn validate(&self) -> S3Result<()> {
        match &self.if_none_match {
            // S3 creates if absent; it does not create if different.
            Some(ETagCondition::ETag(_)) => Err(condition_not_implemented()),
            _ => Ok(()),
        }
    }

    pub(crate) fn check(&self, current: Option<&ObjectRecord>) -> S3Result<()> {
        if self.if_none_match.is_some() && current.is_some() {
            return Err(precondition_failed());
        }
        match (&self.if_match, current) {
            (Some(_), None) => Err(no_such_key()),
            (Some(condition), Some(record)) if !matches(condition, &record.etag) => {
                Err(precondition_failed())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::{Described, Extent, Layout, Place};
    use s3s::dto::ETag;

    fn record() -> ObjectRecord {
        ObjectRecord {
            version: crate::version::Version { order: 1, salt: None },
            size: 0,
            modified: 1_000_500,
            etag: "a".into(),
            layout: Layout::Whole(Extent { blob: 1, length: 0, place: Place::Row, salt: None }),
            checksum: None,
            described: Described::default(),
            encryption: crate::encryption::Encryption::Unasked,
        }
    }

    fn tag(value: &str) -> ETagCondition {
        ETagCondition::ETag(ETag::Strong(value.into()))
    }

    #[test]
    fn tags_decide_over_dates() {
        let read = |condition: ReadCondition| condition.judge(&record());
        let verdict = read(ReadCondition {
            if_match: Some(tag("a")),
            if_unmodified_since: Some(clock::timestamp(0)),
            ..ReadCondition::default()
        });
        assert_eq!(verdict, Verdict::Holds);
        let verdict = read(ReadCondition {
            if_none_match: Some(tag("b")),
            if_modified_since: Some(clock::timestamp(9_000_000)),
            ..ReadCondition::default()
        });
        assert_eq!(verdict, Verdict::Holds);
    }

    #[test]
    fn what_was_just_written_is_not_modified_since() {
        let verdict = ReadCondition {
            if_modified_since: Some(clock::timestamp(1_000_500)),
            ..ReadCondition::default()
        }
        .judge(&record());
        assert_eq!(verdict, Verdict::NotModified);
    }
}
