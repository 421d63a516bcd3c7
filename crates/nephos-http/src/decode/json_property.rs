//! Random documents are read as a plain walk over `serde_json::Value` reads them.

use nephos_catalog::{ColumnOrigin, Kind, ResponseBody, RowPath, Step};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::Probe;
use super::json_tests::texts;

const ROWS: [&str; 8] =
    ["$", "$.a", "$.a.b", "$.a[*].b", "$.a.*", "$.a | $.b", "/*/b", "$.a[last()].c"];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| json!(f64::from(n) / 8.0)),
        ".{0,6}".prop_map(Value::from),
        "[\\\\\"\n\t{}\\[\\],: a-c]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-d]|\\PC{1,3}", inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Values that `steps` lead to.
fn walk<'v>(value: &'v Value, steps: &[Step], found: &mut Vec<&'v Value>) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(value);
        return;
    };
    match (value, step) {
        (Value::Array(list), Step::Any) => list.iter().for_each(|v| walk(v, rest, found)),
        (Value::Array(list), _) => list.iter().for_each(|v| walk(v, steps, found)),
        (Value::Object(members), Step::Any) => members.values().for_each(|v| walk(v, rest, found)),
        (Value::Object(members), Step::Name(name)) => {
            if let Some(value) = members.get(name) {
                walk(value, rest, found);
            }
        }
        (Value::Object(members), Step::Last(name)) => match members.get(name) {
            Some(Value::Array(list)) => list.last().into_iter().for_each(|v| walk(v, rest, found)),
            Some(value) => walk(value, rest, found),
            None => {}
        },
        _ => {}
    }
}

fn at<'v>(body: &'v Value, steps: &[Step]) -> Vec<&'v Value> {
    let mut found = Vec::new();
    walk(body, steps.strip_prefix(&[Step::Any]).unwrap_or(steps), &mut found);
    found
}

/// Rows in document order: that of one alternative is the order in which they are found; of
/// several members of the root, the order of the members.
fn rows<'v>(body: &'v Value, path: &RowPath) -> Vec<&'v Value> {
    let mut found: Vec<&Value> = Vec::new();
    match (path.is_whole(), path.is_union(), body) {
        (true, ..) => found.push(body),
        (_, true, Value::Array(list)) => {
            return list.iter().flat_map(|inner| rows(inner, path)).collect();
        }
        (_, true, Value::Object(members)) => {
            for (name, value) in members {
                if path.alternatives.iter().any(|steps| *steps == [Step::Name(name.clone())]) {
                    found.push(value);
                }
            }
        }
        _ => found = at(body, &path.alternatives[0]),
    }
    found
        .into_iter()
        .flat_map(|value| match value {
            Value::Null => Vec::new(),
            Value::Array(list) => list.iter().collect(),
            other => vec![other],
        })
        .collect()
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "∅".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn documents_are_read_as_a_walk_reads_them(
        body in value(),
        rows_at in 0..ROWS.len(),
        token_at in 0..ROWS.len(),
        indented in any::<bool>(),
    ) {
        let text = if indented {
            serde_json::to_string_pretty(&body).unwrap()
        } else {
            body.to_string()
        };
        let path = RowPath::parse(ROWS[rows_at]);
        let expected = rows(&body, &path);
        for itself in [false, true] {
            let mut columns = vec![
                ("a", Kind::String, ColumnOrigin::Row),
                ("d", Kind::Any, ColumnOrigin::Row),
                ("c", Kind::String, ColumnOrigin::Envelope),
            ];
            if itself {
                columns.push(("column_anon", Kind::String, ColumnOrigin::Row));
            }
            let page = Some((ROWS[token_at], None));
            let probe = Probe::build(ResponseBody::Json, ROWS[rows_at], columns, page, false);
            let Ok((batch, token)) = probe.read(text.clone()) else {
                // Refused: no object, and nothing where rows should be.
                prop_assert!(!body.is_object() && expected.is_empty(), "{text}");
                continue;
            };
            let member = |name: &str| -> Vec<String> {
                expected.iter().map(|row| cell(row.get(name))).collect()
            };
            prop_assert_eq!(texts(&batch, 0), member("a"));
            prop_assert_eq!(texts(&batch, 1), member("d"));
            let around = at(&body, &[Step::Name("c".to_owned())]);
            prop_assert_eq!(texts(&batch, 2), vec![cell(around.first().copied()); expected.len()]);
            if itself {
                let all: Vec<String> = expected.iter().map(|row| cell(Some(row))).collect();
                prop_assert_eq!(texts(&batch, 3), all);
            }
            let said = RowPath::parse(ROWS[token_at]).alternatives.iter().find_map(|steps| {
                let text = cell(at(&body, steps).first().copied());
                (!matches!(text.as_str(), "∅" | "" | "[]" | "{}")).then_some(text)
            });
            prop_assert_eq!(token, said);
        }
    }

    #[test]
    fn a_cut_document_is_never_read(body in value(), cut in any::<prop::sample::Index>()) {
        let text = json!({"a": body, "b": []}).to_string();
        let mut end = cut.index(text.len() - 1) + 1;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let probe = Probe::new(ResponseBody::Json, "$.a", &[("a", Kind::String)]);
        prop_assert!(probe.read(text[..end].to_owned()).is_err(), "{}", &text[..end]);
    }
}
