//! Signatures of documents.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::CatalogError;

use super::certificate::{COMMUNITY, SigningCertificate, signing_certificates};
use super::config::VerifyConfig;

/// Length of an Ed25519 signature.
const SIGNATURE: usize = 64;
/// Seconds from the start of year 1, which Go counts from, to 1970.
const YEAR_ONE: i64 = 62_135_596_800;

/// Decides whether documents are what their publisher signed.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// `None` where nothing is verified.
    trust: Option<Trust>,
}

#[derive(Debug, Clone)]
struct Trust {
    /// Of the user, for the documents that `applies` matches.
    own: Vec<SigningCertificate>,
    applies: Option<regex::Regex>,
}

impl Verifier {
    /// Reads the certificates that the settings name.
    pub fn open(config: &VerifyConfig) -> Result<Self, CatalogError> {
        if config.nop_verify {
            return Ok(Self { trust: None });
        }
        let own = match &config.signing_cert_file {
            Some(path) => signing_certificates(path, config.ca_file.as_deref())?,
            None => Vec::new(),
        };
        Ok(Self { trust: Some(Trust { own, applies: config.cert_regex.clone() }) })
    }

    /// Whether documents need signatures at all.
    pub fn is_strict(&self) -> bool {
        self.trust.is_some()
    }

    /// Verifies a document; `path` is `<dir>/<version>/services/x.yaml`. `signature` is the text of
    /// its `.sig`. The error is the reason.
    pub fn verify(&self, path: &str, document: Vec<u8>, signature: &[u8]) -> Result<(), String> {
        let Some(trust) = &self.trust else { return Ok(()) };
        let applies = trust.applies.as_ref().is_none_or(|regex| regex.is_match(path));
        let certificates: &[SigningCertificate] =
            if trust.own.is_empty() || !applies { &[COMMUNITY] } else { &trust.own };
        verify(certificates, document, signature)
    }
}

/// The message that is signed is the document and the time behind it.
fn verify(
    certificates: &[SigningCertificate],
    document: Vec<u8>,
    signature: &[u8],
) -> Result<(), String> {
    let signed = STANDARD
        .decode(signature.trim_ascii())
        .map_err(|error| format!("its signature is not base64: {error}"))?;
    let (stamp, signature) = signed
        .len()
        .checked_sub(SIGNATURE)
        .and_then(|at| signed.split_at_checked(at))
        .ok_or("its signature is too short")?;
    let made = timestamp(stamp).ok_or("its signature has no time that can be read")?;
    let mut message = document;
    message.extend_from_slice(stamp);
    let matching: Vec<&SigningCertificate> = certificates
        .iter()
        .filter(|c| UnparsedPublicKey::new(&ED25519, c.key).verify(&message, signature).is_ok())
        .collect();
    let Some(nearest) = matching.last() else {
        return Err("its signature does not fit: the document or the signature was changed, or \
                    another key has signed it"
            .to_owned());
    };
    if matching.iter().any(|c| c.not_before < made && made < c.not_after) {
        return Ok(());
    }
    Err(format!(
        "it was signed at {}, and the certificate is valid from {} to {}",
        shown(made),
        shown(nearest.not_before),
        shown(nearest.not_after)
    ))
}

/// Reads Go's binary form of a time: a version, seconds since year 1, nanoseconds, and the zone in
/// minutes (version 2 has its seconds behind). The answer is seconds since 1970, rounded down.
fn timestamp(bytes: &[u8]) -> Option<i64> {
    if !matches!((bytes.first()?, bytes.len()), (1, 15) | (2, 16)) {
        return None;
    }
    let seconds = i64::from_be_bytes(bytes[1..9].try_into().ok()?);
    let nanoseconds = u32::from_be_bytes(bytes[9..13].try_into().ok()?);
    (nanoseconds < 1_000_000_000).then(|| seconds.checked_sub(YEAR_ONE))?
}

fn shown(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| "no time of this calendar".to_owned())
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    /// 2026-01-01.
    const DAY: i64 = 1_767_225_600;

    struct Signer(Ed25519KeyPair);

    impl Signer {
        fn new(seed: u8) -> Self {
            Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
        }

        fn certificate(&self) -> SigningCertificate {
            let key = <[u8; 32]>::try_from(self.0.public_key().as_ref()).unwrap();
            SigningCertificate { key, not_before: DAY, not_after: DAY + 100 }
        }

        fn sign(&self, document: &[u8], stamp: &[u8]) -> String {
            let signature = self.0.sign(&[document, stamp].concat());
            STANDARD.encode([stamp, signature.as_ref()].concat())
        }
    }

    fn stamp(version: u8, unix: i64) -> Vec<u8> {
        let mut bytes = vec![version];
        bytes.extend((unix + YEAR_ONE).to_be_bytes());
        bytes.extend([0, 0, 0, 7, 0, 60]);
        bytes.extend((version == 2).then_some(1));
        bytes
    }

    #[test]
    fn a_document_is_what_was_signed_in_time() {
        let (signer, other) = (Signer::new(1), Signer::new(2));
        let trusted = [other.certificate(), signer.certificate()];
        let says = |document: &[u8], signature: &str| {
            verify(&trusted, document.to_vec(), signature.as_bytes())
        };
        for version in [1, 2] {
            let good = signer.sign(b"text", &stamp(version, DAY + 1));
            assert_eq!(says(b"text", &good), Ok(()));
            assert_eq!(says(b"text", &format!("{good}\n")), Ok(()));
            assert!(says(b"texT", &good).unwrap_err().contains("does not fit"));
        }
        for (at, fits) in [(DAY, false), (DAY + 1, true), (DAY + 99, true), (DAY + 100, false)] {
            let said = says(b"text", &signer.sign(b"text", &stamp(1, at)));
            assert_eq!(said.is_ok(), fits, "{at} {said:?}");
        }
        let late = says(b"text", &signer.sign(b"text", &stamp(1, DAY + 200))).unwrap_err();
        assert!(late.contains("signed at 2026-01-01T00:03:20Z"), "{late}");
        let stranger = Signer::new(3).sign(b"text", &stamp(1, DAY + 1));
        assert!(says(b"text", &stranger).unwrap_err().contains("does not fit"));
    }

    #[test]
    fn a_signature_without_a_time_or_with_a_changed_one_is_refused() {
        let signer = Signer::new(1);
        let trusted = [signer.certificate()];
        let says =
            |signature: &str| verify(&trusted, b"text".to_vec(), signature.as_bytes()).unwrap_err();
        assert!(says(&signer.sign(b"text", &[])).contains("no time"));
        assert!(says(&signer.sign(b"text", &stamp(3, DAY + 1))).contains("no time"));
        assert!(says("").contains("too short") && says("%").contains("not base64"));
        let mut changed = STANDARD.decode(signer.sign(b"text", &stamp(1, DAY - 9))).unwrap();
        changed[..15].copy_from_slice(&stamp(1, DAY + 1));
        assert!(says(&STANDARD.encode(changed)).contains("does not fit"));
    }

    #[test]
    fn the_pinned_key_is_the_published_one() {
        let published = "MCowBQYDK2VwAyEAeucV9eW6aRzSuOaxe1FTDaatJX7Jx0IsCMG6GzZjkTk=";
        assert_eq!(&STANDARD.decode(published).unwrap()[12..], COMMUNITY.key);
        assert_eq!(shown(COMMUNITY.not_before), "2025-02-27T21:15:00Z");
        assert_eq!(shown(COMMUNITY.not_after), "2027-08-16T21:15:00Z");
    }
}
