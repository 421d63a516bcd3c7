//! What JSON answers become, rule by rule.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use nephos_catalog::{ColumnOrigin, Kind, ResponseBody};

use super::Probe;
use crate::CallErrorKind;

/// A column's cells as text; NULL is `∅`.
pub(super) fn texts(batch: &RecordBatch, column: usize) -> Vec<String> {
    let array = batch.column(column);
    (0..array.len())
        .map(|row| {
            if array.is_null(row) {
                return "∅".to_owned();
            }
            match array.data_type() {
                arrow_schema::DataType::Int64 => {
                    array.as_primitive::<Int64Type>().value(row).to_string()
                }
                arrow_schema::DataType::Float64 => {
                    array.as_primitive::<Float64Type>().value(row).to_string()
                }
                arrow_schema::DataType::Boolean => array.as_boolean().value(row).to_string(),
                _ => array.as_string::<i32>().value(row).to_owned(),
            }
        })
        .collect()
}

fn read(rows: &str, columns: &[(&str, Kind)], body: &str) -> RecordBatch {
    let probe = Probe::new(ResponseBody::Json, rows, columns);
    probe.read(body.to_owned()).unwrap_or_else(|error| panic!("{body}: {error}")).0
}

fn one(rows: &str, column: &str, body: &str) -> Vec<String> {
    texts(&read(rows, &[(column, Kind::String)], body), 0)
}

fn typed(kind: Kind, value: &str) -> Result<String, String> {
    let probe = Probe::new(ResponseBody::Json, "$", &[("c", kind)]);
    match probe.read(format!("{{\"c\": {value} }}")) {
        Ok((batch, _)) => Ok(texts(&batch, 0).remove(0)),
        Err(error) => {
            assert_eq!(error.kind, CallErrorKind::Answer);
            assert_eq!(error.hints, ["select other columns than c to read the rest"]);
            Err(error.message)
        }
    }
}

fn refused(body: impl Into<Vec<u8>>) -> String {
    let probe = Probe::new(ResponseBody::Json, "$.items", &[("a", Kind::String)]);
    let body: Vec<u8> = body.into();
    match probe.read(body.clone()) {
        Ok((batch, _)) => panic!("{} rows of {}", batch.num_rows(), body.escape_ascii()),
        Err(error) => {
            assert_eq!(error.kind, CallErrorKind::Answer);
            error.message
        }
    }
}

