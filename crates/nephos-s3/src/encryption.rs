//! Server-side encryption: what requests ask for, what is recorded, and the keys.
//!
//! Every byte that a request asks to encrypt is encrypted at rest, with AES-256-GCM in frames, so
//! that a range can be read without the rest. The key of a stored piece of data is derived from
//! the client's key, or from the key in the directory, and is used for that piece only. The
//! SSE-S3 that S3 applies where nobody asks is reported as on S3 and costs nothing: it guards
//! against nothing here that the permissions of the directory do not.

use crate::identity::{ACCOUNT_ID, REGION};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use md5::{Digest as _, Md5};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};

const SSE: HeaderName = HeaderName::from_static("x-amz-server-side-encryption");
const KMS_KEY: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-aws-kms-key-id");
const KMS_CONTEXT: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-context");
const BUCKET_KEY: HeaderName =
    HeaderName::from_static("x-amz-server-side-encryption-bucket-key-enabled");
const CUSTOMER_ALGORITHM: HeaderName =
    HeaderName::from_static("x-amz-server-side-encryption-customer-algorithm");
const CUSTOMER_MD5: HeaderName =
    HeaderName::from_static("x-amz-server-side-encryption-customer-key-md5");

/// What a data key is derived with, besides the secret.
pub(crate) type Salt = [u8; 16];

/// How much is encrypted in one go.
pub(crate) const FRAME: usize = 64 << 10;

/// What a frame is longer by at rest.
pub(crate) const TAG: usize = 16;

/// How an object is encrypted, as it is recorded with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Encryption {
    /// Nobody asked: reported as SSE-S3, as every bucket of S3 has it, and not encrypted here.
    #[default]
    Unasked,
    /// SSE-S3, with the key in the directory.
    S3,
    /// SSE-KMS or DSSE-KMS, with a key derived from the one in the directory.
    Kms(KmsRecord),
    /// SSE-C: only what is needed to recognise the client's key is kept.
    Customer { salt: Salt, verifier: [u8; 32] },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KmsRecord {
    /// The ARN of the key.
    pub(crate) key: String,
    pub(crate) dual_layer: bool,
    pub(crate) bucket_key: bool,
    pub(crate) context: Option<String>,
}

/// A key that encrypts. It has no `Debug`, so that it cannot be shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret([u8; 32]);

/// The key of one stored piece of data.
pub(crate) struct DataKey(LessSafeKey);

/// The data does not fit its key: it was changed, or the key is another.
#[derive(Debug, thiserror::Error)]
#[error("encrypted data cannot be read with this key")]
pub(crate) struct Unsealable;

impl Secret {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn derive(&self, purpose: &[u8], salt: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, &[purpose, salt].concat());
        let mut derived = [0; 32];
        derived.copy_from_slice(tag.as_ref());
        derived
    }

    pub(crate) fn data_key(&self, salt: &Salt) -> Result<DataKey, Unsealable> {
        let derived = self.derive(b"nephos data", salt);
        UnboundKey::new(&AES_256_GCM, &derived)
            .map(|key| DataKey(LessSafeKey::new(key)))
            .map_err(|_| Unsealable)
    }

    /// Tells one key from another, and nothing about it.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.derive(b"nephos fingerprint", b"")[..8]);
        u64::from_be_bytes(first)
    }

    fn verifier(&self, salt: &Salt) -> [u8; 32] {
        self.derive(b"nephos verifier", salt)
    }
}

impl DataKey {
    /// Frames are counted, so that no nonce is used twice with a key and none can be moved.
    fn nonce(frame: u64) -> Nonce {
        let mut bytes = [0; 12];
        bytes[4..].copy_from_slice(&frame.to_be_bytes());
        Nonce::assume_unique_for_key(bytes)
    }

