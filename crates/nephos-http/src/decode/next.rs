//! What a page says of the one after it.

use http::{HeaderMap, header};
use nephos_catalog::{
    Kind, Method, Page, PageAlgorithm, QueryPlace, RowPath, TokenPair, TokenPlace, TokenSource,
};
use serde_json::Value;

use super::json::JsonPage;
use crate::CallError;
use crate::fields::structured;
use crate::request::{Continuation, next_url};
use crate::xml::Element;

/// What a page says of the one after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// There is none.
    End,
    /// It is had by a request that differs so from the first.
    Tokens(Continuation),
    /// There is more, but no token to ask for it.
    Missing,
}

/// A body that was read.
#[derive(Clone, Copy)]
pub(crate) enum PageBody<'b, 'a> {
    Xml(&'b Element<'a>),
    Json(&'b JsonPage<'a>),
}

impl PageBody<'_, '_> {
    /// What stands at the first alternative of `path` that leads to something: strings, numbers and
    /// booleans as text, objects as JSON. Absent, null, `""`, `[]` and `{}` are nothing. Text is as
    /// it stands: the last key of a page is a token, and a key may begin or end with blanks.
    pub(crate) fn text_at(self, path: &RowPath) -> Option<String> {
        match self {
            Self::Xml(root) => root.text_at(path).map(str::to_owned),
            Self::Json(page) => page.text_at(path),
        }
    }
}

/// Paths that [`next`] looks at: JSON bodies are searched for them on the way to the rows.
pub(crate) fn paths(page: &Page) -> impl Iterator<Item = &RowPath> {
    page.ways().flat_map(|way| {
        let tokens = way.tokens.iter().filter_map(|pair| match &pair.response {
            TokenSource::Body(path) => Some(path),
            TokenSource::Link | TokenSource::Header(_) => None,
        });
        let last = match &way.algorithm {
            PageAlgorithm::PageNumber { last } => Some(last),
            _ => None,
        };
        way.more.iter().chain(last).chain(tokens)
    })
}

/// An answer as its continuation is read from it.
pub(crate) struct Sight<'b, 'a> {
    pub(crate) method: &'b Method,
    /// The body that rows were read from, then the one that came, where they differ.
    pub(crate) bodies: Vec<PageBody<'b, 'a>>,
    pub(crate) headers: &'b HeaderMap,
    /// URL that was asked.
    pub(crate) url: &'b str,
    pub(crate) rows: usize,
}

impl Sight<'_, '_> {
    fn text_at(&self, path: &RowPath) -> Option<String> {
        self.bodies.iter().find_map(|body| body.text_at(path))
    }

    /// What the answer says of the page after it, in the first way in which it says anything.
    pub(crate) fn next(&self, page: &Page) -> Result<Next, CallError> {
        let mut missing = false;
        for way in page.ways() {
            match self.way(way)? {
                Next::End => {}
                Next::Missing => missing = true,
                found @ Next::Tokens(_) => return Ok(found),
            }
        }
        Ok(if missing { Next::Missing } else { Next::End })
    }

    /// The service's own word that there is more decides where it is given; a token alone does not:
    /// S3 answers `NextPartNumberMarker` 0 on an empty page, and clients that follow tokens start
    /// over for ever.
    fn way(&self, page: &Page) -> Result<Next, CallError> {
        let more = page.more.as_ref().and_then(|path| self.text_at(path));
        if more.as_deref().is_some_and(|more| more.trim() != "true") {
            return Ok(Next::End);
        }
        let mut next = Continuation::default();
        let mut found = false;
        for pair in &page.tokens {
            let Some(token) = self.token(pair).and_then(|token| self.following(page, token)) else {
                continue;
            };
            found |= self.put(pair, token, &mut next)?;
        }
        Ok(match (found, more.is_some()) {
            (true, _) => Next::Tokens(next),
            (false, true) => Next::Missing,
            (false, false) => Next::End,
        })
    }

    fn token(&self, pair: &TokenPair) -> Option<String> {
        match &pair.response {
            TokenSource::Body(path) => {
                let token = self.text_at(path)?;
                Some(self.plain_token(&pair.request, token))
            }
            TokenSource::Link => next_link(self.headers),
            TokenSource::Header(name) => {
                let value = self.headers.get(name)?.to_str().ok()?;
                (!value.is_empty()).then(|| value.to_owned())
            }
        }
    }

