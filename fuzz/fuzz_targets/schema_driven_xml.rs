//! Rows of XML: no panic, and every row has exactly the fields of the schema.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nephos_transform::{FieldKind, Protocol, RowField, schema_driven_xml};

fuzz_target!(|input: (u8, &str)| {
    let protocol = [Protocol::Query, Protocol::Ec2, Protocol::RestXml][usize::from(input.0 % 3)];
    let kinds = [
        ("a", FieldKind::String),
        ("b", FieldKind::Integer),
        ("c", FieldKind::Number),
        ("d", FieldKind::Boolean),
        ("e", FieldKind::Object),
        ("f", FieldKind::Other),
    ];
    let row = kinds.map(|(name, kind)| RowField { name: name.to_owned(), kind });
    let Ok(found) = schema_driven_xml(input.1, protocol, "rows", &row) else { return };
    for found in found["rows"].as_array().expect("a list") {
        assert_eq!(found.as_object().map(|row| row.len()), Some(kinds.len()));
    }
});