    /// Encrypts one frame in place; it grows by [`TAG`].
    pub(crate) fn seal(&self, frame: u64, bytes: &mut Vec<u8>) -> Result<(), Unsealable> {
        self.0
            .seal_in_place_append_tag(Self::nonce(frame), Aad::empty(), bytes)
            .map_err(|_| Unsealable)
    }

    /// Decrypts one frame in place; it shrinks by [`TAG`].
    pub(crate) fn open(&self, frame: u64, bytes: &mut Vec<u8>) -> Result<(), Unsealable> {
        let length = self
            .0
            .open_in_place(Self::nonce(frame), Aad::empty(), bytes)
            .map_err(|_| Unsealable)?
            .len();
        bytes.truncate(length);
        Ok(())
    }
}

/// A key that a client sends with every request for an object.
pub(crate) struct CustomerKey {
    secret: Secret,
    md5: String,
}

impl CustomerKey {
    /// Reads the three headers of a key; `copy` is for the source of a copy.
    pub(crate) fn read(headers: &HeaderMap, copy: bool) -> S3Result<Option<Self>> {
        let prefix = if copy {
            "x-amz-copy-source-server-side-encryption-customer-"
        } else {
            "x-amz-server-side-encryption-customer-"
        };
        let given = |name: &str| text(headers, &format!("{prefix}{name}"));
        let (algorithm, key, md5) = match (given("algorithm"), given("key"), given("key-md5")) {
            (None, None, None) => return Ok(None),
            (None, _, _) => {
                return Err(s3_error!(
                    InvalidArgument,
                    "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm."
                ));
            }
            (Some(_), None, _) => {
                return Err(s3_error!(
                    InvalidArgument,
                    "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key."
                ));
            }
            (Some(_), Some(_), None) => {
                return Err(s3_error!(
                    InvalidArgument,
                    "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key."
                ));
            }
            (Some(algorithm), Some(key), Some(md5)) => (algorithm, key, md5),
        };
        if algorithm != "AES256" {
            return Err(s3_error!(
                InvalidEncryptionAlgorithmError,
                "The Encryption request you specified is not valid. Supported value: AES256."
            ));
        }
        let bytes: Option<[u8; 32]> =
            STANDARD.decode(key).ok().and_then(|bytes| bytes.try_into().ok());
        let Some(bytes) = bytes else {
            return Err(s3_error!(
                InvalidArgument,
                "The secret key was invalid for the specified algorithm."
            ));
        };
        let computed = STANDARD.encode(Md5::digest(bytes));
        if computed != md5 {
            return Err(s3_error!(
                InvalidArgument,
                "The calculated MD5 hash of the key did not match the hash that was provided."
            ));
        }
        Ok(Some(Self { secret: Secret(bytes), md5: computed }))
    }

    fn fits(&self, salt: &Salt, verifier: &[u8; 32]) -> bool {
        self.secret.verifier(salt) == *verifier
    }

    /// Repeats the headers that name the key.
    pub(crate) fn announce(&self, headers: &mut HeaderMap) {
        headers.insert(CUSTOMER_ALGORITHM, HeaderValue::from_static("AES256"));
        if let Ok(md5) = HeaderValue::from_str(&self.md5) {
            headers.insert(CUSTOMER_MD5, md5);
        }
    }
}

/// How a write is to be encrypted.
pub(crate) struct Protection {
    pub(crate) encryption: Encryption,
    /// Encrypts the bytes; none leaves them as they are.
    pub(crate) secret: Option<Secret>,
    customer: Option<CustomerKey>,
}

