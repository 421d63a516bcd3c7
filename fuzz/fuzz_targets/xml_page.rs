//! XML answers: nothing panics, and a tree of what is wanted gives the cells of the whole tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nephos_catalog::{ColumnOrigin, Kind, ResponseBody};
use nephos_http::Probe;

const PATHS: [&str; 8] =
    ["/*", "/*/a", "/*/a/b", "/*/a/member", "/*/a | /*/b", "$.a.b", "/*/a[last()]/b", "/*/*/a"];

fuzz_target!(|input: (u8, u8, &str)| {
    let (rows, token, body) = input;
    let path = |choice: u8| PATHS[usize::from(choice) % PATHS.len()];
    let read = |whole: bool| {
        let mut columns = vec![
            ("a", Kind::String, ColumnOrigin::Row),
            ("b", Kind::Array, ColumnOrigin::Row),
            ("c", Kind::Any, ColumnOrigin::Envelope),
        ];
        if whole {
            // A column that is the root itself keeps all of it.
            columns.push(("value", Kind::String, ColumnOrigin::Envelope));
        }
        let page = Some((path(token), None));
        Probe::build(ResponseBody::Xml, path(rows), columns, page, false).read(body.to_owned())
    };
    // What is not kept may have attributes that are none.
    if let (Ok((part, part_token)), Ok((whole, whole_token))) = (read(false), read(true)) {
        assert_eq!(part.num_rows(), whole.num_rows());
        assert_eq!(part.columns(), &whole.columns()[..3]);
        assert_eq!(part_token, whole_token);
    }
});
