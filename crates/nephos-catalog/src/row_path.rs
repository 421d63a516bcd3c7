//! Where rows are in a response: `objectKey` and its like.

use std::iter::Peekable;
use std::str::Chars;

use serde::{Deserialize, Serialize};

/// A path to a part of a response, or several joined by `|`, in the spellings of provider documents.
///
/// | written | read as |
/// |---|---|
/// | nothing, `$`, `/*` | the whole answer |
/// | `/*/Part/member` | `XPath`: the first step is the root element, `*` any |
/// | `$.a.b`, `$['a']["b"]`, `a['b']` | `JSONPath`: members by name, from the root |
/// | `$.a[*].b`, `$.a.*` | every element of a list, every member of an object |
/// | `nextToken`, `@odata.nextLink` | one member of the root: a bare name is not cut at its dots |
///
/// Lists on the way need no step of their own: `$.a.b` is `b` of every element where `a` is a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowPath {
    /// One list of steps for each alternative.
    pub alternatives: Vec<Vec<Step>>,
}

/// One step of a [`RowPath`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Any element. As the first step it is the root itself.
    Any,
    /// Every element of this name.
    Name(String),
    /// The last element of this name.
    Last(String),
}

impl RowPath {
    /// Reads a path. An empty text means the whole answer.
    pub fn parse(text: &str) -> Self {
        let alternatives = alternatives(text)
            .into_iter()
            .map(str::trim)
            .filter(|alternative| !alternative.is_empty())
            .map(|alternative| match alternative.strip_prefix('$') {
                Some(path) => json_steps(path),
                None if alternative.starts_with('/') => xml_steps(alternative),
                None if alternative.ends_with(LAST) => xml_steps(alternative),
                None if alternative.contains('[') => json_steps(&format!(".{alternative}")),
                None => xml_steps(alternative),
            })
            .collect();
        Self { alternatives }
    }

    /// Whether rows come from several places, so that a row must say which.
    pub fn is_union(&self) -> bool {
        self.alternatives.len() > 1
    }

    /// Whether the whole answer is one row.
    pub fn is_whole(&self) -> bool {
        self.alternatives.iter().all(|steps| steps.iter().all(|step| *step == Step::Any))
    }

    /// Whether an alternative is the member `name` of the answer's root and nothing below it.
    pub fn is_member(&self, name: &str) -> bool {
        self.alternatives.iter().any(|steps| match steps.as_slice() {
            [Step::Name(n)] | [Step::Any, Step::Name(n)] => n == name,
            _ => false,
        })
    }
}

const LAST: &str = "[last()]";

/// The parts between `|`, except where it stands in a quoted name.
fn alternatives(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut quote, mut bracket) = (0, None, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if quote == Some(c) => quote = None,
            _ if quote.is_some() => {}
            '\'' | '"' if bracket => quote = Some(c),
            '[' => bracket = true,
            ']' => bracket = false,
            '|' => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn xml_steps(path: &str) -> Vec<Step> {
    path.split('/').filter(|step| !step.is_empty()).map(plain_step).collect()
}

fn plain_step(step: &str) -> Step {
    match step.strip_suffix(LAST) {
        Some(name) => Step::Last(name.to_owned()),
        None if step == "*" => Step::Any,
        None => Step::Name(step.to_owned()),
    }
}

/// Steps of what follows `$`.
fn json_steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '.' | '/' => {}
            '[' => match bracket(&mut rest) {
                Bracket::Name(name) => steps.push(Step::Name(name)),
                Bracket::Each => steps.push(Step::Any),
                Bracket::Last => {
                    if let Some(Step::Name(name)) = steps.pop() {
                        steps.push(Step::Last(name));
                    }
                }
            },
            _ => {
                let mut name = String::from(c);
                while let Some(c) = rest.next_if(|c| !matches!(c, '.' | '/' | '[')) {
                    name.push(c);
                }
                steps.push(plain_step(&name));
            }
        }
    }
    steps
}

enum Bracket {
    Name(String),
    Each,
    Last,
}

/// What stands between `[` and `]`.
fn bracket(rest: &mut Peekable<Chars<'_>>) -> Bracket {
    while rest.next_if(|c| c.is_whitespace()).is_some() {}
    let mut name = String::new();
    if let Some(quote) = rest.next_if(|c| matches!(c, '\'' | '"')) {
        while let Some(c) = rest.next() {
            match c {
                '\\' => name.extend(rest.next()),
                _ if c == quote => break,
                _ => name.push(c),
            }
        }
        rest.by_ref().find(|c| *c == ']');
        return Bracket::Name(name);
    }
    name.extend(rest.by_ref().take_while(|c| *c != ']'));
    match name.trim() {
        "*" | "" => Bracket::Each,
        "last()" | "-1" | "-1:" => Bracket::Last,
        other => Bracket::Name(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: &str) -> Step {
        Step::Name(n.to_owned())
    }

    fn steps(text: &str) -> Vec<Step> {
        let path = RowPath::parse(text);
        assert_eq!(path.alternatives.len(), 1, "{text}");
        path.alternatives.into_iter().next().unwrap()
    }

    #[test]
    fn paths_are_read_in_both_spellings() {
        assert_eq!(
            RowPath::parse("/*/Part/member").alternatives,
            vec![vec![Step::Any, name("Part"), name("member")]]
        );
        assert_eq!(RowPath::parse("$.a.b").alternatives, vec![vec![name("a"), name("b")]]);
        assert!(RowPath::parse("/*").is_whole());
        assert!(RowPath::parse("").is_whole());
        assert!(RowPath::parse("$").is_whole());
        assert!(RowPath::parse("$[*]").is_whole());
        let union = RowPath::parse("/*/NextMarker | /*/Contents[last()]/Key");
        assert!(union.is_union());
        assert_eq!(union.alternatives[1][1], Step::Last("Contents".to_owned()));
    }

    #[test]
    fn lists_and_quoted_names_have_steps() {
        assert_eq!(steps("$.a[*].b"), [name("a"), Step::Any, name("b")]);
        assert_eq!(steps("$.a.*.b"), [name("a"), Step::Any, name("b")]);
        assert_eq!(steps("$['@odata.nextLink']"), [name("@odata.nextLink")]);
        assert_eq!(steps("$[\"a|b\"].c"), [name("a|b"), name("c")]);
        assert_eq!(steps("$.x['it\\'s']"), [name("x"), name("it's")]);
        assert_eq!(steps("a['b.c'][\"d\"]"), [name("a"), name("b.c"), name("d")]);
        assert_eq!(steps("$.a[-1:].id"), [Step::Last("a".to_owned()), name("id")]);
    }

    #[test]
    fn a_bare_name_is_one_key() {
        assert_eq!(steps("@odata.nextLink"), [name("@odata.nextLink")]);
        assert_eq!(steps("next.token"), [name("next.token")]);
        assert_eq!(steps("NextToken"), [name("NextToken")]);
    }

    #[test]
    fn a_path_that_is_not_one_is_still_read() {
        for text in ["$[", "$['", "$.", "$..a", "|", "$[]", "[[[", "$['a\\"] {
            RowPath::parse(text);
        }
        assert!(RowPath::parse("|").is_whole());
    }

    #[test]
    fn a_member_of_the_root_is_known_in_every_spelling() {
        for text in ["/*/Next", "$.Next", "Next", "$['Next']", "/*/Other | /*/Next"] {
            assert!(RowPath::parse(text).is_member("Next"), "{text}");
        }
        assert!(!RowPath::parse("$.a.Next").is_member("Next"));
    }
}