#[test]
fn lists_objects_and_null_are_rows() {
    assert_eq!(one("$.items", "a", r#"{"items":[{"a":"1"},{"b":2},{"a":null}]}"#), ["1", "∅", "∅"]);
    assert_eq!(one("$.items", "a", r#"{"items":{"a":"1"}}"#), ["1"]);
    assert_eq!(one("$.items", "a", r#"{"items":null}"#), [""; 0]);
    assert_eq!(one("$.items", "a", r#"{"items":[]}"#), [""; 0]);
    assert_eq!(one("$", "a", r#"[{"a":"1"},{"a":"2"}]"#), ["1", "2"]);
    assert_eq!(one("", "a", r#"{"a":"1"}"#), ["1"]);
    assert_eq!(one("/*", "a", r#"{"a":"1"}"#), ["1"]);
    assert_eq!(one("", "a", "null"), [""; 0]);
    assert_eq!(one("$[*]", "a", r#"[{"a":"1"}]"#), ["1"]);
    assert_eq!(one("/*/items", "a", r#"{"items":[{"a":"1"}]}"#), ["1"]);
    assert_eq!(one("", "a", "\u{feff}{\"a\":\"1\"}"), ["1"]);
}

#[test]
fn a_list_that_is_left_out_is_empty() {
    assert_eq!(one("$.items", "a", r#"{"kind":"list"}"#), [""; 0]);
    assert_eq!(one("$.result.items", "a", r#"{"result":{}}"#), [""; 0]);
    assert_eq!(one("$.result.items", "a", r#"{"result":3}"#), [""; 0]);
    assert_eq!(one("$.items", "a", "[]"), [""; 0]);
    assert_eq!(one("$.items", "a", "null"), [""; 0]);
    assert!(refused(r#"[{"a":1}]"#).contains("no member that holds the rows"));
    assert!(refused(r#""text""#).contains("no member that holds the rows"));
}

#[test]
fn plain_values_are_the_row_itself() {
    let list = r#"{"items":["x", 12, null, {"a": 1}, [ 2 ]]}"#;
    let cells = ["x", "12", "∅", "{\"a\":1}", "[2]"];
    assert_eq!(one("$.items", "column_anon", list), cells);
    assert_eq!(one("", "column_anon", "\"x\""), ["x"]);
    // `value` is a member's name too.
    assert_eq!(
        one("$.items", "value", r#"{"items":["x",{"value":"y"},{"a":1}]}"#),
        ["x", "y", "∅"]
    );
    assert_eq!(one("$.items", "a", list), ["∅", "∅", "∅", "1", "∅"]);
    let numbers = read("$", &[("column_anon", Kind::Integer)], "[1, 2]");
    assert_eq!(texts(&numbers, 0), ["1", "2"]);
}

#[test]
fn values_become_the_kind_of_their_column_where_nothing_is_lost() {
    for (kind, value, cell) in [
        (Kind::Integer, "12", "12"),
        (Kind::Integer, "\"12\"", "12"),
        (Kind::Integer, "12.0", "12"),
        (Kind::Integer, "1.2e1", "12"),
        (Kind::Integer, "9007199254740993", "9007199254740993"),
        (Kind::Integer, "\"\"", "∅"),
        (Kind::Integer, "null", "∅"),
        (Kind::Number, "1.5", "1.5"),
        (Kind::Number, "\"1.5\"", "1.5"),
        (Kind::Number, "\"NaN\"", "NaN"),
        (Kind::Boolean, "true", "true"),
        (Kind::Boolean, "\"False\"", "false"),
        (Kind::String, "true", "true"),
        (Kind::String, "18446744073709551616", "18446744073709551616"),
        (Kind::String, "0.10", "0.10"),
        (Kind::String, "\"a\\n\\u00e9\"", "a\né"),
        (Kind::String, "\"\"", ""),
        (Kind::String, "{ \"b\" : [ 1 ] }", "{\"b\":[1]}"),
        (Kind::Object, "{ \"b\" : 1 }", "{\"b\":1}"),
        (Kind::Array, "[ 1, \" \" ]", "[1,\" \"]"),
        (Kind::Array, "\"plain\"", "plain"),
        (Kind::Any, "null", "∅"),
    ] {
        assert_eq!(typed(kind, value).as_deref(), Ok(cell), "{kind:?} {value}");
    }
}

#[test]
fn a_value_that_does_not_fit_names_column_and_value() {
    for (kind, value, message) in [
        (Kind::Integer, "1.5", "c holds \"1.5\", which is not an integer"),
        (Kind::Integer, "9223372036854775808", "\"9223372036854775808\", which is not an integer"),
        (Kind::Integer, "\"x\"", "which is not an integer"),
        (Kind::Integer, "true", "which is not an integer"),
        (Kind::Integer, "[1]", "which is not an integer"),
        (Kind::Number, "1e999", "which is not a number"),
        (Kind::Number, "{}", "which is not a number"),
        (Kind::Boolean, "1", "which is not true or false"),
        (Kind::String, "\"\\ud800\"", "which is not Unicode text"),
    ] {
        let error = typed(kind, value).expect_err(value);
        assert!(error.contains(message), "{error}");
    }
    // The column is not selected: its values are no one's business.
    let body = r#"{"c":"\ud800","n":1e999,"a":"1"}"#;
    assert_eq!(one("", "a", body), ["1"]);
}

#[test]
fn the_last_of_equal_keys_wins() {
    assert_eq!(one("$.items", "a", r#"{"items":[{"a":"1","a":"2"}]}"#), ["2"]);
    assert_eq!(one("$.items", "a", r#"{"items":[{"a":"1"}],"x":0,"items":[{"a":"2"}]}"#), ["2"]);
    assert_eq!(one("$.r.items", "a", r#"{"r":{"items":[{"a":"1"}]},"r":{}}"#), [""; 0]);
    let union = r#"{"x":[{"a":"1"}],"y":[{"a":"2"}],"x":[{"a":"3"}],"y":[{"a":"4"}]}"#;
    assert_eq!(one("$.x | $.y", "a", union), ["3", "4"]);
    let probe = Probe::build(
        ResponseBody::Json,
        "$.items",
        vec![("e", Kind::String, ColumnOrigin::Envelope)],
        Some(("$.p.next", None)),
        false,
    );
    let body = r#"{"p":{"next":"1"},"e":1,"items":[{}],"e":2,"p":{"other":1}}"#;
    let (batch, token) = probe.read(body).unwrap();
    assert_eq!(texts(&batch, 0), ["2"]);
    assert_eq!(token, None);
}

#[test]
fn paths_go_through_lists() {
    let nested = r#"{"r":[{"i":[{"a":"1"},{"a":"2"}]},{},{"i":{"a":"3"}},{"i":null}]}"#;
    assert_eq!(one("$.r[*].i", "a", nested), ["1", "2", "3"]);
    assert_eq!(one("$.r.i[*]", "a", r#"{"r":[{"i":[{"a":"1"}]},{"i":[{"a":"2"}]}]}"#), ["1", "2"]);
    let map = r#"{"items":{"zone-a":{"d":[{"a":"1"}]},"zone-b":{"d":[{"a":"2"}]},"zone-c":{}}}"#;
    assert_eq!(one("$.items.*.d", "a", map), ["1", "2"]);
    assert_eq!(one("$['odd.key']", "a", r#"{"odd.key":[{"a":"1"}]}"#), ["1"]);
    assert_eq!(one("$.r[last()].i", "a", r#"{"r":[{"i":{"a":"1"}},{"i":{"a":"2"}}]}"#), ["2"]);
    assert_eq!(one("$.\u{e9}", "a", r#"{"\u00e9":[{"\u0061":"1"}]}"#), ["1"]);
}

#[test]
fn columns_come_from_where_they_say() {
    let probe = Probe::build(
        ResponseBody::Json,
        "$.up | $.down",
        vec![
            ("Element", Kind::String, ColumnOrigin::Element),
            ("id", Kind::Integer, ColumnOrigin::Row),
            ("id", Kind::String, ColumnOrigin::Row),
            ("owner", Kind::Object, ColumnOrigin::Envelope),
            ("etag", Kind::String, ColumnOrigin::Header),
            ("result", Kind::String, ColumnOrigin::Body),
        ],
        None,
        false,
    )
    .with_header(http::header::ETAG, http::HeaderValue::from_static("tag"));
    let body = r#"{"down":[{"id":1}],"up":{"id":2},"owner":{"name": "me"}}"#;
    let (batch, _) = probe.read(body).unwrap();
    assert_eq!(texts(&batch, 0), ["down", "up"]);
    assert_eq!(texts(&batch, 1), ["1", "2"]);
    assert_eq!(texts(&batch, 2), ["1", "2"]);
    assert_eq!(texts(&batch, 3), ["{\"name\":\"me\"}"; 2]);
    assert_eq!(texts(&batch, 4), ["tag"; 2]);
    assert_eq!(texts(&batch, 5), ["The operation completed successfully"; 2]);
}

#[test]
fn an_answer_without_a_body_is_one_row_where_it_can_say_something() {
    let column = |origin| vec![("c", Kind::String, origin)];
    let rows = |origin| {
        let probe = Probe::build(ResponseBody::Json, "", column(origin), None, false);
        texts(&probe.read(" \n").unwrap().0, 0)
    };
    assert_eq!(rows(ColumnOrigin::Body), ["The operation completed successfully"]);
    assert_eq!(rows(ColumnOrigin::Header), ["∅"]);
    assert_eq!(rows(ColumnOrigin::Row), [""; 0]);
}

#[test]
fn the_next_page_is_where_the_document_says() {
    let token = |page: (&str, Option<&str>), body: &str| {
        Probe::build(ResponseBody::Json, "$.items", vec![], Some(page), true)
            .read(body.to_owned())
            .unwrap()
            .1
    };
    for (path, body, wanted) in [
        ("$.next", r#"{"next":"a b ","items":[]}"#, Some("a b ")),
        ("$.next", r#"{"next":12}"#, Some("12")),
        ("$.next", r#"{"next":false}"#, Some("false")),
        ("$.next", r#"{"next":{ "id": {"S": "x"} }}"#, Some(r#"{"id":{"S":"x"}}"#)),
        ("$.next", r#"{"next":null}"#, None),
        ("$.next", r#"{"next":""}"#, None),
        ("$.next", r#"{"next":[]}"#, None),
        ("$.next", r#"{"next":{}}"#, None),
        ("$.next", "{}", None),
        ("$.a.next | $.b", r#"{"a":{"next":""},"b":"2"}"#, Some("2")),
        ("$.meta.pages.next", r#"{"meta":{"pages":{"next":"n"},"x":1}}"#, Some("n")),
        ("@odata.nextLink", r#"{"@odata.nextLink":"https://x/y"}"#, Some("https://x/y")),
        ("$['@odata.nextLink']", r#"{"@odata.nextLink":"l"}"#, Some("l")),
        ("$.items[last()].id", r#"{"items":[{"id":1},{"id":2}]}"#, Some("2")),
    ] {
        assert_eq!(token((path, None), body).as_deref(), wanted, "{path} {body}");
    }
    let more = ("$.next", Some("$.has_more"));
    assert_eq!(token(more, r#"{"has_more":false,"next":"x"}"#), None);
    // Where the service's own word is missing, its token is all that there is to believe.
    assert_eq!(token(more, r#"{"next":"x"}"#).as_deref(), Some("x"));
    assert_eq!(token(more, r#"{"has_more":true,"next":"x"}"#).as_deref(), Some("x"));
    assert_eq!(token(more, r#"{"has_more":true}"#).as_deref(), Some(""));
}

#[test]
fn fields_that_end_a_page_speak_of_the_whole_result() {
    let cells = |followed| {
        let columns = vec![
            ("has_more", Kind::Boolean, ColumnOrigin::Envelope),
            ("next", Kind::String, ColumnOrigin::Envelope),
        ];
        let page = Some(("$.next", Some("$.has_more")));
        let probe = Probe::build(ResponseBody::Json, "$.items", columns, page, followed);
        let (batch, _) = probe.read(r#"{"has_more":true,"next":"x","items":[1]}"#).unwrap();
        [texts(&batch, 0), texts(&batch, 1)].concat()
    };
    assert_eq!(cells(false), ["true", "x"]);
    assert_eq!(cells(true), ["false", "∅"]);
}

#[test]
fn a_broken_page_is_an_error_wherever_it_is_broken() {
    let whole =
        r#"{"k":[{"x":1e5},"\u00e9\n"],"items":[{"a":"1","b":{"c":[true,null]}}],"z":-0.5}"#;
    let probe = Probe::new(ResponseBody::Json, "$.items", &[("a", Kind::String)]);
    assert_eq!(probe.read(whole).unwrap().0.num_rows(), 1);
    for end in 1..whole.len() {
        refused(&whole.as_bytes()[..end]);
    }
    for text in [
        r#"{"items":[{"a":"1"}]} x"#,
        r#"{"items":[{"a":"1"},]}"#,
        r#"{"items":[{"a":"1","b":[1 2]}]}"#,
        r#"{"items":[{"a":"1","b":{"c"}}]}"#,
        r#"{"items":[{"a":"1","b":tru}]}"#,
        r#"{"items":[{"a":"1","b":01}]}"#,
        r#"{"items":[{"a":"1","b":[}]}"#,
        r#"{"items":[{"a":"1","b":"\x"}]}"#,
        "{\"items\":[{\"a\":\"1\",\"b\":\"\n\"}]}",
        r#"{"items":[{"a":"1"}],"k":{]}"#,
        "{\"items\":[{\"a\":\"1\",\"\u{1}\":2}]}",
        "{\"items\":[{\"a\":\"1\"}],\"\u{1}\\n\":2}",
    ] {
        refused(text);
    }
    assert!(refused(b"{\"items\":[{\"b\":\"\xff\"}]}".to_vec()).contains("utf-8"));
}

#[test]
fn depth_costs_no_stack() {
    let deep = 200_000;
    let open = "[".repeat(deep);
    let close = "]".repeat(deep);
    let probe = Probe::new(ResponseBody::Json, "$.items", &[("a", Kind::Array)]);
    let body = format!("{{\"x\":{open}{close},\"items\":[{{\"a\":{open}{close}}}]}}");
    assert_eq!(texts(&probe.read(body).unwrap().0, 0), [format!("{open}{close}")]);
    let through = Probe::new(ResponseBody::Json, "$.items.b", &[("a", Kind::Array)]);
    let error = through.read(format!("{{\"items\":{open}{close}}}")).unwrap_err();
    assert!(error.message.contains("recursion limit"), "{error}");
}
