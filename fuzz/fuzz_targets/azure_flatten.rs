//! The native form of Azure's templates says what the templates say.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nephos_transform::{AzureShape, Template, recognise_azure};
use serde_json::Value;

const LIST: &str = r#"{"value": [{{- range $i, $row := index . "value" }}{{ if $i }},{{ end }} { {{ $p := index $row "properties" }}{{ if eq (kindOf $p) "map" }}{{ range $k, $v := $p }}{{ printf "%q" $k }}: {{ toJson $v }}, {{ end }}{{ end }}{{ range $k, $v := $row }}{{ printf "%q" $k }}: {{ toJson $v }}, {{ end }}"_flattened": true } {{- end }} ], "nextLink": {{ toJson (index . "nextLink") }}}"#;
const SINGLE: &str = r#"{{ $row := . }}{ {{ $p := index $row "properties" }}{{ if eq (kindOf $p) "map" }}{{ range $k, $v := $p }}{{ printf "%q" $k }}: {{ toJson $v }}, {{ end }}{{ end }}{{ range $k, $v := $row }}{{ printf "%q" $k }}: {{ toJson $v }}, {{ end }}"_flattened": true }"#;

static TEMPLATES: LazyLock<[(AzureShape, Template); 2]> = LazyLock::new(|| {
    [LIST, SINGLE].map(|source| {
        let shape = recognise_azure(source).expect("a known shape");
        (shape, Template::parse(source).expect("a template"))
    })
});

fuzz_target!(|body: &[u8]| {
    for (shape, template) in TEMPLATES.iter() {
        let native = shape.flatten(body);
        let Ok(data) = serde_json::from_slice::<Value>(body) else { continue };
        // A map in place of the list is refused, where the template may print something.
        if *shape == AzureShape::List && data["value"].as_object().is_some_and(|map| !map.is_empty())
        {
            continue;
        }
        let Ok(text) = template.render(&data) else { continue };
        // Go's quotes are not JSON's for some control characters.
        let Ok(wanted) = serde_json::from_str::<Value>(&text) else { continue };
        if data.is_null() {
            continue;
        }
        let native = native.expect("what the template can do");
        let native: Value = serde_json::from_str(&native).expect("JSON");
        assert!(same(&native, &wanted), "{native}\n{wanted}");
    }
});

/// Equal, `1.0` being `1`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}
