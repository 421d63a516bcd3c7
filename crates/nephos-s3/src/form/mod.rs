//! Uploads by HTML form, which a browser sends without a script: `POST` on a bucket.
//!
//! Such a request has no signature that the protocol layer could check before it holds the whole
//! file, so that forms do not come to it. Everything that can be refused is refused before the
//! first byte of the file is taken.

mod answer;
mod fields;
mod policy;
mod reader;
mod signer;

pub(crate) use self::reader::FormFile;

use self::answer::Made;
use self::policy::Policy;
use self::reader::Form;
use crate::Body;
use crate::access::check_headers;
use crate::checksum::Algorithm;
use crate::condition::WriteCondition;
use crate::copy;
use crate::error::{malformed_form, missing_length, precondition_failed};
use crate::intake::Intake;
use crate::object::NewObject;
use crate::part::Promise;
use crate::payload::Payload;
use crate::service::Endpoint;
use crate::store::Length;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response};
use s3s::dto::ChecksumAlgorithm;
use s3s::{S3Error, S3Result, s3_error};
use time::OffsetDateTime;

/// The bucket that a form is sent to.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) bucket: &'a str,
    /// Whether the host names it, and not the path.
    pub(crate) in_host: bool,
}

/// Whether a request is to be answered as a form: it is one, or it is a plain `POST` on a bucket,
/// which can be nothing else.
pub(crate) fn is_form<B>(request: &Request<B>, on_bucket: bool) -> bool {
    let plain = request.uri().query().is_none_or(str::is_empty);
    request.method() == Method::POST && (on_bucket && plain || is_multipart(request.headers()))
}

fn is_multipart(headers: &HeaderMap) -> bool {
    let kind =
        headers.get(CONTENT_TYPE).and_then(|value| value.as_bytes().split(|b| *b == b';').next());
    kind.is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"multipart/form-data"))
}

impl Endpoint {
    /// Makes an object of a form; `target` is none if the request is on none or on an object.
    pub(crate) async fn upload_form(
        &self,
        head: &Parts,
        target: Option<Target<'_>>,
        body: Intake,
    ) -> S3Result<Response<Body>> {
        let target = target.ok_or_else(|| s3_error!(MethodNotAllowed))?;
        if !is_multipart(&head.headers) {
            return Err(precondition_failed());
        }
        self.existing_bucket(target.bucket)?;
        let length = content_length(&head.headers)?;
        let form = Form::read(body, boundary(&head.headers)?).await?;
        let fields = form.fields;
        let key = fields.key()?;
        let file = form.file.ok_or_else(no_file)?;
        let policy = signer::verify(&fields, &self.users)?;
        let bounds =
            Policy::read(policy)?.check(target.bucket, &fields, OffsetDateTime::now_utc())?;
        let headers = fields.headers()?;
        check_headers(&headers)?;
        let given = Algorithm::ALL
            .into_iter()
            .filter_map(|algorithm| Some((algorithm, fields.get(algorithm.header())?)));
        let promise = Promise::read(
            &headers,
            Length::Within { least: bounds.least, most: bounds.most, form: length },
            fields.get("content-md5"),
            given,
        )?;
        let new = NewObject {
            bucket: target.bucket.to_owned(),
            key: key.to_owned(),
            described: fields.described()?,
            condition: WriteCondition::default(),
            algorithm: algorithm(promise.algorithm, fields.get("x-amz-checksum-algorithm"))?,
            promise,
            protection: self.protection(target.bucket, &headers)?,
        };
        let (record, headers) = self.receive_object(new, Payload::of_form(file)).await?;
        Made { target, key, record: &record, headers }.answer(&fields, &head.headers)
    }
}

/// The algorithm of the checksum to keep: the one that is named, which must be that of the value
/// if there is one.
fn algorithm(given: Option<Algorithm>, named: Option<&str>) -> S3Result<Option<Algorithm>> {
    let named = named.map(|name| ChecksumAlgorithm::from(name.to_owned()));
    let named = copy::algorithm(named.as_ref())?;
    if given.is_some() && named.is_some() && given != named {
        return Err(s3_error!(
            InvalidRequest,
            "Value for x-amz-checksum-algorithm does not match the checksum of the form"
        ));
    }
    Ok(given.or(named))
}

/// The length of the whole form.
fn content_length(headers: &HeaderMap) -> S3Result<u64> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|length| length.parse().ok()).ok_or_else(missing_length)
}

fn boundary(headers: &HeaderMap) -> S3Result<String> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    multer::parse_boundary(kind.unwrap_or_default()).map_err(|_| malformed_form())
}

fn no_file() -> S3Error {
    s3_error!(InvalidArgument, "POST requires exactly one file upload per request.")
}
