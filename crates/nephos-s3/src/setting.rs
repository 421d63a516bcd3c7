//! What is set for a bucket: kept as the document that set it, and given back as it was.

use crate::error::{malformed_xml, no_such_bucket};
use crate::service::Endpoint;
use crate::store::Unavailable;
use s3s::xml::{Deserialize, Deserializer, Serialize, Serializer};
use s3s::{S3Error, S3Result};

/// One kind of setting, under the name its rows have.
#[derive(Clone, Copy)]
pub(crate) enum Setting {
    Cors,
    Encryption,
    Lifecycle,
    /// The size from which objects change their storage class, a word.
    LifecycleSize,
    Ownership,
    Policy,
    PublicAccess,
    Tags,
}

impl Setting {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cors => "cors",
            Self::Encryption => "encryption",
            Self::Lifecycle => "lifecycle",
            Self::LifecycleSize => "lifecycle-size",
            Self::Ownership => "ownership",
            Self::Policy => "policy",
            Self::PublicAccess => "public-access-block",
            Self::Tags => "tagging",
        }
    }
}

pub(crate) fn to_xml<T: Serialize>(value: &T) -> S3Result<String> {
    let mut text = Vec::new();
    value.serialize(&mut Serializer::new(&mut text)).map_err(|_| malformed_xml())?;
    String::from_utf8(text).map_err(|_| malformed_xml())
}

pub(crate) fn from_xml<T>(text: &str) -> Result<T, Unavailable>
where
    T: for<'xml> Deserialize<'xml>,
{
    let mut deserializer = Deserializer::new(text.as_bytes());
    Ok(T::deserialize(&mut deserializer)?)
}

impl Endpoint {
    /// Keeps a setting, in place of an earlier one.
    pub(crate) async fn set(&self, bucket: String, kind: Setting, text: String) -> S3Result<()> {
        self.store
            .commit(move |tables| {
                tables.existing_bucket(&bucket)?;
                tables.settings.insert((bucket.as_str(), kind.name()), text.as_str())?;
                Ok(())
            })
            .await
    }

    /// Removes a setting, if it is there.
    pub(crate) async fn unset(&self, bucket: String, kind: Setting) -> S3Result<()> {
        self.store
            .commit(move |tables| {
                tables.existing_bucket(&bucket)?;
                tables.settings.remove((bucket.as_str(), kind.name()))?;
                Ok(())
            })
            .await
    }

    /// The text of a setting, if it is there.
    pub(crate) fn setting_text(&self, bucket: &str, kind: Setting) -> S3Result<Option<String>> {
        let found = self.store.setting(bucket, kind.name())?;
        if found.is_none() {
            self.store.bucket(bucket)?.ok_or_else(no_such_bucket)?;
        }
        Ok(found)
    }

    /// A setting, if it is there.
    pub(crate) fn setting<T>(&self, bucket: &str, kind: Setting) -> S3Result<Option<T>>
    where
        T: for<'xml> Deserialize<'xml>,
    {
        let text = self.setting_text(bucket, kind)?;
        Ok(text.as_deref().map(from_xml).transpose()?)
    }

    /// A setting, or what is said where it is not there.
    pub(crate) fn existing_setting<T>(
        &self,
        bucket: &str,
        kind: Setting,
        missing: impl FnOnce() -> S3Error,
    ) -> S3Result<T>
    where
        T: for<'xml> Deserialize<'xml>,
    {
        self.setting(bucket, kind)?.ok_or_else(missing)
    }
}
