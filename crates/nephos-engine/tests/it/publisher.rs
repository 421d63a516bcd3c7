//! A publisher of providers: documents, signatures, archives, and the registry that serves them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use nephos_testkit::{MockApi, Reply};
use rcgen::{CertificateParams, KeyPair};
use ring::signature::Ed25519KeyPair;

/// 2026-06-01, within the certificate of every [`Publisher`].
pub(crate) const IN_TIME: i64 = 1_780_272_000;
/// Seconds from the start of year 1 to 1970.
const YEAR_ONE: i64 = 62_135_596_800;

/// Paths below the version's directory, and contents.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) struct Publisher {
    key: Ed25519KeyPair,
    /// Certificate of 2026.
    pub(crate) certificate: String,
}

impl Publisher {
    pub(crate) fn new() -> Self {
        let random = ring::rand::SystemRandom::new();
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2027, 1, 1);
        let certificate = params.self_signed(&KeyPair::try_from(pkcs8.as_ref()).unwrap()).unwrap();
        Self {
            key: Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap(),
            certificate: certificate.pem(),
        }
    }

    /// The text of a `.sig`.
    pub(crate) fn sign(&self, document: &[u8], unix: i64) -> Vec<u8> {
        let mut stamp = vec![1];
        stamp.extend((unix + YEAR_ONE).to_be_bytes());
        stamp.extend([0, 0, 0, 0, 0xff, 0xff]);
        let signature = self.key.sign(&[document, &stamp].concat());
        STANDARD.encode([&stamp, signature.as_ref()].concat()).into_bytes()
    }

    /// Adds the `.sig` of every document.
    pub(crate) fn signed(&self, documents: &Files) -> Files {
        let mut all = documents.clone();
        for (path, document) in documents {
            all.insert(format!("{path}.sig"), self.sign(document, IN_TIME));
        }
        all
    }
}

/// A provider with two services, each with one resource.
pub(crate) fn documents(name: &str, directory: &str, version: &str) -> Files {
    let mut provider = format!("id: {name}\nname: {name}\nversion: {version}\nproviderServices:\n");
    let mut files = Files::new();
    for service in ["things", "widgets"] {
        let _ = write!(
            provider,
            "  {service}:\n    id: {service}:{version}\n    name: {service}\n    title: {version}\n    \
             service:\n      $ref: {directory}/{version}/services/{service}.yaml\n"
        );
        let document = format!(
            "openapi: 3.0.0\ninfo: {{title: {service}, version: v1}}\nservers: [{{url: https://x}}]\n\
             paths:\n  /all:\n    get:\n      operationId: list\n      responses: {{'200': \
             {{description: ok}}}}\ncomponents:\n  x-stackQL-resources:\n    all:\n      id: a\n      \
             name: all\n      methods:\n        list:\n          operation: {{$ref: \
             '#/paths/~1all/get'}}\n          response: {{mediaType: application/json, \
             openAPIDocKey: '200'}}\n      sqlVerbs: {{select: []}}\n"
        );
        files.insert(format!("services/{service}.yaml"), document.into_bytes());
    }
    files.insert("provider.yaml".to_owned(), provider.into_bytes());
    files
}

/// A gzip tar with `top` as its directory.
pub(crate) fn archive(top: &str, files: &Files) -> Vec<u8> {
    let gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{top}/{path}"), content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// What a registry serves, by path below its URL.
pub(crate) type Shelf = BTreeMap<String, Vec<u8>>;

/// A registry on a socket; what is not on the shelf is not found.
pub(crate) async fn serve(shelf: Shelf) -> MockApi {
    let shelf = Arc::new(shelf);
    MockApi::start(move |_, request| {
        let path = request.path.trim_start_matches("/providers/");
        match shelf.get(path) {
            Some(body) => Reply::new(200, body.clone()),
            None => Reply::new(404, "not found"),
        }
    })
    .await
    .unwrap()
}

/// The same as a directory.
pub(crate) fn store(root: &Path, shelf: &Shelf) -> PathBuf {
    for (path, content) in shelf {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    root.to_owned()
}
