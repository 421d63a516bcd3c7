//! How lists continue.

use heck::ToUpperCamelCase;
use serde_json::Value;

use super::schema::{kind_of, member};
use super::surroundings::Surroundings;
use crate::document::text;
use crate::name::fold;
use crate::{
    Body, Kind, Location, Page, PageAlgorithm, Param, RowPath, TokenPair, TokenPlace, TokenSource,
};

/// What is known of a method when its pages are read.
pub(super) struct Listing<'a> {
    pub(super) around: &'a Surroundings<'a>,
    pub(super) resource: &'a Value,
    pub(super) method: &'a Value,
    pub(super) params: &'a [Param],
    pub(super) body: Option<&'a Body>,
    /// Schema of the whole answer.
    pub(super) answer: Option<&'a Value>,
    /// The answer is a list, or holds one.
    pub(super) list: bool,
    /// The answer is XML, and is read as XML.
    pub(super) xml: bool,
    /// The answer is XML, and a transform makes JSON of it.
    pub(super) xml_transformed: bool,
}

impl Listing<'_> {
    /// What the document says, or what is usual where it says nothing that can be used: one page
    /// must not pass for the whole.
    pub(super) fn page(&self) -> Option<Page> {
        self.declared().or_else(|| match () {
            () if self.xml => self.truncated(),
            () if self.list => self.usual(),
            () => None,
        })
    }

    fn declared(&self) -> Option<Page> {
        let part =
            |key: &str| self.around.config_part(self.resource, self.method, "pagination", key);
        let mut tokens = vec![self.token(part("requestToken")?, part("responseToken")?)?];
        for pair in part("additionalTokens").and_then(Value::as_array).into_iter().flatten() {
            tokens.push(self.token(pair.get("request")?, pair.get("response")?)?);
        }
        let algorithm = match part("algorithm").and_then(Value::as_str).unwrap_or_default() {
            "integer_marker" => PageAlgorithm::IntegerMarker,
            "page_number" => PageAlgorithm::PageNumber {
                last: RowPath::parse(&part("responseTerminator").map(|t| text(t, "key"))?),
            },
            _ => PageAlgorithm::Cursor,
        };
        let more = match part("responseHasMore") {
            Some(more) => Some(RowPath::parse(&text(more, "key"))),
            None => self.more(),
        };
        Some(Page {
            tokens,
            more,
            size: part("pageSize").map(|size| text(size, "key")),
            algorithm,
            otherwise: None,
        })
    }

    fn token(&self, request: &Value, response: &Value) -> Option<TokenPair> {
        let key = text(request, "key");
        let place = match text(request, "location").as_str() {
            "query" => TokenPlace::Query,
            "header" => TokenPlace::Header,
            "body" => TokenPlace::Body,
            "path" => TokenPlace::Path,
            "request" => TokenPlace::Url,
            _ => return None,
        };
        let wanted = text(response, "key");
        let response = match text(response, "location").as_str() {
            "header" if wanted.is_empty() || wanted.eq_ignore_ascii_case("link") => {
                TokenSource::Link
            }
            "header" => TokenSource::Header(wanted),
            _ if self.xml_transformed => TokenSource::Body(in_original_xml(&wanted)),
            _ => TokenSource::Body(RowPath::parse(&wanted)),
        };
        Some(TokenPair {
            request: key,
            place,
            maximum: request.get("maximum").and_then(Value::as_u64),
            response,
        })
    }

    /// The answer's own word that there is more.
    fn more(&self) -> Option<RowPath> {
        if self.xml_transformed {
            return Some(in_original_xml("IsTruncated"));
        }
        let answer = self.answer?;
        ["IsTruncated", "isTruncated", "has_more", "hasMore"]
            .into_iter()
            .find(|name| self.has(answer, name, Kind::Boolean))
            .map(|name| RowPath::parse(&format!("$.{name}")))
    }

    fn has(&self, answer: &Value, name: &str, kind: Kind) -> bool {
        let document = self.around.document;
        member(document, answer, name).is_some_and(|found| kind_of(document, found) == kind)
    }

    /// How a list continues where the document does not say: an answer with `IsTruncated` and
    /// `NextX` takes a query parameter `x`, as all lists of S3 do. Without this the first thousand
    /// rows of an older document would pass for all.
    fn truncated(&self) -> Option<Page> {
        let (document, answer) = (self.around.document, self.answer?);
        member(document, answer, "IsTruncated")?;
        let query = |wanted: &str| {
            self.params
                .iter()
                .find(|p| p.location == Location::Query && fold(&p.name) == fold(wanted))
        };
        let mut integer = true;
        let mut tokens = Vec::new();
        for (name, property) in super::schema::members(document, answer) {
            let Some(param) = name.strip_prefix("Next").and_then(query) else { continue };
            integer &= kind_of(document, property) == Kind::Integer;
            // S3 leaves NextMarker out where the last key says the same.
            let last = if param.name == "marker" { " | /*/Contents[last()]/Key" } else { "" };
            tokens.push(TokenPair {
                request: param.name.clone(),
                place: TokenPlace::Query,
                maximum: None,
                response: TokenSource::Body(RowPath::parse(&format!("/*/{name}{last}"))),
            });
        }
        // A marker of a key comes before the marker of what has that key.
        tokens.sort_by_key(|token| token.request != "key-marker");
        let single = tokens.len() == 1;
        (!tokens.is_empty()).then(|| Page {
            tokens,
            more: Some(RowPath::parse("/*/IsTruncated")),
            size: self.params.iter().find(|p| p.name.starts_with("max-")).map(|p| p.name.clone()),
            algorithm: if integer && single {
                PageAlgorithm::IntegerMarker
            } else {
                PageAlgorithm::Cursor
            },
            otherwise: None,
        })
    }

    /// The ways in which APIs continue lists, each tried in turn: what answers hold decides, as most
    /// documents do not tell.
    fn usual(&self) -> Option<Page> {
        if self.xml_transformed {
            return self.usual_xml();
        }
        let mut ways: Vec<Page> = Vec::new();
        for (answered, asked) in TOKENS {
            if let Some(place) = self.place_of(asked) {
                let path = RowPath::parse(&format!("$.{answered}"));
                ways.push(self.way(asked, place, TokenSource::Body(path), PageAlgorithm::Cursor));
            }
        }
        for place in URLS {
            let source = TokenSource::Body(RowPath::parse(place));
            ways.push(self.way("", TokenPlace::Url, source, PageAlgorithm::Cursor));
        }
        ways.push(self.way("", TokenPlace::Url, TokenSource::Link, PageAlgorithm::Cursor));
        let numbered = |page: &str, last: &str, asked: &str| {
            self.place_of(asked).map(|place| {
                let source = TokenSource::Body(RowPath::parse(page));
                let last = RowPath::parse(last);
                self.way(asked, place, source, PageAlgorithm::PageNumber { last })
            })
        };
        // Cloudflare; the offsets are PagerDuty's.
        ways.extend(numbered("$.result_info.page", "$.result_info.total_pages", "page"));
        if self.answer.is_some_and(|answer| self.has(answer, "more", Kind::Boolean))
            && let Some(place) = self.place_of("offset")
        {
            let source = TokenSource::Body(RowPath::parse("$.offset"));
            let mut way = self.way("offset", place, source, PageAlgorithm::Offset);
            way.more = Some(RowPath::parse("$.more"));
            ways.push(way);
        }
        chain(ways)
    }

    /// AWS's XML answers name the next page's parameters: `NextX` for `x`, or `NextToken` itself.
    /// Several of them travel together.
    fn usual_xml(&self) -> Option<Page> {
        let mut together = Vec::new();
        let mut single = Vec::new();
        for param in self.params.iter().filter(|p| p.location == Location::Query) {
            let pair = |sources: &[String]| {
                let paths: Vec<String> = sources.iter().map(|name| original(name)).collect();
                TokenPair {
                    request: param.name.clone(),
                    place: TokenPlace::Query,
                    maximum: None,
                    response: TokenSource::Body(RowPath::parse(&paths.join(" | "))),
                }
            };
            let pascal = param.name.to_upper_camel_case();
            match pascal.as_str() {
                "NextToken" => single.push(pair(&[pascal])),
                // RDS calls the next marker just that; S3's `Marker` is the one that was sent.
                "Marker" => {
                    let mut sources = vec![format!("Next{pascal}")];
                    if self.around.signing_name != "s3" {
                        sources.push(pascal);
                    }
                    single.push(pair(&sources));
                }
                _ => together.push(pair(&[format!("Next{pascal}"), format!("NextRecord{pascal}")])),
            }
        }
        let page = |tokens: Vec<TokenPair>| Page {
            tokens,
            more: self.more(),
            size: None,
            algorithm: PageAlgorithm::Cursor,
            otherwise: None,
        };
        let singles = single.into_iter().map(|token| page(vec![token]));
        chain(singles.chain((!together.is_empty()).then(|| page(together))).collect())
    }

    fn way(
        &self,
        request: &str,
        place: TokenPlace,
        response: TokenSource,
        algorithm: PageAlgorithm,
    ) -> Page {
        let token = TokenPair { request: request.to_owned(), place, maximum: None, response };
        Page { tokens: vec![token], more: self.more(), size: None, algorithm, otherwise: None }
    }

    /// Where a parameter or field of this name travels. Google's documents keep `pageToken` with
    /// the parameters of every method.
    fn place_of(&self, name: &str) -> Option<TokenPlace> {
        if let Some(param) = self.params.iter().find(|param| param.name == name) {
            return match param.location {
                Location::Query => Some(TokenPlace::Query),
                Location::Header => Some(TokenPlace::Header),
                Location::Path => None,
            };
        }
        if self.body.is_some_and(|body| body.schema.property(name).is_some()) {
            return Some(TokenPlace::Body);
        }
        (name == "pageToken" && self.body.is_none()).then_some(TokenPlace::Query)
    }
}

