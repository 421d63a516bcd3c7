//! Part numbers, upload ids, and what a request body says about itself.

use crate::checksum::{Algorithm, Digest};
use crate::encryption::Protection;
use crate::error::{
    custom, entity_too_large, missing_length, no_such_upload, payload_hash_mismatch,
};
use crate::payload::{Payload, Trailers};
use crate::store::record::UploadId;
use crate::store::{Intent, Length, Staged, Store};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use s3s::{S3Error, S3Result, s3_error};

/// S3's limit for one part, for one `PutObject` and for the file of a form: 5 GiB.
pub(crate) const MAX_BODY: u64 = 5 << 30;

/// S3's limit for the number of parts.
const MAX_PART: i32 = 10_000;

/// Checks 1 to 10,000.
pub(crate) fn part_number(number: i32) -> S3Result<u16> {
    match u16::try_from(number) {
        Ok(valid) if (1..=MAX_PART).contains(&number) => Ok(valid),
        _ => Err(s3_error!(
            InvalidArgument,
            "Part number must be an integer between 1 and 10000, inclusive"
        )),
    }
}

pub(crate) fn upload_text(upload: UploadId) -> String {
    format!("{upload:032x}")
}

/// An id that was never given out belongs to no upload.
pub(crate) fn parse_upload(text: &str) -> S3Result<UploadId> {
    let plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    UploadId::from_str_radix(text, 16).ok().filter(|_| plain).ok_or_else(no_such_upload)
}

/// How long the headers of a request say its bytes are, without their framing.
pub(crate) fn told_length(headers: &HeaderMap, content_length: Option<i64>) -> S3Result<Length> {
    let decoded = text(headers, "x-amz-decoded-content-length").and_then(|n| n.parse().ok());
    let length = decoded
        .or(content_length)
        .and_then(|length: i64| u64::try_from(length).ok())
        .ok_or_else(missing_length)?;
    if length > MAX_BODY {
        return Err(entity_too_large());
    }
    Ok(Length::Exact(length))
}

/// What a writer promises about its body, in headers before it or in trailers after it.
pub(crate) struct Promise {
    length: Length,
    md5: Option<[u8; 16]>,
    pub(crate) algorithm: Option<Algorithm>,
    value: Option<Digest>,
}

impl Promise {
    /// Reads the promises; everything that can be refused before the body is, is.
    pub(crate) fn read<'a>(
        headers: &HeaderMap,
        length: Length,
        content_md5: Option<&str>,
        given: impl Iterator<Item = (Algorithm, &'a str)>,
    ) -> S3Result<Self> {
        let md5 = content_md5.map(parse_md5).transpose()?;
        let (algorithm, value) = single(given, text(headers, "x-amz-trailer"))?;
        let named = text(headers, "x-amz-sdk-checksum-algorithm");
        if let (Some(named), Some(algorithm)) = (named, algorithm)
            && Algorithm::from_name(named) != Some(algorithm)
        {
            return Err(s3_error!(
                InvalidRequest,
                "Value for x-amz-sdk-checksum-algorithm header is invalid."
            ));
        }
        if named.is_some() && algorithm.is_none() {
            return Err(s3_error!(
                InvalidRequest,
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."
            ));
        }
        Ok(Self { length, md5, algorithm, value })
    }

    /// Receives the body and compares it with what was promised.
    ///
    /// `algorithm` is what is kept with the bytes, whether the writer computed it or not.
    pub(crate) async fn receive(
        &self,
        store: &Store,
        payload: Payload,
        algorithm: Option<Algorithm>,
        protection: &Protection,
    ) -> S3Result<Staged> {
        let Payload { bytes, sha256, trailers } = payload;
        let intent = Intent {
            length: self.length,
            algorithm,
            md5_tag: store.has_md5_tag(&protection.encryption),
            md5: self.md5.is_some(),
            sha256: sha256.is_some(),
            secret: protection.secret.clone(),
        };
        let staged = store.stage(bytes, intent).await?;
        if sha256.is_some() && sha256 != staged.sha256 {
            return Err(payload_hash_mismatch());
        }
        self.check(&staged, trailers.as_ref())?;
        Ok(staged)
    }

