//! JSON answers: nothing panics, and what is no JSON is never read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nephos_catalog::{ColumnOrigin, Kind, ResponseBody};
use nephos_http::Probe;

const PATHS: [&str; 8] =
    ["$", "$.a", "$.a.b", "$.a[*].b", "$.a.*", "$.a | $.b", "/*/a[last()]/b", "@odata.nextLink"];

fuzz_target!(|input: (u8, u8, u8, &[u8])| {
    let (rows, token, itself, body) = input;
    let path = |choice: u8| PATHS[usize::from(choice) % PATHS.len()];
    let mut columns = vec![
        ("a", Kind::String, ColumnOrigin::Row),
        ("b", Kind::Any, ColumnOrigin::Row),
        ("c", Kind::Object, ColumnOrigin::Envelope),
        ("Element", Kind::String, ColumnOrigin::Element),
    ];
    // Columns whose values may not fit.
    let strict = itself & 2 != 0;
    if strict {
        columns.push(("a", Kind::Integer, ColumnOrigin::Row));
        columns.push(("b", Kind::Number, ColumnOrigin::Row));
        columns.push(("c", Kind::Boolean, ColumnOrigin::Row));
    }
    if itself & 1 != 0 {
        columns.push(("column_anon", Kind::String, ColumnOrigin::Row));
    }
    let page = Some((path(token), None));
    let probe = Probe::build(ResponseBody::Json, path(rows), columns, page, false);
    let read = probe.read(body.to_vec());
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if read.is_ok() && !body.trim_ascii().is_empty() {
        // Depth, numbers without end and half surrogates are limits of the other reader alone.
        if let Err(error) = serde_json::from_slice::<serde_json::Value>(body) {
            let error = error.to_string();
            let limit = ["recursion limit", "number out of range", "surrogate", "hex escape"];
            assert!(limit.iter().any(|limit| error.contains(limit)), "read, but {error}");
        }
    }
});
