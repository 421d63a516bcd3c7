//! What an expression of a template is worth.

use std::cell::Cell;
use std::rc::Rc;

use serde_json::{Map, Number, Value};

/// A text that the template or the data has, or one that was made on the way.
#[derive(Debug, Clone)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Made(Rc<str>),
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

/// Gives its text on every call but the first.
#[derive(Debug)]
pub(super) struct Separator {
    pub(super) text: Rc<str>,
    pub(super) called: Cell<bool>,
}

/// A value, with the distinctions that Go's reflection makes.
#[derive(Debug, Clone)]
pub(super) enum Val<'a> {
    /// No value at all: what a missing key and every finished pipeline that ends in nil give.
    Missing,
    /// A nil that was found where a value could be, of which no field may be taken.
    Nil,
    Bool(bool),
    Int(i64),
    /// A byte of a string.
    Byte(u8),
    Float(f64),
    /// A number of the data: a `float64` in Go, with all its digits here.
    Number(&'a Number),
    Str(Text<'a>),
    Map(&'a Map<String, Value>),
    List(&'a [Value]),
    /// A list of strings that a function made.
    Strings(Rc<[Rc<str>]>),
    Separator(Rc<Separator>),
}

impl<'a> Val<'a> {
    pub(super) fn from_json(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Nil,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::borrowed(text),
            Value::Array(items) => Self::List(items),
            Value::Object(map) => Self::Map(map),
        }
    }

    pub(super) fn borrowed(text: &'a str) -> Self {
        Self::Str(Text::Borrowed(text))
    }

    pub(super) fn made(text: impl Into<Rc<str>>) -> Self {
        Self::Str(Text::Made(text.into()))
    }

    pub(super) fn is_nil(&self) -> bool {
        matches!(self, Self::Missing | Self::Nil)
    }

    /// The value as a pipeline hands it on: a nil inside is no value outside.
    pub(super) fn unwrapped(self) -> Self {
        if self.is_nil() { Self::Missing } else { self }
    }

    /// What `if` makes of it.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) => *number != 0,
            Self::Byte(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Number(number) => number.as_f64() != Some(0.0),
            Self::Str(text) => !text.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Strings(items) => !items.is_empty(),
            Self::Separator(_) => true,
        }
    }

    /// `reflect.Kind`
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Missing | Self::Nil => "invalid",
            Self::Map(_) => "map",
            Self::List(_) | Self::Strings(_) => "slice",
            Self::Separator(_) => "func",
            other => other.type_name(),
        }
    }

    /// `%T`
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Missing | Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Byte(_) => "uint8",
            Self::Float(_) | Self::Number(_) => "float64",
            Self::Str(_) => "string",
            Self::Map(_) => "map[string]interface {}",
            Self::List(_) => "[]interface {}",
            Self::Strings(_) => "[]string",
            Self::Separator(_) => "func() string",
        }
    }

    /// The type as messages name it.
    pub(super) fn described(&self) -> &'static str {
        match self {
            Self::Missing | Self::Nil => "nil",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Byte(_) => "an integer",
            Self::Float(_) | Self::Number(_) => "a number",
            Self::Str(_) => "a string",
            Self::Map(_) => "a map",
            Self::List(_) | Self::Strings(_) => "a list",
            Self::Separator(_) => "a function",
        }
    }
}
