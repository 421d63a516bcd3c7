//! The names that documents give to transforms.

use std::fmt;

use crate::TransformError;

/// What a transform reads and how it is written. The version in a name only says which functions
/// there are; the later ones are a superset, so that all versions are one kind here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransformKind {
    /// A template whose dot is the decoded JSON body.
    JsonTemplate,
    /// A template whose dot is the body as one string.
    TextTemplate,
    /// A template whose dot is the XML body as nested maps, see [`crate::mxj`].
    MxjTemplate,
    /// No template: rows of an XML body by schema, see [`crate::schema_driven_xml`].
    SchemaDrivenXml,
}

/// Name before the version, and what it means.
const FAMILIES: [(&str, TransformKind); 5] = [
    ("golang_template_json", TransformKind::JsonTemplate),
    ("golang_template_text", TransformKind::TextTemplate),
    ("golang_template_mxj", TransformKind::MxjTemplate),
    ("golang_template", TransformKind::TextTemplate),
    ("schema_driven_xml", TransformKind::SchemaDrivenXml),
];

/// The spellings that documents use, to answer with when a name is none.
const KNOWN: [&str; 5] = [
    "golang_template_json_v0.3.0",
    "golang_template_text_v0.3.0",
    "golang_template_mxj_v0.3.0",
    "golang_template_v0.3.0",
    "schema_driven_xml_v0.1.0",
];

impl TransformKind {
    /// Reads a `transform.type`: a family and a version `_v0.N.N`.
    pub fn parse(name: &str) -> Result<Self, TransformError> {
        let known = name.rsplit_once("_v").and_then(|(family, version)| {
            let numbers: Vec<&str> = version.split('.').collect();
            let valid = numbers.len() == 3
                && numbers[0] == "0"
                && numbers.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
            let found = FAMILIES.iter().find(|(known, _)| *known == family)?;
            valid.then_some(found.1)
        });
        known.ok_or_else(|| TransformError::UnknownKind {
            name: name.to_owned(),
            nearest: KNOWN
                .into_iter()
                .min_by_key(|known| strsim::levenshtein(known, name))
                .unwrap_or(KNOWN[0]),
        })
    }

    /// Whether this kind is written as a template.
    pub fn has_template(self) -> bool {
        self != Self::SchemaDrivenXml
    }
}

impl fmt::Display for TransformKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JsonTemplate => "template over JSON",
            Self::TextTemplate => "template over text",
            Self::MxjTemplate => "template over XML",
            Self::SchemaDrivenXml => "rows of XML by schema",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_of_a_family_is_one_kind() {
        for (name, kind) in [
            ("golang_template_json_v0.1.0", TransformKind::JsonTemplate),
            ("golang_template_json_v0.3.0", TransformKind::JsonTemplate),
            ("golang_template_text_v0.3.0", TransformKind::TextTemplate),
            ("golang_template_v0.2.0", TransformKind::TextTemplate),
            ("golang_template_mxj_v0.1.0", TransformKind::MxjTemplate),
            ("schema_driven_xml_v0.1.0", TransformKind::SchemaDrivenXml),
        ] {
            assert_eq!(TransformKind::parse(name), Ok(kind), "{name}");
        }
    }

    #[test]
    fn an_unknown_type_names_the_nearest() {
        let error = TransformKind::parse("golang_template_jsn_v0.3.0").unwrap_err();
        assert_eq!(
            error.to_string(),
            "transform type golang_template_jsn_v0.3.0 is not known; \
             the nearest is golang_template_json_v0.3.0"
        );
        for name in ["", "golang_template_json", "golang_template_json_v1.0.0", "x_v0.1", "_v0.1.0"]
        {
            assert!(TransformKind::parse(name).is_err(), "{name}");
        }
    }
}
