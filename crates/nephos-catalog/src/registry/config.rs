//! The `--registry` value.

use std::path::{Path, PathBuf};

use regex::Regex;
use serde::Deserialize;

use crate::CatalogError;

use super::naming::part;

/// The community's registry.
const PUBLIC: &str = "https://registry.stackql.app/providers";

/// Where providers are pulled from, where they are kept, and what is believed.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// The registry.
    pub url: RegistryUrl,
    /// Where providers are kept: `src` below it holds one directory a provider. `None` for the
    /// place of the installation.
    pub local_doc_root: Option<PathBuf>,
    /// Documents are pulled one by one from the registry's sources instead of as an archive.
    pub allow_src_download: bool,
    /// What is believed.
    pub verify: VerifyConfig,
    src_prefix: String,
    dist_prefix: String,
}

/// Where a registry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryUrl {
    /// A directory.
    File(PathBuf),
    /// An HTTP URL without a slash at its end.
    Web(String),
}

/// How documents are verified.
#[derive(Debug, Clone, Default)]
pub struct VerifyConfig {
    /// Nothing is verified.
    pub nop_verify: bool,
    /// Certificates that `signing_cert_file` must be among, or be issued by.
    pub ca_file: Option<PathBuf>,
    /// Certificates whose keys documents are signed with, instead of the community's.
    pub signing_cert_file: Option<PathBuf>,
    /// The documents, by address, for which `signing_cert_file` is used; all without it.
    pub cert_regex: Option<Regex>,
}

/// The JSON as it is written; keys of others are ignored.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Written {
    url: String,
    src_prefix: Option<String>,
    dist_prefix: Option<String>,
    allow_src_download: bool,
    local_doc_root: String,
    verify_config: WrittenVerify,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WrittenVerify {
    #[serde(rename = "CAFile", alias = "caFile")]
    ca_file: String,
    signing_cert_file: String,
    cert_regex: String,
    nop_verify: bool,
}

impl Default for RegistryConfig {
    /// The community's registry, verified.
    fn default() -> Self {
        Self {
            url: RegistryUrl::Web(PUBLIC.to_owned()),
            local_doc_root: None,
            allow_src_download: false,
            verify: VerifyConfig::default(),
            src_prefix: "src".to_owned(),
            dist_prefix: "dist".to_owned(),
        }
    }
}

impl RegistryConfig {
    /// Reads the JSON of `--registry`: `{"url": "file:///path"}`, with what is left out as in
    /// [`RegistryConfig::default`].
    pub fn parse(json: &str) -> Result<Self, CatalogError> {
        let written: Written = serde_json::from_str(json).map_err(|error| {
            CatalogError::Registry(format!(
                "{error}; expected JSON such as {{\"url\":\"file:///path\"}}"
            ))
        })?;
        let default = Self::default();
        let path = |text: String| Some(text).filter(|text| !text.is_empty()).map(PathBuf::from);
        let cert_regex = match written.verify_config.cert_regex.as_str() {
            "" => None,
            pattern => Some(Regex::new(pattern).map_err(|error| {
                CatalogError::Registry(format!("certRegex {pattern:?} cannot be read: {error}"))
            })?),
        };
        let config = Self {
            url: match written.url.as_str() {
                "" => default.url,
                url => address(url, written.verify_config.nop_verify)?,
            },
            local_doc_root: path(written.local_doc_root),
            allow_src_download: written.allow_src_download,
            verify: VerifyConfig {
                nop_verify: written.verify_config.nop_verify,
                ca_file: path(written.verify_config.ca_file),
                signing_cert_file: path(written.verify_config.signing_cert_file),
                cert_regex,
            },
            src_prefix: prefix("srcPrefix", written.src_prefix, default.src_prefix)?,
            dist_prefix: prefix("distPrefix", written.dist_prefix, default.dist_prefix)?,
        };
        if let RegistryUrl::File(root) = &config.url
            && ![&config.src_prefix, &config.dist_prefix].iter().any(|p| root.join(p).is_dir())
        {
            return Err(CatalogError::Registry(format!(
                "{} is not a directory; it should hold one directory a provider",
                root.join(&config.src_prefix).display()
            )));
        }
        Ok(config)
    }

    /// The directory that providers are installed in; `home` is the place of the installation.
    pub fn installed(&self, home: &Path) -> PathBuf {
        match &self.local_doc_root {
            Some(root) => root.join(&self.src_prefix),
            None => home.join("src"),
        }
    }

    /// All directories that hold providers, each before those that it stands in front of. Those
    /// that do not exist are left out. Without a `home`, only what the settings name.
    pub fn sources(&self, home: Option<&Path>) -> Vec<PathBuf> {
        let in_place = match &self.url {
            RegistryUrl::File(root) => Some(root.join(&self.src_prefix)),
            RegistryUrl::Web(_) => None,
        };
        let installed = match (home, &self.local_doc_root) {
            (None, None) => None,
            (home, _) => Some(self.installed(home.unwrap_or(Path::new("")))),
        };
        let mut sources: Vec<PathBuf> =
            in_place.into_iter().chain(installed).filter(|path| path.is_dir()).collect();
        sources.dedup();
        sources
    }

    /// The address of something below the registry's archives, such as `providers.yaml`.
    pub fn dist(&self, path: &str) -> RegistryUrl {
        self.below(&self.dist_prefix, path)
    }

