//! Arguments to the structure of a request body.

use nephos_catalog::{Body, BodyNaming, Kind, Schema};
use serde_json::{Map, Number, Value};

use crate::{Argument, ArgumentForm, CallError, CallErrorKind};

/// The structure that `fields` (column and value) make, over what the document puts beneath it.
/// `None` where neither gives anything.
pub(crate) fn structure(
    body: &Body,
    fields: &[(String, Argument)],
) -> Result<Option<Value>, CallError> {
    let mut given = Map::new();
    for (column, argument) in fields {
        let Some(name) = body.naming.field(column) else { continue };
        let declared = body.field(name);
        let value = json(argument, declared);
        match (declared, name.split_once('.')) {
            (None, Some(_)) => nest(&mut given, name, value),
            _ => {
                given.insert(name.to_owned(), value);
            }
        }
    }
    let has_fields = !given.is_empty();
    let given = match &body.naming {
        BodyNaming::Within(member) if has_fields => {
            let inner = Value::Object(given);
            let text_only = body.schema.property(member).is_some_and(|schema| schema.string_only);
            let inner = if text_only { Value::String(inner.to_string()) } else { inner };
            Map::from_iter([(member.clone(), inner)])
        }
        _ => given,
    };
    Ok(match (&body.base, has_fields) {
        (Some(_), _) => Some(over_base(body, Value::Object(given))?),
        (None, true) => Some(Value::Object(given)),
        (None, false) => read("default", body.default.as_deref())?,
    })
}

/// `value` over what the document puts beneath it.
pub(crate) fn over_base(body: &Body, value: Value) -> Result<Value, CallError> {
    Ok(match read("base", body.base.as_deref())? {
        Some(base) => over(base, value),
        None => value,
    })
}

/// JSON that a document holds as text.
fn read(what: &str, text: Option<&str>) -> Result<Option<Value>, CallError> {
    text.map(serde_json::from_str).transpose().map_err(|error| document_fault(what, &error))
}

fn document_fault(what: &str, error: &serde_json::Error) -> CallError {
    CallError::new(
        CallErrorKind::Payload,
        format!("request.{what} of the document is not JSON: {error}"),
    )
}

/// The JSON of a value. Text that is an object or a list is that, unless the schema says text.
fn json(argument: &Argument, schema: Option<&Schema>) -> Value {
    let text = || Value::String(argument.text.clone());
    let wants_text = schema.is_some_and(|schema| schema.string_only);
    let is_string = schema.is_some_and(|schema| schema.kind == Kind::String);
    match argument.form {
        ArgumentForm::Null => Value::Null,
        ArgumentForm::Exact => text(),
        _ if wants_text => text(),
        ArgumentForm::Number if !is_string => argument
            .text
            .parse::<i64>()
            .map(Number::from)
            .ok()
            .or_else(|| argument.text.parse::<u64>().map(Number::from).ok())
            .or_else(|| argument.text.parse::<f64>().ok().and_then(Number::from_f64))
            .map_or_else(text, Value::Number),
        ArgumentForm::Boolean if !is_string => Value::Bool(argument.text == "true"),
        ArgumentForm::Json => serde_json::from_str(&argument.text).unwrap_or_else(|_| text()),
        // A service that declares text refuses a structure, as Secrets Manager does of a secret.
        _ if is_string => text(),
        // One text where a list belongs is its one element.
        ArgumentForm::Text if schema.is_some_and(|schema| schema.kind == Kind::Array) => {
            structured(&argument.text).unwrap_or_else(|| Value::Array(vec![text()]))
        }
        _ => structured(&argument.text).unwrap_or_else(text),
    }
}

/// The object or list that a text is.
pub(crate) fn structured(text: &str) -> Option<Value> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Puts `value` at the dotted `path`.
fn nest(at: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            at.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = at.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                nest(inner, rest, value);
            }
        }
    }
}

