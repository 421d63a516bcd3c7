//! Which bucket a `Host` header names.

use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// Base domains, longest first, so that `s3.localhost` is not read as the bucket `s3` of
/// `localhost`.
#[derive(Clone)]
pub(crate) struct Domains(std::sync::Arc<[String]>);

impl Domains {
    pub(crate) fn new(domains: &[String]) -> Self {
        let mut domains: Vec<String> = domains
            .iter()
            .map(|domain| without_port(domain).to_ascii_lowercase())
            .filter(|domain| !domain.is_empty())
            .collect();
        domains.sort_by_key(|domain| std::cmp::Reverse(domain.len()));
        domains.dedup();
        Self(domains.into())
    }

    /// The bucket in front of a known base domain; `None` means path style.
    pub(crate) fn bucket<'a>(&self, host: &'a str) -> Option<&'a str> {
        let host = without_port(host);
        for domain in &*self.0 {
            if host.eq_ignore_ascii_case(domain) {
                return None;
            }
            if let Some(bucket) = before_suffix(host, domain) {
                return Some(bucket);
            }
        }
        amazon_bucket(host)
    }
}

impl S3Host for Domains {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let parsed = VirtualHost::new(host);
        Ok(match self.bucket(host) {
            Some(bucket) => parsed.with_bucket(bucket.to_ascii_lowercase()),
            None => parsed,
        })
    }
}

/// `BUCKET.DOMAIN` without regard to case.
fn before_suffix<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    let at = host.len().checked_sub(domain.len())?;
    let (front, back) = (host.get(..at)?, host.get(at..)?);
    let bucket = front.strip_suffix('.')?;
    (back.eq_ignore_ascii_case(domain) && !bucket.is_empty()).then_some(bucket)
}

/// `BUCKET.s3.REGION.amazonaws.com` and its older and dual-stack forms. A bucket name may hold
/// dots and even `s3` as a label, so the service label is looked for from the right.
fn amazon_bucket(host: &str) -> Option<&str> {
    let front =
        host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let mut end = front.len();
    loop {
        let start = front[..end].rfind('.').map_or(0, |dot| dot + 1);
        let label = &front[start..end];
        if label == "s3" || label.starts_with("s3-") {
            return start.checked_sub(1).map(|dot| &front[..dot]);
        }
        end = start.checked_sub(1)?;
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_buckets() {
        let domains = Domains::new(&["localhost:9000".into(), "s3.localhost".into()]);
        for (host, bucket) in [
            ("localhost:9000", None),
            ("localhost", None),
            ("s3.localhost:1", None),
            ("photos.localhost:9000", Some("photos")),
            ("a.b.localhost", Some("a.b")),
            ("photos.s3.localhost:9000", Some("photos")),
            ("Photos.S3.LocalHost", Some("Photos")),
            ("s3.amazonaws.com", None),
            ("s3.eu-west-1.amazonaws.com", None),
            ("photos.s3.amazonaws.com", Some("photos")),
            ("photos.s3.eu-west-1.amazonaws.com", Some("photos")),
            ("photos.s3.dualstack.eu-west-1.amazonaws.com", Some("photos")),
            ("photos.s3-eu-west-1.amazonaws.com", Some("photos")),
            ("my.s3.logs.s3.eu-west-1.amazonaws.com", Some("my.s3.logs")),
            ("example.com:80", None),
            ("endpoint", None),
        ] {
            assert_eq!(domains.bucket(host), bucket, "{host}");
        }
    }
}
