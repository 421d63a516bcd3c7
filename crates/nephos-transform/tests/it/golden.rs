//! `tests/golden` holds what Go 1.26's `text/template` printed, with the functions of documents.

use nephos_transform::{Template, Transform, TransformError, TransformKind};
use serde_json::{Value, json};

fn lines(file: &str) -> Vec<Value> {
    file.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_language_is_gos() {
    let data: Value = serde_json::from_str(include_str!("../golden/language-data.json")).unwrap();
    let cases = lines(include_str!("../golden/language.jsonl"));
    assert!(cases.len() > 200);
    for case in cases {
        let source = case["template"].as_str().unwrap();
        let rendered = Template::parse(source).and_then(|template| template.render(&data));
        let got = match rendered {
            Ok(text) => json!({"template": source, "gives": text}),
            Err(TransformError::Parse { .. }) => json!({"template": source, "fails": "parse"}),
            Err(_) => json!({"template": source, "fails": "exec"}),
        };
        assert_eq!(got, case);
    }
}

#[test]
fn templates_of_documents_print_what_go_prints() {
    for case in lines(include_str!("../golden/documents.jsonl")) {
        let source = case["template"].as_str().unwrap();
        let body = case["body"].as_str().unwrap();
        let template = Template::parse(source).unwrap();
        let text = match case["kind"].as_str().unwrap() {
            "json" => template.render(&serde_json::from_str(body).unwrap()),
            "text" => template.render_text(body),
            _ => template.render(&nephos_transform::mxj(body).unwrap()),
        };
        assert_eq!(text.unwrap(), case["gives"].as_str().unwrap(), "{source}\n{body}");
    }
}

#[test]
fn integers_keep_their_digits() {
    let data = json!({"id": 123_456_789_012_345_678_i64, "float": 1e8});
    let template =
        Template::parse("{{.id}} {{toJson .id}} {{printf \"%v\" .id}} {{.float}}").unwrap();
    assert_eq!(
        template.render(&data).unwrap(),
        "123456789012345678 123456789012345678 123456789012345678 1e+08"
    );
}

#[test]
fn braces_may_stand_before_an_action() {
    // Two documents of AWS have this; Go refuses it.
    let template = Template::parse("[{{{- if .a -}}\"a\": {{ toJson .a }}{{- end -}}}]").unwrap();
    assert_eq!(template.render(&json!({"a": 1})).unwrap(), "[{\"a\": 1}]");
    assert_eq!(template.render(&json!({})).unwrap(), "[{}]");
}

#[test]
fn a_query_of_graphql_is_rendered_over_its_parameters() {
    // The query of github.users.contributions, and the head of one with a cursor.
    let query = Template::parse(
        "query {\n  user(login: \"{{ .username }}\") {\n    contributionsCollection{{ if or .from .to }}\
         ({{ if .from }}from: \"{{ .from }}\" {{ end }}{{ if .to }}to: \"{{ .to }}\"{{ end }}){{ end }} {\n",
    )
    .unwrap();
    let head = "query {\n  user(login: \"octo\") {\n    contributionsCollection";
    assert_eq!(query.render(&json!({"username": "octo"})).unwrap(), format!("{head} {{\n"));
    assert_eq!(
        query.render(&json!({"username": "octo", "from": "2024"})).unwrap(),
        format!("{head}(from: \"2024\" ) {{\n")
    );
    let page = Template::parse("stargazers(first: {{ .limit }}{{ .cursor }}) {").unwrap();
    assert_eq!(
        page.render(&json!({"limit": 100, "cursor": ", after: \"x\""})).unwrap(),
        "stargazers(first: 100, after: \"x\") {"
    );
}

#[test]
fn a_transform_reads_what_its_type_says() {
    let json = Transform::parse("golang_template_json_v0.3.0", "[{{ .a }}]").unwrap();
    assert_eq!(json.apply(br#" {"a":1}{"a":2} "#).unwrap(), "[1][2]");
    assert_eq!(json.apply(b"null").unwrap(), "");
    assert_eq!(json.apply(b"").unwrap(), "");
    assert_eq!(json.apply_value(&json!({"a": "x"})).unwrap(), "[x]");
    assert!(json.apply(b"{").unwrap_err().to_string().contains("not JSON"));

    let text =
        Transform::parse("golang_template_text_v0.3.0", "[{\"c\": {{ toJson . }}}]").unwrap();
    assert_eq!(text.apply("é\"".as_bytes()).unwrap(), "[{\"c\": \"é\\\"\"}]");
    assert_eq!(text.apply_value(&json!({"a": 1})).unwrap(), r#"[{"c": "{\"a\":1}"}]"#);
    assert!(text.apply(b"\xff").unwrap_err().to_string().contains("UTF-8"));

    let xml = Transform::parse("golang_template_mxj_v0.3.0", "{{ .r.a }}").unwrap();
    assert_eq!(xml.kind(), TransformKind::MxjTemplate);
    assert_eq!(xml.apply(b"<r><a>x</a></r>").unwrap(), "x");
    assert!(Transform::parse("schema_driven_xml_v0.1.0", "").is_err());
}

#[test]
fn an_error_says_where_and_what() {
    let message = |source: &str| {
        let data = json!({"n": 1, "s": "x"});
        let result = Template::parse(source).and_then(|template| template.render(&data));
        result.unwrap_err().to_string()
    };
    assert_eq!(
        message("a\n{{ tojson . }}"),
        "the template is not valid: line 2: function \"tojson\" is not defined; the nearest is toJson"
    );
    assert_eq!(
        message("\n\n{{ index .nope 1 }}"),
        "the template failed: line 3: index: null has no elements"
    );
    assert_eq!(
        message("{{ if eq .n 1 }}{{ end }}"),
        "the template failed: line 1: eq: a number cannot be compared with an integer; \
         numbers of the body are floats: write the constant as 1.0"
    );
}