/// `upper` over `base`: objects member by member, everything else whole.
fn over(base: Value, upper: Value) -> Value {
    match (base, upper) {
        (Value::Object(mut base), Value::Object(upper)) => {
            for (key, value) in upper {
                match base.get_mut(&key) {
                    Some(below) => *below = over(below.take(), value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
            Value::Object(base)
        }
        (_, upper) => upper,
    }
}

#[cfg(test)]
mod tests {
    use nephos_catalog::XmlBody;

    use super::*;

    fn body(naming: BodyNaming, fields: &[(&str, Kind)]) -> Body {
        let mut schema = Schema::of(Kind::Object);
        schema.properties =
            fields.iter().map(|(name, kind)| ((*name).to_owned(), Schema::of(*kind))).collect();
        Body {
            media_type: "application/json".to_owned(),
            required: false,
            schema,
            naming,
            raw: false,
            base: None,
            default: None,
            transform: None,
            xml: XmlBody::default(),
            also_shown: Vec::new(),
        }
    }

    fn field(name: &str, text: &str, form: ArgumentForm) -> (String, Argument) {
        (name.to_owned(), Argument::new(text, form))
    }

    fn made(body: &Body, fields: &[(String, Argument)]) -> String {
        structure(body, fields).unwrap().map(|value| value.to_string()).unwrap_or_default()
    }

    #[test]
    fn literals_keep_their_types_and_texts_that_are_structures_become_them() {
        let body = body(BodyNaming::Naive, &[("n", Kind::Integer), ("s", Kind::String)]);
        let fields = [
            field("n", "7", ArgumentForm::Number),
            field("s", "7", ArgumentForm::Number),
            field("t", "7", ArgumentForm::Text),
            field("b", "true", ArgumentForm::Boolean),
            field("o", r#"{"a":[1]}"#, ArgumentForm::Text),
            field("x", r#"{"a":[1]}"#, ArgumentForm::Exact),
            field("z", "", ArgumentForm::Null),
        ];
        assert_eq!(
            made(&body, &fields),
            r#"{"n":7,"s":"7","t":"7","b":true,"o":{"a":[1]},"x":"{\"a\":[1]}","z":null}"#
        );
    }

    #[test]
    fn one_text_is_a_list_where_the_document_wants_one() {
        let body = body(BodyNaming::Naive, &[("l", Kind::Array), ("m", Kind::Array)]);
        let fields =
            [field("l", "a", ArgumentForm::Text), field("m", "[\"a\",\"b\"]", ArgumentForm::Text)];
        assert_eq!(made(&body, &fields), r#"{"l":["a"],"m":["a","b"]}"#);
    }

    #[test]
    fn dots_nest_at_any_depth_unless_the_name_has_them() {
        let body = body(BodyNaming::Prefixed, &[("a.b", Kind::String)]);
        let fields = [
            field("data__a.b", "1", ArgumentForm::Text),
            field("data__x.y.z", "2", ArgumentForm::Text),
            field("data__x.w", "3", ArgumentForm::Text),
        ];
        assert_eq!(made(&body, &fields), r#"{"a.b":"1","x":{"y":{"z":"2"},"w":"3"}}"#);
    }

    #[test]
    fn fields_of_a_member_are_text_where_the_document_wants_text() {
        let mut inner = Schema::of(Kind::Object);
        inner.properties = vec![("BucketName".to_owned(), Schema::of(Kind::String))];
        inner.string_only = true;
        let mut body = body(BodyNaming::Within("DesiredState".to_owned()), &[]);
        body.schema.properties = vec![("DesiredState".to_owned(), inner)];
        body.base = Some(r#"{"TypeName":"AWS::S3::Bucket"}"#.to_owned());
        assert_eq!(
            made(&body, &[field("BucketName", "b", ArgumentForm::Text)]),
            r#"{"TypeName":"AWS::S3::Bucket","DesiredState":"{\"BucketName\":\"b\"}"}"#
        );
    }

    #[test]
    fn the_base_lies_beneath_and_the_default_stands_alone() {
        let mut body = body(BodyNaming::Naive, &[("k", Kind::String)]);
        body.base = Some(r#"{"type":"A","o":{"x":1,"y":2}}"#.to_owned());
        let fields = [field("o", r#"{"y":3}"#, ArgumentForm::Text)];
        assert_eq!(made(&body, &fields), r#"{"type":"A","o":{"x":1,"y":3}}"#);
        assert_eq!(made(&body, &[]), r#"{"type":"A","o":{"x":1,"y":2}}"#);
        body.base = None;
        body.default = Some("{}".to_owned());
        assert_eq!(made(&body, &[]), "{}");
        assert_eq!(made(&body, &[field("k", "v", ArgumentForm::Text)]), r#"{"k":"v"}"#);
    }
}