    /// The token of the next page, where the answer says that of its own.
    fn following(&self, page: &Page, token: String) -> Option<String> {
        match &page.algorithm {
            PageAlgorithm::Cursor | PageAlgorithm::IntegerMarker => Some(token),
            PageAlgorithm::PageNumber { last } => {
                let current: u64 = token.trim().parse().ok()?;
                let last: u64 = self.text_at(last)?.trim().parse().ok()?;
                (current < last).then(|| (current + 1).to_string())
            }
            PageAlgorithm::Offset => {
                let current: u64 = token.trim().parse().ok()?;
                (self.rows > 0).then(|| (current + self.rows as u64).to_string())
            }
        }
    }

    /// Puts a token where it travels; false where it is none after all.
    fn put(
        &self,
        pair: &TokenPair,
        token: String,
        next: &mut Continuation,
    ) -> Result<bool, CallError> {
        let name = pair.request.clone();
        match pair.place {
            TokenPlace::Query => next.query.push((name, token)),
            TokenPlace::Header => next.headers.push((name, token)),
            TokenPlace::Path => next.path.push((name, token)),
            // Without a JSON body the token is a field of the form that the query becomes.
            TokenPlace::Body if self.method.translation.query == QueryPlace::Form => {
                next.query.push((name, token));
            }
            TokenPlace::Body => {
                let json = self.body_token(&name, token).to_string();
                next.body.push((name, json));
            }
            TokenPlace::Url => {
                // Services put other things under the names that mean a URL elsewhere.
                if !token.starts_with("http") && !token.starts_with(['/', '?']) {
                    return Ok(false);
                }
                next.url = Some(next_url(self.url, &token)?);
            }
        }
        Ok(true)
    }

    /// A token as the body's schema has it: a key may be an object, a marker a number.
    fn body_token(&self, name: &str, token: String) -> Value {
        let kind = self.method.body.as_ref().and_then(|body| body.schema.property(name));
        match kind.map(|schema| schema.kind) {
            Some(Kind::String) => Value::String(token),
            Some(Kind::Integer | Kind::Number) => {
                serde_json::from_str(&token).unwrap_or(Value::String(token))
            }
            _ => structured(&token).unwrap_or(Value::String(token)),
        }
    }

    /// With `encoding-type=url` S3 percent-encodes keys, and the key that marks the next page with
    /// them.
    fn plain_token(&self, parameter: &str, token: String) -> String {
        let Some(PageBody::Xml(root)) = self.bodies.first() else { return token };
        let encoded = root.child("EncodingType").is_some_and(|e| e.text.trim() == "url");
        if encoded && matches!(parameter, "marker" | "key-marker") {
            return percent_encoding::percent_decode_str(&token).decode_utf8_lossy().into_owned();
        }
        token
    }
}

/// The URL of `rel="next"` in `Link` headers (RFC 8288).
fn next_link(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(header::LINK).iter().filter_map(|value| value.to_str().ok());
    for value in values {
        let mut rest = value;
        while let Some((_, after)) = rest.split_once('<') {
            let Some((url, after)) = after.split_once('>') else { break };
            // Parameters reach to the comma before the next link; commas may stand in quotes.
            let end = after.find(",<").or_else(|| after.find(", <")).unwrap_or(after.len());
            let (parameters, behind) = after.split_at(end);
            let is_next = parameters.split(';').any(|parameter| {
                let (name, value) = parameter.trim().split_once('=').unwrap_or(("", ""));
                let relations = value.trim().trim_matches('"');
                name.trim().eq_ignore_ascii_case("rel")
                    && relations.split_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
            });
            if is_next {
                return Some(url.to_owned());
            }
            rest = behind;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        let mut headers = HeaderMap::new();
        let find = |text: &'static str, headers: &mut HeaderMap| {
            headers.insert(header::LINK, HeaderValue::from_static(text));
            next_link(headers)
        };
        let both = "<https://a/x?p=1>; rel=\"prev\", <https://a/x?p=3,4>; rel=\"next last\"";
        assert_eq!(find(both, &mut headers).as_deref(), Some("https://a/x?p=3,4"));
        assert_eq!(find("<https://a/x>; rel=next", &mut headers).as_deref(), Some("https://a/x"));
        assert_eq!(find("<https://a/x>; rel=\"last\"", &mut headers), None);
        assert_eq!(find("<https://a/x; rel=next", &mut headers), None);
        headers.append(header::LINK, HeaderValue::from_static("<https://b/>; REL=\"NEXT\""));
        assert_eq!(next_link(&headers).as_deref(), Some("https://b/"));
    }
}
