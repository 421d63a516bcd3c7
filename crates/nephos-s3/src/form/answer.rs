//! What a form is answered with: a status, a document or another page, as the form asks.

use super::Target;
use super::fields::Fields;
use crate::Body;
use crate::intake::full;
use crate::listing::Encoding;
use crate::setting::to_xml;
use crate::store::record::ObjectRecord;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HOST, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use s3s::S3Result;
use s3s::xml::{SerResult, Serialize, SerializeContent, Serializer};
use std::io::Write;

/// An object that a form has made.
pub(super) struct Made<'a> {
    pub(super) target: Target<'a>,
    pub(super) key: &'a str,
    pub(super) record: &'a ObjectRecord,
    /// The headers that all writes are answered with.
    pub(super) headers: HeaderMap,
}

impl Made<'_> {
    pub(super) fn answer(
        mut self,
        fields: &Fields,
        request: &HeaderMap,
    ) -> S3Result<Response<Body>> {
        let place = self.address(request);
        let tag = format!("\"{}\"", self.record.etag);
        self.announce(&tag);
        let mut body = Bytes::new();
        let mut location = HeaderValue::try_from(&place).ok();
        let status = if let Some(page) = self.page(fields, &tag) {
            location = Some(page);
            StatusCode::SEE_OTHER
        } else {
            match fields.get("success_action_status") {
                Some("200") => StatusCode::OK,
                Some("201") => {
                    let xml = HeaderValue::from_static("application/xml");
                    self.headers.insert(CONTENT_TYPE, xml);
                    body = self.document(&place, &tag)?;
                    StatusCode::CREATED
                }
                // Whatever else is asked for, S3 says this.
                _ => StatusCode::NO_CONTENT,
            }
        };
        if let Some(location) = location {
            self.headers.insert(LOCATION, location);
        }
        let mut response = Response::new(full(body));
        *response.status_mut() = status;
        *response.headers_mut() = self.headers;
        Ok(response)
    }

    /// Where the object is, as the client reached its bucket.
    fn address(&self, request: &HeaderMap) -> String {
        let host = request.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let key = Encoding::URL.write(self.key);
        if self.target.in_host {
            return format!("http://{host}/{key}");
        }
        format!("http://{host}/{}/{key}", self.target.bucket)
    }

    fn announce(&mut self, tag: &str) {
        let checksum = self.record.checksum.as_ref();
        let kind = checksum.map(|sum| sum.coverage.name().to_owned());
        let value = checksum.map(crate::checksum::ObjectChecksum::text);
        let header = checksum.map_or("x-amz-checksum-crc64nvme", |c| c.digest.algorithm.header());
        let told = [
            (ETAG, Some(tag.to_owned())),
            (HeaderName::from_static("x-amz-checksum-type"), kind),
            (HeaderName::from_static(header), value),
        ];
        for (name, value) in told {
            if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
                self.headers.insert(name, value);
            }
        }
    }

    /// The page that the form asks to go to, told what was made. What is no address of a page S3
    /// takes as if it were not there.
    fn page(&self, fields: &Fields, tag: &str) -> Option<HeaderValue> {
        let page = fields.get("success_action_redirect").or_else(|| fields.get("redirect"))?;
        if !["http://", "https://"].iter().any(|scheme| page.starts_with(scheme)) {
            return None;
        }
        let told = form_urlencoded::Serializer::new(String::new())
            .append_pair("bucket", self.target.bucket)
            .append_pair("key", self.key)
            .append_pair("etag", tag)
            .finish();
        let (page, anchor) = page.split_at(page.find('#').unwrap_or(page.len()));
        let joint = if page.contains('?') { '&' } else { '?' };
        HeaderValue::try_from(format!("{page}{joint}{told}{anchor}")).ok()
    }

    fn document(&self, location: &str, tag: &str) -> S3Result<Bytes> {
        let document =
            PostResponse { location, bucket: self.target.bucket, key: self.key, e_tag: tag };
        Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", to_xml(&document)?).into())
    }
}

/// The document of a 201.
struct PostResponse<'a> {
    location: &'a str,
    bucket: &'a str,
    key: &'a str,
    e_tag: &'a str,
}

impl Serialize for PostResponse<'_> {
    fn serialize<W: Write>(&self, s: &mut Serializer<W>) -> SerResult {
        s.content("PostResponse", self)
    }
}

impl SerializeContent for PostResponse<'_> {
    fn serialize_content<W: Write>(&self, s: &mut Serializer<W>) -> SerResult {
        s.content("Location", self.location)?;
        s.content("Bucket", self.bucket)?;
        s.content("Key", self.key)?;
        s.content("ETag", self.e_tag)
    }
}
