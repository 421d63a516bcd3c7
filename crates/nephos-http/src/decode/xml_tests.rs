//! XML answers: what is left out of the tree changes no cell.

use nephos_catalog::{ColumnOrigin, Kind, ResponseBody};
use proptest::prelude::*;

use super::Probe;
use super::json_tests::texts;

const PATHS: [&str; 8] =
    ["/*/a", "/*/a/b", "/*/a/member", "/*/a | /*/b", "/r", "$.a.b", "/*/a[last()]/b", "/*/*/a"];

/// Elements of few names, some with text, attributes or entities.
fn element() -> impl Strategy<Value = String> {
    let name = || "[abcd]|member|item|value";
    let leaf = (name(), "[ \n]{0,2}|x &amp; y|[0-9]{1,3}|<!\\[CDATA\\[<\\]\\]>")
        .prop_map(|(name, text)| format!("<{name} k=\"1\">{text}</{name}>"));
    leaf.prop_recursive(4, 40, 5, move |inner| {
        (name(), prop::collection::vec(inner, 0..5), any::<bool>()).prop_map(
            |(name, children, indented)| {
                let between = if indented { "\n  " } else { "" };
                format!("<n:{name}>{between}{}</n:{name}>", children.join(between))
            },
        )
    })
}

fn columns(names: &[&'static str], all: bool) -> Vec<(&'static str, Kind, ColumnOrigin)> {
    let mut columns: Vec<_> = names
        .iter()
        .flat_map(|name| {
            [
                (*name, Kind::String, ColumnOrigin::Row),
                (*name, Kind::Array, ColumnOrigin::Row),
                (*name, Kind::Any, ColumnOrigin::Envelope),
            ]
        })
        .collect();
    if all {
        // A column that is the row itself keeps all of it.
        columns.push(("value", Kind::String, ColumnOrigin::Row));
        columns.push(("value", Kind::String, ColumnOrigin::Envelope));
    }
    columns
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_part_of_the_tree_gives_the_cells_of_the_whole(
        children in prop::collection::vec(element(), 0..6),
        rows in 0..PATHS.len(),
        token in 0..PATHS.len(),
    ) {
        let body = format!("<r xmlns=\"urn:x\">{}</r>", children.concat());
        let read = |all| {
            let page = Some((PATHS[token], None));
            Probe::build(ResponseBody::Xml, PATHS[rows], columns(&["a", "c"], all), page, false)
                .read(body.clone())
        };
        let (part, part_token) = read(false).unwrap();
        let (whole, whole_token) = read(true).unwrap();
        prop_assert_eq!(part.num_rows(), whole.num_rows());
        for column in 0..part.num_columns() {
            prop_assert_eq!(texts(&part, column), texts(&whole, column), "column {}", column);
        }
        prop_assert_eq!(part_token, whole_token);
    }

    #[test]
    fn a_cut_document_is_never_read(
        children in prop::collection::vec(element(), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let body = format!("<r>{}</r>", children.concat());
        let end = cut.index(body.len() - 1) + 1;
        let probe = Probe::new(ResponseBody::Xml, "/*/a", &[("b", Kind::String)]);
        prop_assert!(probe.read(body[..end].to_owned()).is_err());
    }
}

#[test]
fn what_is_not_wanted_must_be_well_formed() {
    let probe = Probe::new(ResponseBody::Xml, "/*/a", &[("b", Kind::String)]);
    for body in [
        "<r><a><b>1</b><c></d></a></r>",
        "<r><a><b>1</b><c>&unknown;</c></a></r>",
        "<r><a><b>1</b></a><c><d></c></r>",
        "<r><a><b>1</b></a><c>",
    ] {
        assert!(probe.read(body).is_err(), "{body}");
    }
    let deep = format!("<r><x>{}{}</x></r>", "<y>".repeat(1000), "</y>".repeat(1000));
    assert!(probe.read(deep).unwrap_err().message.contains("deeper than 64"));
    assert!(probe.read(b"<r><a><c>\xff</c></a></r>".to_vec()).is_err());
}

#[test]
fn tokens_of_what_is_not_selected_are_found() {
    let read = |token| {
        let body = "<r><a><k>1</k></a><a><k>2</k></a><n><t>x</t></n></r>";
        Probe::build(ResponseBody::Xml, "/*/a", vec![], Some((token, None)), true)
            .read(body)
            .unwrap()
            .1
    };
    assert_eq!(read("/*/n/t").as_deref(), Some("x"));
    assert_eq!(read("$.n.t").as_deref(), Some("x"));
    assert_eq!(read("/*/t | /*/a[last()]/k").as_deref(), Some("2"));
    assert_eq!(read("/*/t"), None);
}