impl Protection {
    /// Reads what a request asks for; `default` is what its bucket has for those that ask for
    /// nothing.
    pub(crate) fn read(
        headers: &HeaderMap,
        default: impl FnOnce() -> S3Result<Encryption>,
        master: impl FnOnce() -> S3Result<Secret>,
    ) -> S3Result<Self> {
        let customer = CustomerKey::read(headers, false)?;
        let asked = asked(headers)?;
        if customer.is_some() && asked.is_some() {
            return Err(s3_error!(
                InvalidArgument,
                "Server Side Encryption with Customer provided key is incompatible with the encryption method specified"
            ));
        }
        if let Some(customer) = customer {
            let salt = rand::random();
            let verifier = customer.secret.verifier(&salt);
            return Ok(Self {
                encryption: Encryption::Customer { salt, verifier },
                secret: Some(customer.secret.clone()),
                customer: Some(customer),
            });
        }
        let encryption = match asked {
            Some(asked) => asked,
            None => default()?,
        };
        let secret = encryption.secret(None, master)?;
        Ok(Self { encryption, secret, customer: None })
    }

    /// What an upload was created with, for one of its parts.
    pub(crate) fn of_upload(
        encryption: &Encryption,
        headers: &HeaderMap,
        master: impl FnOnce() -> S3Result<Secret>,
    ) -> S3Result<Self> {
        let customer = CustomerKey::read(headers, false)?;
        match (encryption, &customer) {
            (Encryption::Customer { .. }, None) => Err(s3_error!(
                InvalidRequest,
                "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters."
            )),
            (Encryption::Customer { salt, verifier }, Some(key)) if !key.fits(salt, verifier) => {
                Err(s3_error!(
                    InvalidRequest,
                    "The provided encryption parameters did not match the ones used originally."
                ))
            }
            (Encryption::Customer { .. }, Some(_)) | (_, None) => {
                let secret = encryption.secret(customer.as_ref(), master)?;
                Ok(Self { encryption: encryption.clone(), secret, customer })
            }
            (_, Some(_)) => Err(s3_error!(
                InvalidRequest,
                "The multipart upload initiate did not request encryption. Please resend the request without sending encryption parameters."
            )),
        }
    }

    /// The headers that tell a client how its bytes are encrypted.
    pub(crate) fn headers(&self) -> HeaderMap {
        self.encryption.headers(self.customer.as_ref())
    }
}

impl Encryption {
    /// Whether the entity tag is the MD5 of the bytes, as S3 says of each kind.
    pub(crate) fn has_md5_tag(&self) -> bool {
        matches!(self, Self::Unasked | Self::S3)
    }

    /// The key the bytes are encrypted with; none if they are not.
    fn secret(
        &self,
        customer: Option<&CustomerKey>,
        master: impl FnOnce() -> S3Result<Secret>,
    ) -> S3Result<Option<Secret>> {
        Ok(match self {
            Self::Unasked => None,
            Self::S3 => Some(master()?),
            Self::Kms(kms) => Some(Secret(master()?.derive(b"nephos kms", kms.key.as_bytes()))),
            Self::Customer { .. } => customer.map(|key| key.secret.clone()),
        })
    }

    /// The key to read with, if the request brings what is needed for it.
    pub(crate) fn unlock(
        &self,
        customer: Option<&CustomerKey>,
        master: impl FnOnce() -> S3Result<Secret>,
    ) -> S3Result<Option<Secret>> {
        match (self, customer) {
            (Self::Customer { .. }, None) => Err(s3_error!(
                InvalidRequest,
                "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
            )),
            (Self::Customer { salt, verifier }, Some(key)) if !key.fits(salt, verifier) => {
                Err(s3_error!(
                    AccessDenied,
                    "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key."
                ))
            }
            (Self::Customer { .. }, Some(_)) | (_, None) => self.secret(customer, master),
            (_, Some(_)) => Err(s3_error!(
                InvalidRequest,
                "The encryption parameters are not applicable to this object."
            )),
        }
    }

    pub(crate) fn headers(&self, customer: Option<&CustomerKey>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::Unasked | Self::S3 => {
                headers.insert(SSE, HeaderValue::from_static("AES256"));
            }
            Self::Kms(kms) => kms.announce(&mut headers),
            Self::Customer { .. } => {
                if let Some(customer) = customer {
                    customer.announce(&mut headers);
                }
            }
        }
        headers
    }
}

