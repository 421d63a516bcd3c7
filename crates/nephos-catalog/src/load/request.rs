//! Request bodies.

use serde_json::Value;

use super::schema::{member, schema, shallow};
use super::surroundings::Surroundings;
use crate::document::{flag, scalar, text};
use crate::{Body, BodyNaming, Kind, Schema, Transform, XmlBody};

/// Media types in the order in which one is taken where a method names none.
const PREFERRED: [&str; 3] = ["application/json", "application/xml", "application/octet-stream"];

/// What a method sends; `None` when the operation takes no body.
pub(super) fn body(around: &Surroundings<'_>, method: &Value, operation: &Value) -> Option<Body> {
    let document = around.document;
    let declared = document.resolve(operation.get("requestBody")?)?;
    let content = declared.get("content").and_then(Value::as_object)?;
    let request = method.get("request").unwrap_or(&Value::Null);
    let wanted = text(request, "mediaType");
    let (media, chosen) = content
        .get_key_value(&wanted)
        .or_else(|| PREFERRED.iter().find_map(|media| content.get_key_value(*media)))
        .or_else(|| content.iter().next())?;
    let media = match if wanted.is_empty() { media.as_str() } else { wanted.as_str() } {
        // Anything will do, and fields are JSON.
        "*/*" => "application/json".to_owned(),
        media => media.to_owned(),
    };
    let shape = request.get("schema_override").or_else(|| chosen.get("schema"));
    let naming = naming(method);
    let schema = shape.map_or_else(
        || Schema::of(Kind::Any),
        |value| match &naming {
            _ if media.contains("xml") => schema(document, value),
            // The fields are those of a member, which may stand in any part of the schema.
            BodyNaming::Within(name) => {
                let mut whole = shallow(document, value, 1);
                if let Some(inner) = member(document, value, name) {
                    let inner = shallow(document, inner, 1);
                    whole.properties.retain(|(key, _)| key != name);
                    whole.properties.push((name.clone(), inner));
                }
                whole
            }
            _ => shallow(document, value, 1),
        },
    );
    let schema =
        if media.contains("xml") { with_root(around, shape, operation, schema) } else { schema };
    // Documents made before binary bodies existed wrap the bytes in a lone text field.
    let lone_blob = around.signing_name == "s3"
        && schema.properties.len() == 1
        && schema.property("Body").is_some_and(|body| body.kind != Kind::Object);
    let text_only = matches!(
        schema.properties.as_slice(),
        [(_, only)] if only.kind == Kind::String && media.contains("xml")
    );
    let structured = media.contains("json");
    let raw = !structured && matches!(schema.kind, Kind::Binary | Kind::String)
        || lone_blob
        || !structured && !media.contains("xml") && schema.properties.is_empty();
    let optional = |key: &str| request.get(key).and_then(scalar).filter(|text| !text.is_empty());
    Some(Body {
        media_type: if lone_blob { "application/octet-stream".to_owned() } else { media },
        required: flag(declared, "required"),
        schema: if raw { Schema::of(Kind::Binary) } else { schema },
        naming,
        raw,
        also_shown: request
            .get("required")
            .and_then(Value::as_array)
            .map(|all| all.iter().filter_map(scalar).collect())
            .unwrap_or_default(),
        base: optional("base"),
        default: optional("default"),
        transform: request.get("transform").map(|transform| Transform {
            kind: text(transform, "type"),
            source: transform.get("body").and_then(Value::as_str).unwrap_or_default().to_owned(),
            protocol: around.protocol.clone(),
        }),
        xml: XmlBody {
            // As the policy of a bucket is, which its document calls XML.
            text_only: around.alias == "s3" && text_only,
            declaration: optional("xmlDeclaration"),
            root_annotation: optional("xmlRootAnnotation"),
            fragments: request.get("xmlTransform").and_then(Value::as_str).unwrap_or("unescape")
                == "unescape"
                && optional("xmlDeclaration").is_some(),
        },
    })
}

/// Namespaces that AWS's services want at the root and their documents leave out.
const NAMESPACES: [(&str, &str); 4] = [
    ("cloudfront", "http://cloudfront.amazonaws.com/doc/2020-05-31/"),
    ("route53", "https://route53.amazonaws.com/doc/2013-04-01/"),
    ("s3", "http://s3.amazonaws.com/doc/2006-03-01/"),
    ("s3-control", "http://awss3control.amazonaws.com/doc/2018-08-20/"),
];

/// Names the root element where the schema does not: a schema of its own by its name, one written
/// in place as AWS names it, after the operation. A lone structure is the root itself, but in
/// Route 53, whose requests always have a root of their own.
fn with_root(
    around: &Surroundings<'_>,
    shape: Option<&Value>,
    operation: &Value,
    mut schema: Schema,
) -> Schema {
    let namespace = NAMESPACES
        .iter()
        .filter(|_| !around.protocol.is_empty())
        .find(|(name, _)| *name == around.alias)
        .map(|(_, uri)| (*uri).to_owned());
    if schema.xml.name.is_none() {
        if let [(_, only)] = schema.properties.as_mut_slice()
            && only.kind == Kind::Object
            && around.alias != "route53"
        {
            only.xml.namespace = only.xml.namespace.take().or(namespace);
            return schema;
        }
        let named = shape.map(|shape| text(shape, "$ref")).unwrap_or_default();
        schema.xml.name = Some(match named.rsplit('/').next() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => format!("{}Request", text(operation, "operationId")),
        });
    }
    schema.xml.namespace = schema.xml.namespace.take().or(namespace);
    schema
}

/// `requestBodyTranslate` of the method itself: the levels above it do not count.
fn naming(method: &Value) -> BodyNaming {
    let algorithm = method
        .pointer("/config/requestBodyTranslate/algorithm")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match algorithm.strip_prefix("naive") {
        None => BodyNaming::Prefixed,
        Some(rest) => match rest.strip_prefix('_') {
            Some(member) if !member.is_empty() => BodyNaming::Within(member.to_owned()),
            _ => BodyNaming::Naive,
        },
    }
}
