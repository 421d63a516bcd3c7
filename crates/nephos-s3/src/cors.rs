//! Cross-origin requests: the rules of a bucket, preflight requests, and the headers of answers.

use crate::error::{custom, malformed_xml};
use crate::service::Endpoint;
use crate::setting::{Setting, to_xml};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::dto::{
    CORSConfiguration, CORSRule, DeleteBucketCorsInput, DeleteBucketCorsOutput, GetBucketCorsInput,
    GetBucketCorsOutput, PutBucketCorsInput, PutBucketCorsOutput,
};
use s3s::{S3Error, S3Result, s3_error};

/// S3's limit for the rules of a bucket.
const MAX_RULES: usize = 100;

/// The methods a rule may name.
const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

impl Endpoint {
    pub(crate) async fn set_cors(
        &self,
        input: PutBucketCorsInput,
    ) -> S3Result<PutBucketCorsOutput> {
        check(&input.cors_configuration)?;
        let text = to_xml(&input.cors_configuration)?;
        self.set(input.bucket, Setting::Cors, text).await?;
        Ok(PutBucketCorsOutput {})
    }

    pub(crate) fn cors(&self, input: &GetBucketCorsInput) -> S3Result<GetBucketCorsOutput> {
        let found: CORSConfiguration =
            self.existing_setting(&input.bucket, Setting::Cors, || {
                s3_error!(NoSuchCORSConfiguration, "The CORS configuration does not exist")
            })?;
        Ok(GetBucketCorsOutput { cors_rules: Some(found.cors_rules) })
    }

    pub(crate) async fn unset_cors(
        &self,
        input: DeleteBucketCorsInput,
    ) -> S3Result<DeleteBucketCorsOutput> {
        self.unset(input.bucket, Setting::Cors).await?;
        Ok(DeleteBucketCorsOutput {})
    }
}

fn check(configuration: &CORSConfiguration) -> S3Result<()> {
    let rules = &configuration.cors_rules;
    if rules.is_empty() {
        return Err(malformed_xml());
    }
    if rules.len() > MAX_RULES {
        return Err(s3_error!(
            InvalidRequest,
            "The number of CORS rules should not exceed allowed limit of {MAX_RULES} rules."
        ));
    }
    for rule in rules {
        for method in &rule.allowed_methods {
            if !METHODS.contains(&method.as_str()) {
                return Err(s3_error!(
                    InvalidRequest,
                    "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                ));
            }
        }
        let headers = rule.allowed_headers.iter().flatten();
        for pattern in rule.allowed_origins.iter().chain(headers) {
            if pattern.matches('*').count() > 1 {
                return Err(s3_error!(
                    InvalidRequest,
                    "AllowedOrigin \"{pattern}\" can not have more than one wildcard."
                ));
            }
        }
    }
    Ok(())
}

/// What a request says of where it comes from.
pub(crate) struct Foreign {
    origin: HeaderValue,
    /// The method asked about, or the one used.
    method: String,
    /// The headers asked about.
    headers: Vec<String>,
}

impl Foreign {
    /// None if the request does not come from a page of another origin.
    pub(crate) fn read(method: &http::Method, headers: &HeaderMap) -> Option<Self> {
        let origin = headers.get(ORIGIN)?.clone();
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let preflight = method == http::Method::OPTIONS;
        let asked = if preflight { text(ACCESS_CONTROL_REQUEST_METHOD)? } else { method.as_str() };
        let headers = text(ACCESS_CONTROL_REQUEST_HEADERS).filter(|_| preflight);
        Some(Self {
            origin,
            method: asked.to_owned(),
            headers: headers
                .unwrap_or_default()
                .split(',')
                .map(|name| name.trim().to_ascii_lowercase())
                .filter(|name| !name.is_empty())
                .collect(),
        })
    }

    /// What an answer must say for the page to see it; none if no rule allows the request.
    pub(crate) fn allowed(&self, rules: &[CORSRule]) -> Option<HeaderMap> {
        let origin = self.origin.to_str().ok()?;
        let rule = rules.iter().find(|rule| self.fits(rule, origin))?;
        let everyone = rule.allowed_origins.iter().any(|allowed| allowed == "*");
        let mut headers = HeaderMap::new();
        if everyone {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        let mut insert = |name, text: String| {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        };
        insert(ACCESS_CONTROL_ALLOW_METHODS, rule.allowed_methods.join(", "));
        if !self.headers.is_empty() {
            insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.join(", "));
        }
        if let Some(exposed) = rule.expose_headers.as_ref().filter(|exposed| !exposed.is_empty()) {
            insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.join(", "));
        }
        if let Some(seconds) = rule.max_age_seconds {
            insert(ACCESS_CONTROL_MAX_AGE, seconds.to_string());
        }
        let vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
        headers.insert(VARY, HeaderValue::from_static(vary));
        Some(headers)
    }

    fn fits(&self, rule: &CORSRule, origin: &str) -> bool {
        let allowed = rule.allowed_headers.as_deref().unwrap_or_default();
        rule.allowed_methods.contains(&self.method)
            && rule.allowed_origins.iter().any(|pattern| matches(pattern, origin))
            && self.headers.iter().all(|name| {
                allowed.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), name))
            })
    }
}

