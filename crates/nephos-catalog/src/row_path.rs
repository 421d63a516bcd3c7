//! Where rows are in a response: `objectKey` and its like.

use serde::{Deserialize, Serialize};

/// A path to the rows of a response, in the XPath-like spelling of provider documents
/// (`/*/Part/member`), or several joined by `|`. The `JSONPath` spelling `$.a.b` is read as `/a/b`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowPath {
    /// One list of steps for each alternative.
    pub alternatives: Vec<Vec<Step>>,
}

/// One step of a [`RowPath`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Any element.
    Any,
    /// Every element of this name.
    Name(String),
    /// The last element of this name.
    Last(String),
}

impl RowPath {
    /// Reads a path. An empty text means the whole answer.
    pub fn parse(text: &str) -> Self {
        let alternatives = text
            .split('|')
            .map(str::trim)
            .filter(|alternative| !alternative.is_empty())
            .map(|alternative| {
                alternative
                    .trim_start_matches('$')
                    .split(['/', '.'])
                    .filter(|step| !step.is_empty())
                    .map(|step| match step.strip_suffix("[last()]") {
                        Some(name) => Step::Last(name.to_owned()),
                        None if step == "*" => Step::Any,
                        None => Step::Name(step.to_owned()),
                    })
                    .collect()
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_in_both_spellings() {
        let name = |n: &str| Step::Name(n.to_owned());
        assert_eq!(
            RowPath::parse("/*/Part/member").alternatives,
            vec![vec![Step::Any, name("Part"), name("member")]]
        );
        assert_eq!(RowPath::parse("$.a.b").alternatives, vec![vec![name("a"), name("b")]]);
        assert!(RowPath::parse("/*").is_whole());
        assert!(RowPath::parse("").is_whole());
        let union = RowPath::parse("/*/NextMarker | /*/Contents[last()]/Key");
        assert!(union.is_union());
        assert_eq!(union.alternatives[1][1], Step::Last("Contents".to_owned()));
    }
}
