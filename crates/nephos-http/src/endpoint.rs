//! Which server a call goes to.

use nephos_catalog::Method;
use url::Url;

use crate::request::encode_segment;
use crate::{CallError, CallErrorKind};

/// Where a bucket's name stands in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addressing {
    /// In the host for AWS, in the path for an endpoint of the user's own, and in the path where
    /// the name cannot be part of a host.
    #[default]
    Auto,
    /// `https://bucket.host/key`.
    VirtualHost,
    /// `https://host/bucket/key`.
    Path,
}

/// How servers of documents become URLs.
#[derive(Debug, Clone, Default)]
pub struct Endpoint {
    /// A base URL that replaces the document's server.
    pub url: Option<Url>,
    /// Where bucket names stand.
    pub addressing: Addressing,
}

impl Endpoint {
    /// Reads an endpoint URL as users type it.
    pub fn parse(text: &str) -> Result<Url, CallError> {
        let fault = |why: &str| {
            CallError::new(
                CallErrorKind::Endpoint,
                format!("endpoint URL {text:?} is not usable: {why}"),
            )
            .hint("an endpoint URL looks like http://127.0.0.1:9000 or https://s3.example.com")
        };
        let url = Url::parse(text).map_err(|error| fault(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(fault("it is neither http nor https"));
        }
        if url.host_str().is_none() {
            return Err(fault("it has no host"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(fault("it has a query or a fragment"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(CallError::new(
                CallErrorKind::Endpoint,
                "an endpoint URL must not hold a user name or a password",
            )
            .hint("credentials come from the environment or from a profile"));
        }
        Ok(url)
    }

    /// Base URL (scheme, host, port and path prefix, no trailing slash) for a call. `value` gives
    /// the argument for a server variable.
    pub(crate) fn base(
        &self,
        method: &Method,
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<String, CallError> {
        let server = method.servers.iter().find(|server| {
            server
                .variables
                .iter()
                .all(|v| !v.used || value(&v.name).is_some() || v.default.is_some())
        });
        let Some(server) = server else {
            return Err(CallError::new(
                CallErrorKind::Endpoint,
                format!("no server of method {} has a value for all its variables", method.name),
            ));
        };
        let given = |name: &str| {
            let default = server.variables.iter().find(|v| v.name == name)?.default.clone();
            value(name).or(default)
        };
        // A template whose host starts with {bucket}. is S3's: the bucket may move into the path.
        let bucket = server.url.contains("://{bucket}.").then(|| given("bucket")).flatten();
        let mut base = if let Some(url) = &self.url {
            url.as_str().trim_end_matches('/').to_owned()
        } else {
            let mut base = server.url.replace("://{bucket}.", "://");
            for variable in server.variables.iter().filter(|v| v.used) {
                let place = format!("{{{}}}", variable.name);
                if let Some(text) = given(&variable.name).filter(|_| base.contains(&place)) {
                    check_host_part(&variable.name, &text)?;
                    base = base.replace(&place, &text);
                }
            }
            // The partition of the Chinese regions has a domain of its own.
            if given("region").is_some_and(|region| region.starts_with("cn-")) {
                base = base.replace(".amazonaws.com", ".amazonaws.com.cn");
            }
            base
        };
        if let Some(bucket) = bucket {
            // In a path these would name something else than a bucket.
            if matches!(bucket.as_str(), "" | "." | "..") {
                return Err(CallError::new(
                    CallErrorKind::Argument,
                    format!("bucket '{bucket}' is not the name of a bucket"),
                ));
            }
            if self.bucket_in_host(&bucket) {
                base = base.replacen("://", &format!("://{bucket}."), 1);
            } else {
                base = format!("{base}/{}", encode_segment(&bucket));
            }
        }
        Ok(base)
    }

    fn bucket_in_host(&self, bucket: &str) -> bool {
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        match self.addressing {
            Addressing::Path => false,
            Addressing::VirtualHost => bucket.split('.').all(is_label),
            // A dot would make a host that no certificate for `*.s3..` covers.
            Addressing::Auto => is_label(bucket) && self.url.is_none(),
        }
    }

    /// Whether requests stay on this machine.
    pub(crate) fn is_loopback(base: &str) -> bool {
        Url::parse(base).ok().and_then(|url| match url.host()? {
            url::Host::Domain(name) => Some(name == "localhost" || name.ends_with(".localhost")),
            url::Host::Ipv4(address) => Some(address.is_loopback()),
            url::Host::Ipv6(address) => Some(address.is_loopback()),
        }) == Some(true)
    }
}

/// A server variable becomes part of a host: a slash or an `@` in it would send the credentials'
/// signature elsewhere.
fn check_host_part(name: &str, text: &str) -> Result<(), CallError> {
    if !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
    {
        return Ok(());
    }
    Err(CallError::new(
        CallErrorKind::Argument,
        format!("{name} {text:?} cannot be part of a host name"),
    )
    .hint(format!("{name} may hold letters, digits, dashes and dots")))
}
