//! Values that a statement gives.

/// A value of an argument: its text, and what it was written as.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Argument {
    /// The value as it stands in a URL or a header.
    pub text: String,
    /// What it was written as; it decides what a JSON body gets.
    pub form: ArgumentForm,
}

/// What a value was written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArgumentForm {
    /// `'text'`: a JSON body gets text, or the structure where the text is one.
    Text,
    /// `12`: a JSON body gets a number.
    Number,
    /// `true`: a JSON body gets a truth value.
    Boolean,
    /// `JSON('..')`: a structure, in the query too.
    Json,
    /// `string('..')`: text, whatever it looks like.
    Exact,
    /// `NULL`: a JSON body gets null; elsewhere nothing is sent.
    Null,
}

impl Argument {
    /// A value of a form.
    pub fn new(text: impl Into<String>, form: ArgumentForm) -> Self {
        Self { text: text.into(), form }
    }
}

impl From<String> for Argument {
    fn from(text: String) -> Self {
        Self::new(text, ArgumentForm::Text)
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::new(text, ArgumentForm::Text)
    }
}
