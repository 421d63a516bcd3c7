//! botocore's model of S3, as far as it is used.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// A service model.
#[derive(Deserialize)]
pub(super) struct Model {
    pub(super) metadata: Metadata,
    pub(super) operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) api_version: String,
    pub(super) service_full_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation {
    pub(super) http: Http,
    pub(super) input: Option<Reference>,
    pub(super) output: Option<Reference>,
    #[serde(default)]
    pub(super) errors: Vec<Reference>,
    #[serde(default)]
    pub(super) deprecated: bool,
    #[serde(default)]
    http_checksum: HttpChecksum,
    #[serde(default)]
    http_checksum_required: bool,
}

impl Operation {
    /// S3 refuses the body without `Content-MD5` or a checksum header.
    pub(super) fn needs_checksum(&self) -> bool {
        self.http_checksum_required || self.http_checksum.request_checksum_required
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Http {
    pub(super) method: String,
    pub(super) request_uri: String,
    pub(super) response_code: Option<u16>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpChecksum {
    #[serde(default)]
    request_checksum_required: bool,
}

/// Use of a shape: by an operation, as a member, or as a list's items.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    pub(super) shape: String,
    pub(super) location: Option<Place>,
    pub(super) location_name: Option<String>,
    #[serde(default)]
    flattened: bool,
    #[serde(default)]
    pub(super) xml_attribute: bool,
    pub(super) xml_namespace: Option<Namespace>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    Uri,
    Querystring,
    Header,
    /// All headers of a prefix, as a map.
    Headers,
    StatusCode,
}

#[derive(Deserialize)]
pub(super) struct Namespace {
    pub(super) uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shape {
    #[serde(rename = "type")]
    pub(super) kind: ShapeKind,
    /// In the model's order, which is the order of elements in a document.
    #[serde(default, deserialize_with = "in_order")]
    pub(super) members: Vec<(String, Reference)>,
    #[serde(default)]
    pub(super) required: Vec<String>,
    pub(super) payload: Option<String>,
    pub(super) member: Option<Box<Reference>>,
    #[serde(default)]
    flattened: bool,
    #[serde(default)]
    pub(super) eventstream: bool,
    #[serde(rename = "enum", default)]
    pub(super) values: Vec<String>,
    pub(super) min: Option<i64>,
    pub(super) max: Option<i64>,
    pub(super) timestamp_format: Option<String>,
    pub(super) error: Option<HttpError>,
    pub(super) xml_namespace: Option<Namespace>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HttpError {
    pub(super) http_status_code: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ShapeKind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Boolean,
    Timestamp,
    Blob,
}

fn in_order<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<(String, Reference)>, D::Error> {
    serde_json::Map::deserialize(source)?
        .into_iter()
        .map(|(name, value)| {
            Ok((name, serde_json::from_value(value).map_err(serde::de::Error::custom)?))
        })
        .collect()
}

impl Model {
    /// Reads a model; afterwards every shape that is named exists.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<String>> {
        let model: Self = serde_json::from_str(text)
            .map_err(|error| vec![format!("the model is not readable: {error}")])?;
        let of_shapes = model.shapes.values().flat_map(|shape| {
            shape.members.iter().map(|(_, member)| member).chain(shape.member.as_deref())
        });
        let of_operations = model
            .operations
            .values()
            .flat_map(|o| o.input.iter().chain(&o.output).chain(&o.errors));
        let absent: Vec<String> = of_shapes
            .chain(of_operations)
            .filter(|reference| !model.shapes.contains_key(&reference.shape))
            .map(|reference| {
                format!("the model names the shape {}, which it lacks", reference.shape)
            })
            .collect();
        if absent.is_empty() { Ok(model) } else { Err(absent) }
    }

    /// The shape behind a reference.
    pub(super) fn shape(&self, reference: &Reference) -> &Shape {
        &self.shapes[&reference.shape]
    }

    /// The members of an operation's input, with whether each is required.
    pub(super) fn inputs<'a>(
        &'a self,
        operation: &'a Operation,
    ) -> impl Iterator<Item = (&'a str, &'a Reference, bool)> {
        operation.input.iter().flat_map(|input| {
            let shape = self.shape(input);
            shape
                .members
                .iter()
                .map(|(name, member)| (name.as_str(), member, shape.required.contains(name)))
        })
    }

    /// Whether the operation is about one bucket.
    pub(super) fn takes_bucket(&self, operation: &Operation) -> bool {
        self.inputs(operation)
            .any(|(name, member, _)| name == "Bucket" && member.location.is_some())
    }

    /// Whether a list stands in its parent without an element of its own.
    pub(super) fn is_flattened(&self, member: &Reference) -> bool {
        member.flattened || self.shape(member).flattened
    }
}
