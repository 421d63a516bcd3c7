//! Ways into JSON text, and what lies at their end.

use std::borrow::Cow;
use std::fmt;

use datafusion::common::{DataFusionError, Result, exec_datafusion_err};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A member of an object.
    Key(String),
    /// An element of an array; negative ones count from its end.
    Index(i64),
    /// A member of an object, or the element of an array where the text is a number.
    Any(String),
}

/// Reads a path of `SQLite`: `$`, `$.a`, `$."a b"`, `$[0]`, `$[#-1]`.
pub(super) fn parse(path: &str) -> Result<Vec<Step>> {
    let bad = || {
        exec_datafusion_err!(
            "bad JSON path: '{path}'; paths are written $.name, $.\"a name\", $[0] and $[#-1]"
        )
    };
    let mut rest = path.strip_prefix('$').ok_or_else(bad)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(".\"") {
            let end = behind.find('"').ok_or_else(bad)?;
            steps.push(Step::Key(behind[..end].to_owned()));
            rest = &behind[end + 1..];
        } else if let Some(behind) = rest.strip_prefix('.') {
            let end = behind.find(['.', '[']).unwrap_or(behind.len());
            if end == 0 {
                return Err(bad());
            }
            steps.push(Step::Key(behind[..end].to_owned()));
            rest = &behind[end..];
        } else {
            let (inside, behind) =
                rest.strip_prefix('[').and_then(|text| text.split_once(']')).ok_or_else(bad)?;
            let digits = |text: &str| -> Result<i64> {
                let all = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                if all { text.parse().map_err(|_| bad()) } else { Err(bad()) }
            };
            steps.push(match inside.strip_prefix('#') {
                // The place behind the last element: nothing is there to be read.
                Some("") => Step::Index(i64::MAX),
                Some(back) => match digits(back.strip_prefix('-').ok_or_else(bad)?)? {
                    0 => Step::Index(i64::MAX),
                    back => Step::Index(-back),
                },
                None => Step::Index(digits(inside)?),
            });
            rest = behind;
        }
    }
    Ok(steps)
}

/// The steps of the path that was asked for last: it is mostly the same on every row.
#[derive(Default)]
pub(super) struct LastPath {
    text: Option<String>,
    steps: Vec<Step>,
}

impl LastPath {
    pub(super) fn steps(&mut self, path: &str) -> Result<&[Step]> {
        if self.text.as_deref() != Some(path) {
            self.steps = parse(path)?;
            self.text = Some(path.to_owned());
        }
        Ok(&self.steps)
    }
}

/// The whole of a text, which must be JSON.
pub(super) fn root(json: &str) -> Result<&RawValue> {
    serde_json::from_str(json).map_err(malformed)
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn malformed(error: serde_json::Error) -> DataFusionError {
    exec_datafusion_err!("malformed JSON: {error}")
}

/// What lies at the end of `steps`.
pub(super) fn find<'a>(root: &'a RawValue, steps: &[Step]) -> Result<Option<&'a RawValue>> {
    let mut at = root;
    for step in steps {
        let next = match (step, kind(at)) {
            (Step::Key(key) | Step::Any(key), Kind::Object) => member(at, key)?,
            (Step::Index(index), Kind::Array) => element(at, *index)?,
            (Step::Any(text), Kind::Array) => match text.parse() {
                Ok(index) => element(at, index)?,
                Err(_) => None,
            },
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// Kinds of values, as their first byte tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    True,
    False,
    Integer,
    Real,
    Text,
    Array,
    Object,
}

impl Kind {
    /// `SQLite`'s word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::True => "true",
            Self::False => "false",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Text => "text",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

pub(super) fn kind(value: &RawValue) -> Kind {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::Text,
        Some(b't') => Kind::True,
        Some(b'f') => Kind::False,
        Some(b'n') => Kind::Null,
        _ if text.contains(['.', 'e', 'E']) => Kind::Real,
        _ => Kind::Integer,
    }
}

/// How truth is written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    /// `1` and `0`, as in `SQLite`.
    Digits,
    /// `true` and `false`, as in `PostgreSQL`.
    Words,
}

