//! YAML text to a JSON value, with bounds.
//!
//! The parser gives events; what is ours is how they become values: YAML 1.2's core schema as
//! provider documents mean it, aliases copied out within a budget, and faults that a reader can
//! live with kept as notes.

mod composer;
mod lines;
mod scalar;

use granit_parser::{Options, Parser};
use serde_json::Value;

use composer::Composer;
pub(crate) use lines::lines;

/// A longer document is not read; the largest that is known has 3.4 MB.
const MAX_TEXT: usize = 64 << 20;
/// Longer JSON goes through the YAML parser, which counts values while it reads.
const MAX_JSON: usize = 4 << 20;

/// Something odd that does not make a document unusable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Oddity {
    /// Line of the document, from 1.
    pub(crate) line: usize,
    /// What is odd.
    pub(crate) reason: String,
}

/// Why a text is not a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Line of the document, from 1, where it is known.
    pub(crate) line: Option<usize>,
    /// What is wrong.
    pub(crate) reason: String,
}

impl Broken {
    fn at(line: usize, reason: impl Into<String>) -> Self {
        Self { line: Some(line), reason: reason.into() }
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// Reads a document, YAML or JSON.
pub(crate) fn read(text: &str) -> Result<(Value, Vec<Oddity>), Broken> {
    if text.len() > MAX_TEXT {
        let reason = format!("it has {} MB; at most {} are read", text.len() >> 20, MAX_TEXT >> 20);
        return Err(Broken { line: None, reason });
    }
    if text.trim_start().starts_with('{')
        && text.len() <= MAX_JSON
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok((value, Vec::new()));
    }
    let mut composer = Composer::default();
    for next in Parser::new_from_str_with_options(text, options()) {
        let (event, span) =
            next.map_err(|error| Broken::at(error.marker().line(), error.info()))?;
        composer.take(event, span.start.line())?;
    }
    Ok(composer.finish())
}

fn options() -> Options {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options
}

/// A step of a JSON pointer.
pub(crate) fn escape(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        read(text).unwrap_or_else(|error| panic!("{error}\n{text}")).0
    }

    #[test]
    fn scalars_follow_the_core_schema_and_versions_stay_text() {
        let text = "
            none: [~, null, Null, ]
            empty:
            truth: [true, False, yes, on, 'true']
            whole: [0, -7, +7, 0x1F, 0o17, 18446744073709551615, 9223372036854775808]
            real: [1.5, -0.5, .5, 1e3, 1.]
            text: ['200', 00.00, 007, v1, 1.2.3, 2020-01-01, 12:30, .inf, .nan, 1e, 1_000, e1, 0x, 1-2]
            big: 18446744073709551616
            tagged: [!!str 12, !!int '12', !local x, !<tag:yaml.org,2002:js/undefined> '', !!null '']
            ? 200
            : ok
        ";
        assert_eq!(
            value(text),
            json!({
                "none": [null, null, null],
                "empty": null,
                "truth": [true, false, "yes", "on", "true"],
                "whole": [0, -7, 7, 31, 15, u64::MAX, 9_223_372_036_854_775_808_u64],
                "real": [1.5, -0.5, 0.5, 1000.0, 1.0],
                "text": ["200", "00.00", "007", "v1", "1.2.3", "2020-01-01", "12:30", ".inf", ".nan", "1e", "1_000", "e1", "0x", "1-2"],
                "big": 18_446_744_073_709_551_616.0,
                "tagged": ["12", 12, "x", null, null],
                "200": "ok",
            })
        );
    }

    #[test]
    fn aliases_are_copied_out_and_maps_merged() {
        let text = "
            base: &b {a: 1, b: [x]}
            again: *b
            name: &n key
            derived: {<<: *b, a: 2}
            both: {<<: [{c: 3}, *b], b: 4}
            *n : v
        ";
        assert_eq!(
            value(text),
            json!({
                "base": {"a": 1, "b": ["x"]},
                "again": {"a": 1, "b": ["x"]},
                "name": "key",
                "derived": {"a": 2, "b": ["x"]},
                "both": {"b": 4, "c": 3, "a": 1},
                "key": "v",
            })
        );
    }

    #[test]
    fn a_repeated_key_counts_last_and_is_noted() {
        let (value, oddities) = read("a: 1\nb: 2\na: 3\n").unwrap();
        assert_eq!(value, json!({"a": 3, "b": 2}));
        assert_eq!(oddities.len(), 1);
        assert_eq!(oddities[0].line, 3);
        let (value, oddities) = read("a: 1\n---\na: 2\n").unwrap();
        assert_eq!((value, oddities.len()), (json!({"a": 1}), 1));
    }

    #[test]
    fn json_is_read_and_what_only_looks_like_it_too() {
        assert_eq!(value("{\"a\": [1, \"00\"]}"), json!({"a": [1, "00"]}));
        assert_eq!(value("{a: [1, '00']}"), json!({"a": [1, "00"]}));
    }

    #[test]
    fn bombs_are_refused() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let list = vec![format!("*a{}", level - 1); 9].join(", ");
            writeln!(laughs, "a{level}: &a{level} [{list}]").unwrap();
        }
        assert!(read(&laughs).unwrap_err().reason.contains("too large"));

        let mut long = format!("a: &a {}\n", "x".repeat(1 << 20));
        for _ in 0..100 {
            long.push_str("- *a\n");
        }
        let long = long.replacen("a: &a", "- &a", 1);
        assert!(read(&long).unwrap_err().reason.contains("too large"));

        let mut deep = "a0: &a0 [x]\n".to_owned();
        for level in 1..300 {
            writeln!(deep, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
        }
        assert!(read(&deep).unwrap_err().reason.contains("deeper"));

        assert!(read(&"[".repeat(100_000)).is_err());
        assert!(read(&"- ".repeat(100_000)).is_err());
        assert!(read("a: &a [*a]").unwrap_err().reason.contains("inside"));
        assert!(read("{[a]: b}").is_err());
        assert!(read("a: *nobody").is_err());
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        let error = read("a: 1\nb: [\nc: 'x\n").unwrap_err();
        assert!(error.line.is_some_and(|line| line >= 2), "{error}");
    }
}
