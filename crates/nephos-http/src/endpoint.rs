//! Which server a call goes to.

use nephos_catalog::{Method, fold};
use url::Url;

use crate::request::encode_segment;
use crate::{Call, CallError, CallErrorKind};

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
    /// A base URL that replaces the document's server in every call.
    pub url: Option<Url>,
    /// Base URLs of services of AWS, by the service's name; an empty name means any service. The
    /// first that fits counts.
    pub services: Vec<(String, Url)>,
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
        call: &Call,
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<String, CallError> {
        let method = &call.method;
        let server = method.servers.iter().find(|server| {
            server
                .variables
                .iter()
                .all(|v| !v.used || value(&v.name).is_some() || v.default.is_some())
        });
        let Some(server) = server else {
            return Err(no_server(method, value));
        };
        let given = |name: &str| {
            let default = server.variables.iter().find(|v| v.name == name)?.default.clone();
            value(name).or(default)
        };
        // A template whose host starts with {bucket}. is S3's: the bucket may move into the path.
        let bucket = server.url.contains("://{bucket}.").then(|| given("bucket")).flatten();
        let mut base = server.url.replace("://{bucket}.", "://");
        for variable in server.variables.iter().filter(|v| v.used) {
            let place = format!("{{{}}}", variable.name);
            let Some(at) = base.find(&place) else { continue };
            let Some(text) = given(&variable.name) else { continue };
            base = match Part::of(&base, at) {
                Part::Whole => {
                    base.replace(&place, Self::parse(&text)?.as_str().trim_end_matches('/'))
                }
                Part::Host => {
                    check_host_part(&variable.name, &text)?;
                    base.replace(&place, &text)
                }
                Part::Path => base.replace(&place, &encode_segment(&text)),
            };
        }
        // The partition of the Chinese regions has a domain of its own.
        if given("region").is_some_and(|region| region.starts_with("cn-"))
            && !base.ends_with(".amazonaws.com.cn")
        {
            base = base.replace(".amazonaws.com", ".amazonaws.com.cn");
        }
        let mut base = self.instead_of(call, &base);
        if let Some(bucket) = bucket {
            // In a path these would name something else than a bucket.
            if matches!(bucket.as_str(), "" | "." | "..") {
                return Err(CallError::new(
                    CallErrorKind::Argument,
                    format!("bucket '{bucket}' is not the name of a bucket"),
                ));
            }
            if self.bucket_in_host(call, &bucket) {
                base = base.replacen("://", &format!("://{bucket}."), 1);
            } else {
                base = format!("{base}/{}", encode_segment(&bucket));
            }
        }
        Ok(base)
    }

    /// `url` at the endpoint of the user's own, where there is one for this call: with its path where
    /// it has one, else with the path of `url`.
    pub(crate) fn instead_of(&self, call: &Call, url: &str) -> String {
        let Some(own) = self.url_for(call) else { return url.to_owned() };
        let base = own.as_str().trim_end_matches('/');
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        match rest.find('/') {
            Some(path) if own.path() == "/" => format!("{base}{}", &rest[path..]),
            _ => base.to_owned(),
        }
    }

    fn url_for(&self, call: &Call) -> Option<&Url> {
        let signed = call.auth.as_ref().is_none_or(|auth| auth.kind.starts_with("aws_"));
        self.url.as_ref().or_else(|| {
            let own = self.services.iter().filter(|_| signed);
            own.into_iter()
                .find(|(service, _)| {
                    service.is_empty()
                        || fold(service) == fold(&call.service)
                        || fold(service) == fold(&call.signing_name)
                })
                .map(|(_, url)| url)
        })
    }

    fn bucket_in_host(&self, call: &Call, bucket: &str) -> bool {
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        match self.addressing {
            Addressing::Path => false,
            Addressing::VirtualHost => bucket.split('.').all(is_label),
            // A dot would make a host that no certificate for `*.s3..` covers.
            Addressing::Auto => is_label(bucket) && self.url_for(call).is_none(),
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

/// Where in a URL a variable stands.
enum Part {
    /// It is the whole base.
    Whole,
    Host,
    Path,
}

impl Part {
    fn of(url: &str, at: usize) -> Self {
        match url.find("://") {
            _ if at == 0 && !url.contains("://") => Self::Whole,
            Some(scheme) if at > scheme && url[scheme + 3..at].contains('/') => Self::Path,
            _ => Self::Host,
        }
    }
}

/// Says which variables have no value, and where they may come from.
fn no_server(method: &Method, value: impl Fn(&str) -> Option<String>) -> CallError {
    let missing: Vec<&nephos_catalog::ServerVariable> = method
        .server_variables()
        .filter(|v| v.used && v.default.is_none() && value(&v.name).is_none())
        .collect();
    let names: Vec<&str> = missing.iter().map(|v| v.name.as_str()).collect();
    let mut error = CallError::new(
        CallErrorKind::Endpoint,
        match names.as_slice() {
            [] => format!("method {} has no server", method.name),
            names => format!("the server of method {} needs {}", method.name, names.join(", ")),
        },
    );
    for variable in missing {
        error = error.hint(match &variable.environment {
            Some(environment) => format!(
                "give {} in the statement, or set the environment variable {environment}",
                variable.name
            ),
            None => format!("give {} in the statement", variable.name),
        });
    }
    error
}

/// A server variable becomes part of a host: a slash or an `@` in it would send the credentials
/// elsewhere. A port may follow, as in `localhost:6443`.
fn check_host_part(name: &str, text: &str) -> Result<(), CallError> {
    let (host, port) = text.split_once(':').unwrap_or((text, "0"));
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if !host.is_empty()
        && is_port
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
    {
        return Ok(());
    }
    Err(CallError::new(
        CallErrorKind::Argument,
        format!("{name} {text:?} cannot be part of a host name"),
    )
    .hint(format!("{name} may hold letters, digits, dashes and dots")))
}