impl KmsRecord {
    fn announce(&self, headers: &mut HeaderMap) {
        headers.insert(SSE, HeaderValue::from_static(kms_name(self.dual_layer)));
        if let Ok(key) = HeaderValue::from_str(&self.key) {
            headers.insert(KMS_KEY, key);
        }
        if self.bucket_key {
            headers.insert(BUCKET_KEY, HeaderValue::from_static("true"));
        }
        if let Some(Ok(context)) = self.context.as_deref().map(HeaderValue::from_str) {
            headers.insert(KMS_CONTEXT, context);
        }
    }
}

fn kms_name(dual_layer: bool) -> &'static str {
    if dual_layer { "aws:kms:dsse" } else { "aws:kms" }
}

/// The encryption that the headers of a write ask for.
fn asked(headers: &HeaderMap) -> S3Result<Option<Encryption>> {
    let key = text(headers, KMS_KEY.as_str());
    let method = text(headers, SSE.as_str());
    let dual_layer = match method {
        None | Some("AES256") if key.is_some() => {
            return Err(s3_error!(
                InvalidArgument,
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"
            ));
        }
        None => return Ok(None),
        Some("AES256") => return Ok(Some(Encryption::S3)),
        Some("aws:kms") => false,
        Some("aws:kms:dsse") => true,
        Some(_) => return Err(invalid_method()),
    };
    Ok(Some(Encryption::Kms(KmsRecord {
        key: key_arn(key)?,
        dual_layer,
        bucket_key: text(headers, BUCKET_KEY.as_str()) == Some("true"),
        context: text(headers, KMS_CONTEXT.as_str()).map(str::to_owned),
    })))
}

pub(crate) fn invalid_method() -> S3Error {
    s3_error!(InvalidArgument, "The encryption method specified is not supported")
}

/// The id of the account's own key for S3.
const AWS_KEY: &str = "5a3c0de0-0000-4000-8000-00006e6570ff";

/// The ARN of a key given by id, alias or ARN; none means the account's key for S3. Every key
/// exists: each name derives a key of its own.
pub(crate) fn key_arn(key: Option<&str>) -> S3Result<String> {
    let key = key.unwrap_or(AWS_KEY);
    if key.starts_with("arn:aws") {
        return Ok(key.to_owned());
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/:".contains(&byte);
    if key.is_empty() || key.len() > 256 || !key.bytes().all(plain) {
        return Err(s3_error!(InvalidArgument, "Invalid KMS key id"));
    }
    let resource = if key.starts_with("alias/") { key.to_owned() } else { format!("key/{key}") };
    Ok(format!("arn:aws:kms:{REGION}:{ACCOUNT_ID}:{resource}"))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_open_only_in_their_place_and_with_their_key() {
        let key = Secret([1; 32]).data_key(&[2; 16]).unwrap();
        let mut frame = b"some bytes".to_vec();
        key.seal(3, &mut frame).unwrap();
        assert_eq!(frame.len(), 10 + TAG);
        assert!(key.open(4, &mut frame.clone()).is_err());
        let other = Secret([1; 32]).data_key(&[3; 16]).unwrap();
        assert!(other.open(3, &mut frame.clone()).is_err());
        key.open(3, &mut frame).unwrap();
        assert_eq!(frame, b"some bytes");
    }

    #[test]
    fn keys_have_arns() {
        assert!(key_arn(None).unwrap().ends_with(":key/5a3c0de0-0000-4000-8000-00006e6570ff"));
        assert!(key_arn(Some("1234")).unwrap().ends_with(":key/1234"));
        assert_eq!(key_arn(Some("arn:aws:kms:x:1:key/2")).unwrap(), "arn:aws:kms:x:1:key/2");
        assert!(key_arn(Some("a b")).is_err());
    }
}
