//! Output formats.

use insta::assert_snapshot;

use crate::home::Home;

fn printed(format: &str, text: &str) -> String {
    let ran = Home::new().run(&["exec", "-o", format, text]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout
}

const VALUES: &str = "SELECT * FROM (VALUES (1, 'a \"quoted\", text', true, NULL, X'00ff'), \
                      (2, 'b|c', false, 1.5, NULL)) AS t(n, s, b, f, x)";

#[test]
fn methods_of_parts() {
    for format in ["table", "csv", "json", "ndjson", "markdown"] {
        assert_snapshot!(
            format!("methods_{format}"),
            printed(format, "SHOW METHODS IN aws.s3.parts")
        );
    }
}

#[test]
fn values_of_every_kind() {
    for format in ["table", "csv", "json", "ndjson", "markdown"] {
        assert_snapshot!(format!("values_{format}"), printed(format, VALUES));
    }
}

#[test]
fn nothing_is_still_a_result() {
    let empty = "SELECT 1 AS a WHERE false";
    assert_eq!(printed("csv", empty), "a\n");
    assert_eq!(printed("json", empty), "[]\n");
    assert_eq!(printed("ndjson", empty), "");
}

#[test]
fn several_results_are_told_apart() {
    assert_eq!(printed("json", "SELECT 1 AS a; SELECT 2 AS b"), "[{\"a\":1}]\n[{\"b\":2}]\n");
    assert_eq!(printed("csv", "SELECT 1 AS a; SELECT 2 AS b"), "a\n1\n\nb\n2\n");
}

#[test]
fn json_refuses_two_columns_of_one_name() {
    let ran = Home::new().run(&[
        "exec",
        "-o",
        "json",
        "SELECT a.x, b.x FROM (VALUES (1)) a(x), (VALUES (2)) b(x)",
    ]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
}
