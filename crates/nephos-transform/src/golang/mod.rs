//! How Go reads and writes numbers, strings and JSON.

mod json;
mod number;
mod quote;

use std::fmt::{Arguments, Write};

pub(crate) use json::{write_json, write_list, write_map, write_number, write_string};
pub(crate) use number::{
    Constant, FloatForm, constant, float, json_float, parse_bool, parse_float, scan_int,
};
pub(crate) use quote::{is_printable, quote, unquote};

/// Appends formatted text.
pub(crate) fn append(out: &mut String, text: Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
}