/// Matches a pattern with at most one `*`.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((front, back)) => {
            text.len() >= front.len() + back.len()
                && text.starts_with(front)
                && text.ends_with(back)
        }
    }
}

/// Why a question that lacks a header is refused; none if it lacks none.
pub(crate) fn incomplete(headers: &HeaderMap) -> Option<S3Error> {
    if !headers.contains_key(ORIGIN) {
        return Some(custom(
            "BadRequest",
            StatusCode::BAD_REQUEST,
            "Insufficient information. Origin request header needed.",
        ));
    }
    let lacking = !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    lacking.then(|| forbidden("Invalid Access-Control-Request-Method: null"))
}

/// Why a preflight request is refused.
pub(crate) fn refused(configured: bool) -> S3Error {
    if configured {
        forbidden(
            "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
        )
    } else {
        forbidden("CORSResponse: CORS is not enabled for this bucket.")
    }
}

fn forbidden(message: &'static str) -> S3Error {
    custom("AccessForbidden", StatusCode::FORBIDDEN, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(origins: &[&str], headers: &[&str]) -> CORSRule {
        CORSRule {
            allowed_headers: Some(headers.iter().map(ToString::to_string).collect()),
            allowed_methods: vec!["PUT".into()],
            allowed_origins: origins.iter().map(ToString::to_string).collect(),
            expose_headers: Some(vec!["ETag".into()]),
            id: None,
            max_age_seconds: Some(10),
        }
    }

    fn preflight(origin: &'static str, method: &'static str, headers: &'static str) -> Foreign {
        let mut map = HeaderMap::new();
        map.insert(ORIGIN, HeaderValue::from_static(origin));
        map.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static(method));
        map.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static(headers));
        Foreign::read(&http::Method::OPTIONS, &map).unwrap()
    }

    #[test]
    fn the_first_rule_that_fits_answers() {
        let rules = [rule(&["https://*.example.com"], &["x-amz-*"]), rule(&["*"], &[])];
        let headers = preflight("https://a.example.com", "PUT", "X-Amz-Date").allowed(&rules);
        let headers = headers.unwrap();
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example.com");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "x-amz-date");
        assert_eq!(headers[ACCESS_CONTROL_EXPOSE_HEADERS], "ETag");
        let everyone = preflight("https://other.org", "PUT", "").allowed(&rules).unwrap();
        assert_eq!(everyone[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(preflight("https://other.org", "PUT", "x-amz-date").allowed(&rules).is_none());
        assert!(preflight("https://other.org", "DELETE", "").allowed(&rules).is_none());
    }

    #[test]
    fn a_pattern_has_one_wildcard() {
        assert!(matches("*", ""));
        assert!(matches("a*a", "aba"));
        assert!(!matches("a*a", "a"));
    }
}
