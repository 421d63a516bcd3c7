//! What was made, and what to know about it.

use crate::SqlVerb;

/// A sentence about a part of a specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// `resource.method`, `VERB /path`, or the document.
    pub place: String,
    /// What is to be known.
    pub text: String,
}

impl Note {
    pub(super) fn new(place: &str, text: impl Into<String>) -> Self {
        Self { place: place.to_owned(), text: text.into() }
    }
}

/// `1 schema`, `2 schemas`.
pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// An environment variable that a provider reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftVariable {
    /// `PETSTORE_TOKEN`.
    pub name: String,
    /// What to put there.
    pub meaning: String,
}

/// A service of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftService {
    /// Second part of a name in SQL.
    pub name: String,
    /// How many resources it has.
    pub resources: usize,
    /// How many methods its resources have.
    pub methods: usize,
}

/// What a draft holds and what could not be inferred.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DraftSummary {
    /// Services in the order of the specification.
    pub services: Vec<DraftService>,
    /// Operations of the specification.
    pub operations: usize,
    /// How many methods each verb reaches; [`SqlVerb::Exec`] counts those that no other does.
    pub verbs: Vec<(SqlVerb, usize)>,
    /// Methods that only EXEC reaches, with the reason.
    pub exec_only: Vec<Note>,
    /// Operations that no method could be made of.
    pub left_out: Vec<Note>,
    /// Everything else worth knowing.
    pub notes: Vec<Note>,
    /// Environment variables to set before the first call.
    pub environment: Vec<DraftVariable>,
    /// A statement that reads something.
    pub first_statement: String,
}
