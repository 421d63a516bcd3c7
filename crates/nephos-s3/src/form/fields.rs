//! The fields of a form before its file.

use crate::error::custom;
use crate::object::{own_encoding, redirect, storage_class};
use crate::store::record::Described;
use crate::{clock, tags};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use s3s::dto::{StorageClass, Timestamp, TimestampFormat};
use s3s::{S3Error, S3Result, s3_error};

/// S3's limit for a key, in bytes.
const MAX_KEY: usize = 1024;

/// What stands for the name of the file, in any field.
const FILE_NAME: &str = "${filename}";

/// Fields that prove who made the form, and headers that are about a body's framing: neither says
/// anything of the object.
const NOT_OF_THE_OBJECT: [&str; 6] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-trailer",
];

/// Fields that are headers of the object, besides those that begin with `x-amz-`.
const HEADERS: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
];

/// Names in lower case, as S3 does not distinguish, and values, in the order of the form.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// A second value would be checked or kept where the first is meant.
    pub(super) fn add(&mut self, name: String, value: String) -> S3Result<()> {
        if self.get(&name).is_some() && !name.starts_with("x-ignore-") {
            return Err(s3_error!(
                InvalidArgument,
                "The form has more than one field named '{name}'"
            ));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// Puts the name of the file where the form asks for it, before the policy is checked. Some
    /// browsers send the path of the file with its name.
    pub(super) fn put_file_name(&mut self, path: &str) {
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        for (_, value) in &mut self.0 {
            if value.contains(FILE_NAME) {
                *value = value.replace(FILE_NAME, name);
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A field that S3 asks for by this name.
    pub(super) fn required(&self, name: &str) -> S3Result<&str> {
        self.get(&name.to_ascii_lowercase()).ok_or_else(|| missing(name))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The key of the object.
    pub(super) fn key(&self) -> S3Result<&str> {
        let key = self.required("key")?;
        match key.len() {
            0 => Err(s3_error!(InvalidArgument, "User key must have a length greater than 0.")),
            1..=MAX_KEY => Ok(key),
            _ => Err(s3_error!(KeyTooLongError, "Your key is too long")),
        }
    }

    /// The headers that a `PUT` would have had where the form has fields.
    pub(super) fn headers(&self) -> S3Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.0 {
            let header = match name.as_str() {
                "acl" => "x-amz-acl",
                name if NOT_OF_THE_OBJECT.contains(&name) => continue,
                name if name.starts_with("x-amz-") || HEADERS.contains(&name) => name,
                _ => continue,
            };
            let header = HeaderName::try_from(header).map_err(|_| invalid(name))?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| invalid(name))?;
            headers.insert(header, value);
        }
        Ok(headers)
    }

    /// What is kept with the object.
    pub(super) fn described(&self) -> S3Result<Described> {
        let text = |name: &str| self.get(name).map(str::to_owned);
        let expires = self.get("expires").map(|date| {
            Timestamp::parse(TimestampFormat::HttpDate, date).map_err(|_| invalid("Expires"))
        });
        let class = text("x-amz-storage-class").map(StorageClass::from);
        let metadata = self.0.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix("x-amz-meta-").filter(|name| !name.is_empty())?;
            Some((name.to_owned(), value.clone()))
        });
        let mut metadata: Vec<_> = metadata.collect();
        metadata.sort();
        Ok(Described {
            cache_control: text("cache-control"),
            content_disposition: text("content-disposition"),
            content_encoding: own_encoding(self.get("content-encoding")),
            content_language: text("content-language"),
            content_type: text("content-type"),
            expires: expires.transpose()?.map(clock::seconds),
            metadata,
            storage_class: storage_class(class.as_ref())?,
            redirect: redirect(text("x-amz-website-redirect-location"))?,
            tags: tags::of_field(self.get("tagging"))?,
        })
    }
}

fn missing(name: &str) -> S3Error {
    custom(
        "InvalidArgument",
        StatusCode::BAD_REQUEST,
        format!(
            "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
        ),
    )
}

fn invalid(name: &str) -> S3Error {
    s3_error!(InvalidArgument, "The value of the form's field '{name}' is not valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(rows: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in rows {
            fields.add((*name).to_owned(), (*value).to_owned()).unwrap();
        }
        fields
    }

    #[test]
    fn the_name_of_the_file_is_put_into_every_field() {
        for (path, name) in [("a.txt", "a.txt"), ("C:\\x\\a.txt", "a.txt"), ("x/a", "a"), ("", "")]
        {
            let mut fields = fields(&[("key", "to/${filename}"), ("x-amz-meta-n", "${filename}!")]);
            fields.put_file_name(path);
            assert_eq!(fields.key().unwrap(), format!("to/{name}"));
            assert_eq!(fields.get("x-amz-meta-n"), Some(format!("{name}!").as_str()));
        }
    }

    #[test]
    fn keys_have_limits() {
        let code =
            |key: &str| fields(&[("key", key)]).key().err().map(|e| e.code().as_str().to_owned());
        assert_eq!(code(&"ü".repeat(512)), None);
        assert_eq!(code(&"ü".repeat(513)).as_deref(), Some("KeyTooLongError"));
        assert_eq!(code("").as_deref(), Some("InvalidArgument"));
        assert!(Fields::default().key().is_err());
    }

    #[test]
    fn a_field_comes_once() {
        let mut fields = fields(&[("key", "a"), ("x-ignore-a", "1")]);
        assert!(fields.add("key".to_owned(), "b".to_owned()).is_err());
        assert!(fields.add("x-ignore-a".to_owned(), "2".to_owned()).is_ok());
    }

    #[test]
    fn fields_are_headers_and_cannot_break_them() {
        let all = fields(&[
            ("acl", "private"),
            ("x-amz-meta-a", "ü"),
            ("x-amz-signature", "0"),
            ("content-type", "image/png"),
            ("success_action_status", "201"),
        ]);
        let headers = all.headers().unwrap();
        assert_eq!(headers["x-amz-acl"], "private");
        assert_eq!(headers.len(), 3);
        assert_eq!(all.described().unwrap().metadata, [("a".to_owned(), "ü".to_owned())]);
        assert!(fields(&[("x-amz-meta-a", "1\r\nx: y")]).headers().is_err());
        assert!(fields(&[("x-amz-meta-a b", "1")]).headers().is_err());
        assert!(fields(&[("content-type", "a\nb")]).headers().is_err());
        assert!(fields(&[("expires", "tomorrow")]).described().is_err());
    }
}
