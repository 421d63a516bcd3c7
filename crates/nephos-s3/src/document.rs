//! Request bodies that are documents: XML, or JSON, that says what is to be done.
//!
//! The protocol layer reads them and believes what it reads. Here they are compared with what the
//! request's headers promise, and refused if they are no documents of S3's: too large, too deep,
//! or with a document type of their own.

use crate::checksum::{Algorithm, Hasher};
use crate::error::{malformed_xml, payload_hash_mismatch, stream_error};
use crate::intake::{self, Intake};
use crate::part::{bad_checksum, bad_md5, parse_md5, single, trailing};
use crate::payload::{Payload, Trailers};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use md5::Md5;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use s3s::access::S3AccessContext;
use s3s::{S3Result, s3_error};
use sha2::{Digest as _, Sha256};

/// As large as a list of 10,000 parts with a checksum each, several times.
pub(crate) const MAX_DOCUMENT: usize = 8 << 20;

/// The `aws-chunked` framing of a document.
const MAX_FRAMING: usize = 1 << 20;

/// S3's deepest document has eight levels.
const MAX_DEPTH: usize = 32;

/// An element of S3's documents has a namespace and a type.
const MAX_ATTRIBUTES: usize = 4 << 10;

/// Operations whose bodies are the bytes of objects.
const OTHERS: [&str; 4] = ["PutObject", "UploadPart", "PostObject", "WriteGetObjectResponse"];

/// Checks the document of a request whose signature has been verified, and leaves it to be read.
pub(crate) async fn check(cx: &mut S3AccessContext<'_>) -> S3Result<()> {
    let operation = cx.s3_op().name().to_owned();
    let reads = [Method::GET, Method::HEAD].contains(cx.method());
    if reads || OTHERS.contains(&operation.as_str()) {
        return Ok(());
    }
    let Some(body) = cx.extensions_mut().get::<Intake>().cloned() else {
        return Ok(());
    };
    let raw = read(body.clone()).await?;
    body.replace(raw.clone());
    let (whole, _) = intake::split(intake::full(raw));
    let mut payload = Payload::new(whole, cx.headers(), cx.credentials())?;
    let mut document = BytesMut::new();
    while let Some(piece) = payload.bytes.next().await {
        document.extend_from_slice(&piece.map_err(|error| stream_error(&error))?);
    }
    if payload.sha256.is_some_and(|signed| Sha256::digest(&document)[..] != signed) {
        return Err(payload_hash_mismatch());
    }
    // The checksum of a completion is the object's.
    let of_object = operation == "CompleteMultipartUpload";
    check_promises(cx.headers(), &document, payload.trailers.as_ref(), of_object)?;
    check_xml(&document)?;
    check_known(&operation, &document)
}

/// Reads all of a body, up to a limit.
async fn read(mut body: Intake) -> S3Result<Bytes> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| stream_error(&error))?;
        if let Some(bytes) = frame.data_ref() {
            if read.len() + bytes.len() > MAX_DOCUMENT + MAX_FRAMING {
                return Err(s3_error!(MaxMessageLengthExceeded, "Your request was too big."));
            }
            read.extend_from_slice(bytes);
        }
    }
    Ok(read.freeze())
}

fn check_promises(
    headers: &HeaderMap,
    document: &[u8],
    trailers: Option<&Trailers>,
    of_object: bool,
) -> S3Result<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(promised) = text("content-md5").map(parse_md5).transpose()?
        && Md5::digest(document)[..] != promised
    {
        return Err(bad_md5());
    }
    if of_object {
        return Ok(());
    }
    let given = Algorithm::ALL.into_iter().filter_map(|algorithm| {
        let value = text(algorithm.header())?;
        Some((algorithm, value))
    });
    let (algorithm, value) = single(given, text("x-amz-trailer"))?;
    let Some(algorithm) = algorithm else {
        return Ok(());
    };
    let promised = match value {
        Some(value) => value,
        None => trailing(algorithm, trailers)?,
    };
    let mut hasher = Hasher::new(algorithm);
    hasher.update(document);
    if hasher.finish() == promised { Ok(()) } else { Err(bad_checksum(algorithm)) }
}

/// Refuses XML that no client of S3 writes. What is no XML at all is left to the operation.
fn check_xml(document: &[u8]) -> S3Result<()> {
    let text = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document).trim_ascii_start();
    if !text.starts_with(b"<") {
        return Ok(());
    }
    let mut reader = Reader::from_reader(text);
    let modest = |element: &BytesStart<'_>| element.attributes_raw().len() <= MAX_ATTRIBUTES;
    let mut depth = 0_usize;
    loop {
        let sound = match reader.read_event() {
            Ok(Event::Start(element)) => {
                depth += 1;
                depth <= MAX_DEPTH && modest(&element)
            }
            Ok(Event::Empty(element)) => modest(&element),
            Ok(Event::End(_)) => {
                depth = depth.saturating_sub(1);
                true
            }
            Ok(Event::CData(_)) => {
                // The protocol layer would read it as nothing: a rule for a prefix would become
                // one for the whole bucket.
                return Err(s3_error!(
                    NotImplemented,
                    "The local S3 endpoint does not read CDATA sections: escape the text instead"
                ));
            }
            Ok(Event::Eof) if depth == 0 => return Ok(()),
            Ok(Event::DocType(_) | Event::Eof) | Err(_) => false,
            Ok(_) => true,
        };
        if !sound {
            return Err(malformed_xml());
        }
    }
}

/// Refuses what the protocol layer would drop from a document without a word.
fn check_known(operation: &str, document: &[u8]) -> S3Result<()> {
    let mut reader = Reader::from_reader(document);
    while operation == "CreateBucket"
        && let Ok(event) = reader.read_event()
        && event != Event::Eof
    {
        if let Event::Start(element) = event
            && element.local_name().as_ref() == "Tags"
        {
            return Err(s3_error!(
                NotImplemented,
                "The local S3 endpoint does not implement tags in CreateBucket: use PutBucketTagging"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documents_of_a_kind_that_s3_has_are_passed_on() {
        let deep = |levels: usize| "<a>".repeat(levels) + &"</a>".repeat(levels);
        for good in ["", "{}", "hello", "<a b='c'><d/></a>", "\u{feff}<a>&amp;</a>", &deep(32)] {
            assert!(check_xml(good.as_bytes()).is_ok(), "{good}");
        }
        let attributes = format!("<a {}/>", "b='c' ".repeat(1000));
        for bad in [
            "<!DOCTYPE a SYSTEM 'x'><a/>",
            "<a><![CDATA[b]]></a>",
            "<a><b></a>",
            "<a>",
            &deep(33),
            &attributes,
        ] {
            assert!(check_xml(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
