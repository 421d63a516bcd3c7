//! What a page says of the one after it.

use nephos_catalog::{Page, RowPath};

use super::json::JsonPage;
use crate::xml::Element;

/// What a page says of the one after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// There is none.
    End,
    /// It is had with these request parameters.
    Tokens(Vec<(String, String)>),
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
    page.more.iter().chain(page.tokens.iter().map(|pair| &pair.response))
}

/// The service's own word that there is more decides; a token alone does not: S3 answers
/// `NextPartNumberMarker` 0 on an empty page, and clients that follow tokens start over for ever.
pub(crate) fn next(page: &Page, body: PageBody<'_, '_>) -> Next {
    if let Some(more) = &page.more
        && body.text_at(more).as_deref().map(str::trim) != Some("true")
    {
        return Next::End;
    }
    let mut tokens = Vec::new();
    for pair in &page.tokens {
        if let Some(token) = body.text_at(&pair.response) {
            tokens.push((pair.request.clone(), plain_token(body, &pair.request, token)));
        }
    }
    match (tokens.is_empty(), page.more.is_some()) {
        (false, _) => Next::Tokens(tokens),
        (true, true) => Next::Missing,
        (true, false) => Next::End,
    }
}

/// With `encoding-type=url` S3 percent-encodes keys, and the key that marks the next page with them.
fn plain_token(body: PageBody<'_, '_>, parameter: &str, token: String) -> String {
    let PageBody::Xml(root) = body else { return token };
    let encoded = root.child("EncodingType").is_some_and(|e| e.text.trim() == "url");
    if encoded && matches!(parameter, "marker" | "key-marker") {
        return percent_encoding::percent_decode_str(&token).decode_utf8_lossy().into_owned();
    }
    token
}