/// Token in an answer, parameter that takes it.
const TOKENS: [(&str, &str); 10] = [
    ("nextPageToken", "pageToken"),
    ("next_page_token", "page_token"),
    ("NextToken", "NextToken"),
    ("nextToken", "nextToken"),
    ("NextMarker", "Marker"),
    ("next_cursor", "cursor"),
    ("nextCursor", "cursor"),
    ("result_info.cursor", "cursor"),
    ("result_info.cursors.after", "cursor"),
    ("continuationToken", "continuationToken"),
];

/// Where answers hold the next page's URL.
const URLS: [&str; 8] = [
    "$['@odata.nextLink']",
    "$.nextLink",
    "$.next_link",
    "$.metadata.next",
    "$.links.next",
    "$.links.pages.next",
    "$._links.next.href",
    "$.next",
];

/// Ways that are tried one after the other.
fn chain(ways: Vec<Page>) -> Option<Page> {
    ways.into_iter().rev().reduce(|later, mut way| {
        way.otherwise = Some(Box::new(later));
        way
    })
}

/// A member of an XML answer, at the top or in the `..Result` that the query protocol wraps it in.
fn original(name: &str) -> String {
    format!("/*/{name} | /*/*/{name}")
}

fn in_original_xml(key: &str) -> RowPath {
    RowPath::parse(&original(key.trim_start_matches("$.")))
}