    fn check(&self, staged: &Staged, trailers: Option<&Trailers>) -> S3Result<()> {
        if self.md5.is_some() && self.md5 != staged.md5 {
            return Err(bad_md5());
        }
        if let Some(stray) = trailers.and_then(|trailers| trailers.stray(self.algorithm)) {
            return Err(malformed_trailer(stray));
        }
        let Some(algorithm) = self.algorithm else {
            return Ok(());
        };
        let promised = match &self.value {
            Some(value) => value.clone(),
            None => trailing(algorithm, trailers)?,
        };
        if staged.checksum.as_ref() == Some(&promised) {
            return Ok(());
        }
        Err(bad_checksum(algorithm))
    }
}

pub(crate) fn bad_md5() -> S3Error {
    s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received.")
}

pub(crate) fn bad_checksum(algorithm: Algorithm) -> S3Error {
    s3_error!(
        BadDigest,
        "The {} you specified did not match the calculated checksum.",
        algorithm.name()
    )
}

fn malformed_trailer(algorithm: Algorithm) -> S3Error {
    custom(
        "MalformedTrailerError",
        StatusCode::BAD_REQUEST,
        format!(
            "The request contained trailing data that was not well-formed or did not conform to our published schema: {} was not announced in x-amz-trailer",
            algorithm.header()
        ),
    )
}

/// The checksum that `x-amz-trailer` announced.
pub(crate) fn trailing(algorithm: Algorithm, trailers: Option<&Trailers>) -> S3Result<Digest> {
    let found =
        trailers.and_then(|trailers| trailers.get(algorithm.header())).ok_or_else(|| {
            s3_error!(
                InvalidRequest,
                "The trailer {} named in x-amz-trailer was not sent",
                algorithm.header()
            )
        })?;
    parse_value(algorithm, &found)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

pub(crate) fn parse_md5(text: &str) -> S3Result<[u8; 16]> {
    STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified was invalid."))
}

pub(crate) fn parse_value(algorithm: Algorithm, text: &str) -> S3Result<Digest> {
    Digest::parse(algorithm, text).ok_or_else(|| {
        s3_error!(InvalidRequest, "Value for {} header is invalid.", algorithm.header())
    })
}

/// At most one checksum, by header or announced by `x-amz-trailer`.
pub(crate) fn single<'a>(
    mut given: impl Iterator<Item = (Algorithm, &'a str)>,
    announced: Option<&str>,
) -> S3Result<(Option<Algorithm>, Option<Digest>)> {
    let first = given.next();
    let mut announced = announced.unwrap_or_default().split(',').filter_map(Algorithm::from_header);
    let trailing = announced.next();
    let second = given.next().is_some() || announced.next().is_some();
    if second || first.is_some() && trailing.is_some() {
        return Err(s3_error!(
            InvalidRequest,
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        ));
    }
    match first {
        Some((algorithm, text)) => Ok((Some(algorithm), Some(parse_value(algorithm, text)?))),
        None => Ok((trailing, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_numbers_have_limits() {
        for bad in [i32::MIN, -1, 0, 10_001, 65_537] {
            assert!(part_number(bad).is_err(), "{bad}");
        }
        assert_eq!(part_number(1).unwrap(), 1);
        assert_eq!(part_number(10_000).unwrap(), 10_000);
    }

    #[test]
    fn only_ids_as_given_out_are_read() {
        let text = upload_text(7);
        assert_eq!(parse_upload(&text).unwrap(), 7);
        for bad in ["", "7", &text[1..], "+0000000000000000000000000000007"] {
            assert!(parse_upload(bad).is_err(), "{bad}");
        }
    }
}
