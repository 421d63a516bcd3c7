//! The native form of Azure's two templates against the templates.

use nephos_transform::{AzureShape, Template, Transform, recognise_azure};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const LIST: &str = r#"{"value": [
{{- range $i, $row := index . "value" }}{{ if $i }},{{ end }}
  { {{ $p := index $row "properties" }}{{ if eq (kindOf $p) "map" }}{{ range $k, $v := $p }}{{ printf "%q" $k }}: {{ toJson $v }}, {{ end }}{{ end }}{{ range $k, $v := $row }}{{ printf "%q" $k }}: {{ toJson $v }}, {{ end }}"_flattened": true }
{{- end }}
], "nextLink": {{ toJson (index . "nextLink") }}}"#;

const SINGLE: &str = r#"{{ $row := . }}{ {{ $p := index $row "properties" }}{{ if eq (kindOf $p) "map" }}{{ range $k, $v := $p }}{{ printf "%q" $k }}: {{ toJson $v }}, {{ end }}{{ end }}{{ range $k, $v := $row }}{{ printf "%q" $k }}: {{ toJson $v }}, {{ end }}"_flattened": true }"#;

#[test]
fn both_shapes_are_known_however_they_are_spaced() {
    assert_eq!(recognise_azure(LIST), Some(AzureShape::List));
    assert_eq!(recognise_azure(SINGLE), Some(AzureShape::Single));
    assert_eq!(recognise_azure(&LIST.replace('\n', " ")), Some(AzureShape::List));
    assert_eq!(recognise_azure(&SINGLE.replace("{{ ", "{{")), Some(AzureShape::Single));
    for changed in [LIST.replace("_flattened", "flat"), SINGLE.replace("properties", "props")] {
        assert_eq!(recognise_azure(&changed), None);
    }
    let transform = Transform::parse("golang_template_json_v0.3.0", LIST).unwrap();
    assert_eq!(transform.azure(), Some(AzureShape::List));
    assert_eq!(Transform::parse("golang_template_text_v0.3.0", LIST).unwrap().azure(), None);
}

#[test]
fn a_row_has_its_own_fields_over_those_of_properties() {
    let body = br#"{"value":[{"name":"own","properties":{"name":"inner","x\u0041":[1],"x":1,"x":2},"id":12345678901234567890123},
        {"properties":null,"_flattened":false}],"nextLink":"n","more":1}"#;
    assert_eq!(
        AzureShape::List.flatten(body).unwrap(),
        r#"{"value":[{"xA":[1],"x":2,"name":"own","properties":{"name":"inner","x\u0041":[1],"x":1,"x":2},"id":12345678901234567890123,"_flattened":true},{"properties":null,"_flattened":true}],"nextLink":"n"}"#
    );
    assert_eq!(
        AzureShape::Single.flatten(br#" {"properties":{"a":1}} "#).unwrap(),
        r#"{"a":1,"properties":{"a":1},"_flattened":true}"#
    );
    assert_eq!(AzureShape::List.flatten(b"{}").unwrap(), r#"{"value":[],"nextLink":null}"#);
    assert_eq!(AzureShape::List.flatten(b" null ").unwrap(), "");
    for wrong in ["[]", "1", "{", r#"{"value":1}"#, r#"{"value":[1]}"#, r#"{"value":[null]}"#] {
        assert!(AzureShape::List.flatten(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn a_row_with_many_fields_has_each_once() {
    let fields: Vec<String> = (0..100).map(|n| format!("\"k{}\":{n}", n % 60)).collect();
    let row = format!("{{\"properties\":{{{0}}},{0}}}", fields.join(","));
    let template = Template::parse(SINGLE).unwrap();
    same(AzureShape::Single, &template, &serde_json::from_str(&row).unwrap());
    let flat = AzureShape::Single.flatten(row.as_bytes()).unwrap();
    // Once, and twice in `properties` itself, which is copied as it stands.
    assert_eq!(flat.matches("\"k0\":").count(), 3);
    assert!(flat.contains("\"k0\":60,"));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z<\"\\\\é\u{2028} ]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![Just("id".to_owned()), Just("name".to_owned()), "[a-cé\"\n_]{0,2}"]
}

fn row() -> impl Strategy<Value = Map<String, Value>> {
    let fields = || prop::collection::vec((key(), value()), 0..24);
    (fields(), prop::option::of(prop_oneof![value(), fields().prop_map(object)]), any::<bool>())
        .prop_map(|(fields, properties, marked)| {
            let mut row: Map<String, Value> = fields.into_iter().collect();
            row.extend(properties.map(|p| ("properties".to_owned(), p)));
            if marked {
                row.insert("_flattened".to_owned(), json!(1));
            }
            row
        })
}

fn object(fields: Vec<(String, Value)>) -> Value {
    Value::Object(fields.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_native_form_says_what_the_template_says(rows in prop::collection::vec(row(), 0..4), next in value()) {
        let list = Template::parse(LIST).unwrap();
        let single = Template::parse(SINGLE).unwrap();
        for row in &rows {
            let body = Value::Object(row.clone());
            same(AzureShape::Single, &single, &body);
        }
        same(AzureShape::List, &list, &json!({"value": rows, "nextLink": next}));
    }
}

fn same(shape: AzureShape, template: &Template, body: &Value) {
    let wanted: Value = serde_json::from_str(&template.render(body).unwrap()).unwrap();
    let native = shape.flatten(body.to_string().as_bytes()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&native).unwrap(), wanted);
}
