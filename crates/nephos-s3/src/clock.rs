//! Instants as S3 shows them.

use s3s::dto::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The instant cut to whole seconds: S3 writes `.000Z` in its listings, and `Last-Modified` can
/// hold no more, so that both agree and a conditional read of what was listed succeeds.
pub(crate) fn timestamp(millis: i64) -> Timestamp {
    let seconds = millis.div_euclid(1000);
    time::OffsetDateTime::from_unix_timestamp(seconds)
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
        .into()
}

/// Whole seconds since 1970.
pub(crate) fn seconds(timestamp: Timestamp) -> i64 {
    time::OffsetDateTime::from(timestamp).unix_timestamp()
}

/// The instant as `Last-Modified` has it.
pub(crate) fn http_date(millis: i64) -> Option<http::HeaderValue> {
    let mut date = Vec::new();
    timestamp(millis).format(s3s::dto::TimestampFormat::HttpDate, &mut date).ok()?;
    http::HeaderValue::from_bytes(&date).ok()
}
