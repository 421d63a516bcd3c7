//! Certificates of those who sign documents.

use std::path::Path;

use x509_parser::oid_registry::OID_SIG_ED25519;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::CatalogError;

/// A key, and the time during which it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningCertificate {
    /// Ed25519 public key.
    pub(crate) key: [u8; 32],
    /// Seconds since 1970; signatures are made after it.
    pub(crate) not_before: i64,
    /// Seconds since 1970; signatures are made before it.
    pub(crate) not_after: i64,
}

/// The community's certificate (O=StackQL Studios), valid from 2025-02-27 21:15 to 2027-08-16 21:15
/// UTC. The key is pinned: the certificate is signed by itself, and a chain says nothing more.
pub(crate) const COMMUNITY: SigningCertificate = SigningCertificate {
    key: [
        0x7a, 0xe7, 0x15, 0xf5, 0xe5, 0xba, 0x69, 0x1c, 0xd2, 0xb8, 0xe6, 0xb1, 0x7b, 0x51, 0x53,
        0x0d, 0xa6, 0xad, 0x25, 0x7e, 0xc9, 0xc7, 0x42, 0x2c, 0x08, 0xc1, 0xba, 0x1b, 0x36, 0x63,
        0x91, 0x39,
    ],
    not_before: 1_740_690_900,
    not_after: 1_818_450_900,
};

/// Larger files hold no certificates.
const LARGEST: u64 = 1 << 20;

/// Reads the certificates of a file, PEM or DER. With `authorities` each must be among the
/// certificates of that file, or be issued by one of them.
pub(crate) fn signing_certificates(
    path: &Path,
    authorities: Option<&Path>,
) -> Result<Vec<SigningCertificate>, CatalogError> {
    let wrong = |reason: &str| CatalogError::Registry(format!("{}: {reason}", path.display()));
    let trusted = authorities.map(encoded).transpose()?;
    let mut found = Vec::new();
    for der in encoded(path)? {
        let certificate = parsed(&der).ok_or_else(|| wrong("a certificate cannot be read"))?;
        if let Some(trusted) = &trusted
            && !trusted.iter().any(|authority| *authority == der || issued(&certificate, authority))
        {
            return Err(wrong("a certificate is not issued by one of CAFile"));
        }
        let info = &certificate.tbs_certificate.subject_pki;
        let key = <[u8; 32]>::try_from(info.subject_public_key.data.as_ref());
        let (Ok(key), true) = (key, info.algorithm.algorithm == OID_SIG_ED25519) else {
            return Err(wrong("a certificate has no Ed25519 key; documents are signed with one"));
        };
        let validity = certificate.validity();
        found.push(SigningCertificate {
            key,
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
        });
    }
    Ok(found)
}

/// The certificates of a file in their binary form; at least one.
fn encoded(path: &Path) -> Result<Vec<Vec<u8>>, CatalogError> {
    let wrong = |reason: String| CatalogError::Registry(format!("{}: {reason}", path.display()));
    let length = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if length > LARGEST {
        return Err(wrong("it is too large for certificates".to_owned()));
    }
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    if parsed(&bytes).is_some() {
        return Ok(vec![bytes]);
    }
    let mut found = Vec::new();
    for block in Pem::iter_from_buffer(&bytes) {
        let block = block.map_err(|error| wrong(error.to_string()))?;
        if block.label == "CERTIFICATE" {
            found.push(block.contents);
        }
    }
    if found.is_empty() {
        return Err(wrong("it holds no certificate, neither as PEM nor as DER".to_owned()));
    }
    Ok(found)
}

fn parsed(der: &[u8]) -> Option<X509Certificate<'_>> {
    let (rest, certificate) = X509Certificate::from_der(der).ok()?;
    rest.is_empty().then_some(certificate)
}

fn issued(certificate: &X509Certificate<'_>, authority: &[u8]) -> bool {
    parsed(authority).is_some_and(|authority| {
        authority.is_ca()
            && authority.subject() == certificate.issuer()
            && certificate.verify_signature(Some(authority.public_key())).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ED25519};

    use super::*;

    #[test]
    fn a_certificate_says_its_key_and_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.not_before = rcgen::date_time_ymd(2024, 1, 1);
        params.not_after = rcgen::date_time_ymd(2025, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        let expected = [SigningCertificate {
            key: <[u8; 32]>::try_from(key.public_key_raw()).unwrap(),
            not_before: 1_704_067_200,
            not_after: 1_735_689_600,
        }];
        let (pem, der) = (folder.path().join("c.pem"), folder.path().join("c.der"));
        std::fs::write(&pem, format!("a note\n{}", certificate.pem())).unwrap();
        std::fs::write(&der, certificate.der()).unwrap();
        for file in [&pem, &der] {
            assert_eq!(signing_certificates(file, None).unwrap(), expected);
            assert_eq!(signing_certificates(file, Some(&der)).unwrap(), expected);
        }
    }

    #[test]
    fn other_keys_other_issuers_and_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let authority = |name: &str| {
            let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
            let mut params = CertificateParams::new([]).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, "authority");
            let pem = params.self_signed(&key).unwrap().pem();
            (file(name, &pem), Issuer::new(params, key))
        };
        let (ours, issuer) = authority("ours.pem");
        let (others, _) = authority("others.pem");
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let leaf = CertificateParams::new([]).unwrap().signed_by(&key, &issuer).unwrap();
        let leaf = file("leaf.pem", &leaf.pem());
        assert_eq!(signing_certificates(&leaf, Some(&ours)).unwrap().len(), 1);
        let refused = |path: &Path, authorities: Option<&Path>, why: &str| {
            let error = signing_certificates(path, authorities).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        };
        refused(&leaf, Some(&others), "not issued by one of CAFile");
        let wrong = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let wrong = CertificateParams::new([]).unwrap().self_signed(&wrong).unwrap();
        refused(&file("p256.pem", &wrong.pem()), None, "no Ed25519 key");
        refused(&file("empty", ""), None, "holds no certificate");
        refused(&file("key.pem", &key.serialize_pem()), None, "holds no certificate");
        refused(&folder.path().join("absent"), None, "absent");
    }
}