    /// The address of a document below the registry's sources.
    pub fn src(&self, path: &str) -> RegistryUrl {
        self.below(&self.src_prefix, path)
    }

    fn below(&self, prefix: &str, path: &str) -> RegistryUrl {
        match &self.url {
            RegistryUrl::File(root) => RegistryUrl::File(root.join(prefix).join(path)),
            RegistryUrl::Web(url) if prefix.is_empty() => RegistryUrl::Web(format!("{url}/{path}")),
            RegistryUrl::Web(url) => RegistryUrl::Web(format!("{url}/{prefix}/{path}")),
        }
    }
}

impl std::fmt::Display for RegistryUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "file://{}", path.display()),
            Self::Web(url) => f.write_str(url),
        }
    }
}

fn address(url: &str, unverified: bool) -> Result<RegistryUrl, CatalogError> {
    let refuse = |why: &str| Err(CatalogError::Registry(format!("url {url:?} {why}")));
    let Some((scheme, rest)) = url.split_once("://") else {
        return refuse("is neither an https:// nor a file:// URL");
    };
    let scheme = scheme.to_ascii_lowercase();
    if scheme == "file" {
        return Ok(RegistryUrl::File(PathBuf::from(rest)));
    }
    if scheme != "https" && scheme != "http" {
        return refuse("is neither an https:// nor a file:// URL");
    }
    let rest = rest.trim_end_matches('/');
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        // Shown without what it says: it may be a password.
        return Err(CatalogError::Registry(
            "a url with a user and a password in it is not supported".to_owned(),
        ));
    }
    let odd = |c: char| c.is_whitespace() || c.is_control() || "?#\"<>\\^`{|}".contains(c);
    if authority.is_empty() || rest.contains(odd) {
        return refuse("is not the URL of a directory");
    }
    if scheme == "http" && unverified && !is_this_machine(authority) {
        return refuse(
            "is plain http and nopVerify is set: anybody on the way could change documents; \
             use https or verify signatures",
        );
    }
    Ok(RegistryUrl::Web(format!("{scheme}://{rest}")))
}

fn is_this_machine(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|ip| ip.is_loopback())
}

fn prefix(
    key: &'static str,
    written: Option<String>,
    default: String,
) -> Result<String, CatalogError> {
    let Some(text) = written else { return Ok(default) };
    let text = text.trim_matches('/');
    for step in text.split('/').filter(|_| !text.is_empty()) {
        part(key, step)?;
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_the_communitys_registry() {
        let config = RegistryConfig::parse("{}").unwrap();
        assert_eq!(
            config.dist("aws/v1.tgz").to_string(),
            "https://registry.stackql.app/providers/dist/aws/v1.tgz"
        );
        assert!(!config.verify.nop_verify && !config.allow_src_download);
        assert_eq!(config.installed(Path::new("/home")), Path::new("/home/src"));
    }

    #[test]
    fn all_keys_are_read() {
        let config = RegistryConfig::parse(
            r#"{"url":"https://r.example/p/","srcPrefix":"","distPrefix":"archives/v2",
                "allowSrcDownload":true,"localDocRoot":"/docs","other":1,
                "verifyConfig":{"CAFile":"/ca","signingCertFile":"/cert","certRegex":"^aws/",
                                "nopVerify":true}}"#,
        )
        .unwrap();
        assert_eq!(config.dist("x").to_string(), "https://r.example/p/archives/v2/x");
        assert_eq!(config.src("x").to_string(), "https://r.example/p/x");
        assert_eq!(config.installed(Path::new("/home")), Path::new("/docs/"));
        assert!(config.allow_src_download && config.verify.nop_verify);
        assert_eq!(config.verify.ca_file.as_deref(), Some(Path::new("/ca")));
        assert_eq!(config.verify.signing_cert_file.as_deref(), Some(Path::new("/cert")));
        assert!(config.verify.cert_regex.unwrap().is_match("aws/v1/provider.yaml"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (json, why) in [
            (r#"{"url":"ftp://x"}"#, "neither an https"),
            (r#"{"url":"x"}"#, "neither an https"),
            (r#"{"url":"https://u:secret@x"}"#, "a user and a password"),
            (r#"{"url":"https://x/?a=b"}"#, "not the URL of a directory"),
            (r#"{"url":"https://"}"#, "not the URL of a directory"),
            (r#"{"url":"http://x","verifyConfig":{"nopVerify":true}}"#, "plain http"),
            (r#"{"url":"file:///no/such/place"}"#, "is not a directory"),
            (r#"{"srcPrefix":"../etc"}"#, "is not the name of a srcPrefix"),
            (r#"{"verifyConfig":{"certRegex":"("}}"#, "certRegex"),
            (r#"{"verifyConfig":1}"#, "expected JSON such as"),
        ] {
            let error = RegistryConfig::parse(json).unwrap_err().to_string();
            assert!(error.contains(why), "{json}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        for json in [
            r#"{"url":"http://127.0.0.1:80/p","verifyConfig":{"nopVerify":true}}"#,
            r#"{"url":"http://[::1]","verifyConfig":{"nopVerify":true}}"#,
            r#"{"url":"http://x"}"#,
        ] {
            RegistryConfig::parse(json).unwrap();
        }
    }
}
