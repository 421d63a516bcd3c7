//! The statement tree.

use std::fmt;
use std::ops::Range;

use sqlparser::ast::{Delete, Expr, Insert, Query, Update};

/// One statement of a text.
#[derive(Debug, Clone)]
pub struct Statement {
    /// What it asks for.
    pub kind: StatementKind,
    /// Calls inside parentheses, in the order in which they stand; the tree refers to them by
    /// [`crate::EXEC_RELATION`] and their index.
    pub execs: Vec<Exec>,
    /// Bytes of the text, without the semicolon.
    pub span: Range<usize>,
}

/// What a statement asks for.
#[derive(Debug, Clone)]
pub enum StatementKind {
    /// SHOW PROVIDERS, SERVICES, RESOURCES or METHODS.
    Show {
        /// What is listed.
        target: ShowTarget,
        /// The name after IN; empty for providers.
        within: Name,
        /// With descriptions.
        extended: bool,
        /// LIKE or WHERE.
        filter: Option<Filter>,
    },
    /// DESCRIBE of a resource.
    Describe {
        /// The resource.
        name: Name,
        /// With descriptions.
        extended: bool,
    },
    /// DESCRIBE METHOD.
    DescribeMethod {
        /// The method.
        name: Name,
        /// With descriptions.
        extended: bool,
    },
    /// EXEC as a statement.
    Exec(Box<Exec>),
    /// `SET VARIABLE name = expression`.
    SetVariable {
        /// The variable.
        name: String,
        /// Its new value.
        value: Box<Expr>,
    },
    /// SELECT, WITH, VALUES.
    Query(Box<Query>),
    /// INSERT.
    Insert(Box<Insert>),
    /// DELETE.
    Delete(Box<Delete>),
    /// UPDATE, and REPLACE in the same form.
    Update {
        /// Table, assignments and conditions.
        update: Box<Update>,
        /// It is REPLACE: the whole is put in place of the whole.
        replace: bool,
    },
}

/// What SHOW lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ShowTarget {
    Providers,
    Services,
    Resources,
    Methods,
}

impl ShowTarget {
    /// How many parts the name after IN has.
    pub fn depth(self) -> usize {
        match self {
            Self::Providers => 0,
            Self::Services => 1,
            Self::Resources => 2,
            Self::Methods => 3,
        }
    }
}

/// The condition of SHOW.
#[derive(Debug, Clone)]
pub enum Filter {
    /// `LIKE 'pattern'`, on names and ids.
    Like(String),
    /// `WHERE expression`, on the columns shown.
    Where(Box<Expr>),
}

/// A dotted name.
#[derive(Debug, Clone, Default)]
pub struct Name {
    /// Its parts.
    pub parts: Vec<NamePart>,
}

/// One part of a dotted name.
#[derive(Debug, Clone)]
pub struct NamePart {
    /// The text without quotes.
    pub text: String,
    /// Where it stands.
    pub span: Range<usize>,
}

impl Name {
    /// The parts as text.
    pub fn texts(&self) -> Vec<&str> {
        self.parts.iter().map(|part| part.text.as_str()).collect()
    }

    /// Where the whole name stands.
    pub fn span(&self) -> Range<usize> {
        match (self.parts.first(), self.parts.last()) {
            (Some(first), Some(last)) => first.span.start..last.span.end,
            _ => 0..0,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.texts().join("."))
    }
}

/// `EXEC provider.service.resource.method @name = expression, .. [payload]`.
#[derive(Debug, Clone)]
pub struct Exec {
    /// The method.
    pub method: Name,
    /// Arguments in the order in which they stand.
    pub args: Vec<ExecArg>,
    /// The request body.
    pub payload: Option<Payload>,
    /// Where the call stands.
    pub span: Range<usize>,
}

/// One argument of EXEC.
#[derive(Debug, Clone)]
pub struct ExecArg {
    /// Name without the `@`.
    pub name: String,
    /// Its value.
    pub value: Expr,
    /// Where the name stands.
    pub span: Range<usize>,
}

/// The request body of EXEC.
#[derive(Debug, Clone)]
pub struct Payload {
    /// How the value is meant.
    pub kind: PayloadKind,
    /// The text, or the file's path.
    pub value: Expr,
    /// First byte of the file.
    pub offset: Option<Expr>,
    /// Number of bytes of the file.
    pub length: Option<Expr>,
    /// Where it stands.
    pub span: Range<usize>,
}

/// How a payload is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadKind {
    /// `@@json`: a structure, written in the form that the method takes.
    Json,
    /// `@@xml`: sent as it is, as XML.
    Xml,
    /// `@@body`: sent as it is.
    Body,
    /// `@@file`: the bytes of a file.
    File,
}
