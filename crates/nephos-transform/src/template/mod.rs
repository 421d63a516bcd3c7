//! Go's `text/template`, as far as provider documents can need it.

mod call;
mod compare;
mod escape;
mod exec;
mod lex;
mod node;
mod parse;
mod printf;
mod value;

use std::collections::HashMap;

use serde_json::Value;

use crate::TransformError;
use node::Node;

/// A parsed template.
///
/// The whole language is there: pipelines, variables, `if`, `with`, `range`, `define`, `block`,
/// `template`, `break`, `continue`, trim markers, comments, all predefined functions, and those that
/// documents call (`toJson`, `kindOf`, `plus1`, `separator`, `jsonMapFromString`, `getXPath`,
/// `getXPathAllOuter`, `getRegexpFirstMatch`, `getRegexpAllMatches`, `safeIndex`, `toBool`, `toInt`).
///
/// It differs from Go where Go would lose something: integers keep all their digits, though they are
/// `float64` to `kindOf` and to comparisons; `toJson` does not write `<` as `\u003c`; `plus1` takes
/// whole JSON numbers; and `{{{`, which Go refuses, is a brace before an action. Complex
/// constants and `%[1]v` or `%*d` in `printf` are errors.
#[derive(Debug, Clone)]
pub struct Template {
    root: Vec<Node>,
    defined: HashMap<String, Vec<Node>>,
}

/// How much one rendering may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of output; strings and maps made on the way may take four times as much in total.
    pub output: usize,
    /// Nodes and calls.
    pub steps: u64,
}

impl Default for Limits {
    /// 256 MiB, 500 million steps.
    fn default() -> Self {
        Self { output: 256 << 20, steps: 500_000_000 }
    }
}

impl Template {
    /// Parses the source of a template.
    pub fn parse(source: &str) -> Result<Self, TransformError> {
        parse::parse(source)
    }

    /// Renders the template with `data` as its dot, within the default [`Limits`].
    pub fn render(&self, data: &Value) -> Result<String, TransformError> {
        self.render_within(data, Limits::default())
    }

    /// Renders the template with `data` as its dot.
    pub fn render_within(&self, data: &Value, limits: Limits) -> Result<String, TransformError> {
        exec::render(self, value::Val::from_json(data), limits)
    }

    /// Renders the template with a text as its dot, within the default [`Limits`].
    pub fn render_text(&self, text: &str) -> Result<String, TransformError> {
        exec::render(self, value::Val::borrowed(text), Limits::default())
    }
}