/// A value as SQL text; JSON's null is NULL.
pub(super) fn as_text(value: &RawValue, truth: Truth) -> Result<Option<Cow<'_, str>>> {
    let text = value.get();
    Ok(Some(match (kind(value), truth) {
        (Kind::Null, _) => return Ok(None),
        (Kind::True, Truth::Digits) => "1".into(),
        (Kind::False, Truth::Digits) => "0".into(),
        (Kind::Text, _) => Cow::Owned(serde_json::from_str(text).map_err(malformed)?),
        (Kind::Real, Truth::Digits) => real(text),
        (Kind::Array | Kind::Object, _) => compact(text),
        _ => text.into(),
    }))
}

/// `SQLite` reads a fraction into a double and prints that: `1.50` is `1.5`, `1e3` is `1000.0`.
fn real(text: &str) -> Cow<'_, str> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => format!("{number:?}").into(),
        _ => text.into(),
    }
}

/// JSON without the white space between its tokens.
pub(super) fn compact(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let (mut quoted, mut escaped, mut copied) = (false, false, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b' ' | b'\t' | b'\n' | b'\r' if !quoted => {
                out.push_str(&text[copied..at]);
                copied = at + 1;
            }
            _ => {}
        }
    }
    if copied == 0 {
        return text.into();
    }
    out.push_str(&text[copied..]);
    out.into()
}

/// Children of an array or object; keys of an object.
pub(super) fn children(value: &RawValue) -> Result<Vec<(Option<String>, &RawValue)>> {
    struct Children;
    impl<'de> Visitor<'de> for Children {
        type Value = Vec<(Option<String>, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array or an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some((key, value)) = map.next_entry()? {
                all.push((Some(key), value));
            }
            Ok(all)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(value) = seq.next_element()? {
                all.push((None, value));
            }
            Ok(all)
        }
    }
    read(value, Children)
}

fn member<'a>(object: &'a RawValue, key: &str) -> Result<Option<&'a RawValue>> {
    struct Is<'k>(&'k str);
    impl<'de> DeserializeSeed<'de> for Is<'_> {
        type Value = bool;

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
            deserializer.deserialize_str(self)
        }
    }
    impl Visitor<'_> for Is<'_> {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a key")
        }

        fn visit_str<E>(self, text: &str) -> Result<bool, E> {
            Ok(text == self.0)
        }
    }
    struct Member<'k>(&'k str);
    impl<'de> Visitor<'de> for Member<'_> {
        type Value = Option<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(is) = map.next_key_seed(Is(self.0))? {
                if is && found.is_none() {
                    found = Some(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }
    read(object, Member(key))
}

fn element(array: &RawValue, index: i64) -> Result<Option<&RawValue>> {
    let all = children(array)?;
    let at = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    let at = if index < 0 { all.len().checked_sub(at) } else { Some(at) };
    Ok(at.and_then(|at| all.get(at)).map(|(_, value)| *value))
}

fn read<'a, V: Visitor<'a>>(value: &'a RawValue, visitor: V) -> Result<V::Value> {
    let mut reader = serde_json::Deserializer::from_str(value.get());
    reader.deserialize_any(visitor).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(json: &str, path: &str) -> Option<String> {
        let found = find(root(json).unwrap(), &parse(path).unwrap()).unwrap()?;
        Some(found.get().to_owned())
    }

    #[test]
    fn paths_lead_as_in_sqlite() {
        let json = r#"{"a":{"b c":[10,20,{"$ref":"x"}],"30d":1},"a":2}"#;
        assert_eq!(at(json, "$").as_deref(), Some(json));
        assert_eq!(at(json, "$.a.30d").as_deref(), Some("1"));
        assert_eq!(at(json, "$.a.\"b c\"[1]").as_deref(), Some("20"));
        assert_eq!(at(json, "$.a.\"b c\"[#-1].$ref").as_deref(), Some("\"x\""));
        assert_eq!(at(json, "$.a.\"b c\"[#-4]"), None);
        assert_eq!(at(json, "$.a.\"b c\"[#]"), None);
        assert_eq!(at(json, "$.a[0]"), None);
        assert_eq!(at(json, "$.none.deeper"), None);
        for bad in ["", "a", "$a", "$.", "$.a.", "$[", "$[x]", "$[-1]", "$[#1]", "$[]", "$.\"a"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn white_space_goes_and_texts_stay() {
        assert_eq!(compact("{ \"a b\" : [ 1.10 , \"\\\" \" ] }"), "{\"a b\":[1.10,\"\\\" \"]}");
        assert!(matches!(compact("[1,2]"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for text in ["", "{", "a", "[1,]", "{} x", "01"] {
            assert!(root(text).is_err(), "{text}");
        }
    }
}
