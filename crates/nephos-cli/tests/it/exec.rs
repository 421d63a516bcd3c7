//! Where SQL comes from, where rows go, how a run ends.

use crate::home::Home;

#[test]
fn sql_comes_from_an_argument_a_file_or_a_pipe() {
    let home = Home::new();
    let expected = "x\n1\n";
    assert_eq!(home.run(&["exec", "-o", "csv", "SELECT 1 AS x"]).stdout, expected);
    assert_eq!(home.run_with_input(&["exec", "-o", "csv"], "SELECT 1 AS x").stdout, expected);
    let file = home.dir.path().join("q.sql");
    std::fs::write(&file, "-- a comment; with a semicolon\nSELECT /* here */ 1 AS x;\n").unwrap();
    let ran = home.run(&["exec", "-o", "csv", "-i", file.to_str().unwrap()]);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str(), ran.code), (expected, "", 0));
}

#[test]
fn rows_go_to_a_file_and_everything_else_to_stderr() {
    let home = Home::new();
    let file = home.dir.path().join("rows.csv");
    let ran = home.run(&[
        "exec",
        "-o",
        "csv",
        "-f",
        file.to_str().unwrap(),
        "SET VARIABLE a = 2; SELECT getvariable('a') AS a",
    ]);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", "variable a set\n"));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "a\n2\n");
}

#[test]
fn nothing_runs_after_a_failure_unless_asked_to() {
    let home = Home::new();
    let text = "SELECT 1 AS a; SELECT * FROM nothing; SELECT 2 AS b";
    let stopped = home.run(&["exec", "-o", "csv", text]);
    assert_eq!((stopped.stdout.as_str(), stopped.code), ("a\n1\n", 1));
    assert!(stopped.stderr.contains("1 statement after it not run"), "{}", stopped.stderr);
    let kept = home.run(&["exec", "-o", "csv", "--keep-going", text]);
    assert_eq!((kept.stdout.as_str(), kept.code), ("a\n1\n\nb\n2\n", 1));
}

#[test]
fn a_syntax_error_anywhere_runs_nothing() {
    let home = Home::new();
    let ran = home.run(&["exec", "-o", "csv", "SELECT 1 AS a; SELEC 2"]);
    assert_eq!((ran.stdout.as_str(), ran.code), ("", 1));
}

#[test]
fn usage_errors_exit_with_two() {
    let home = Home::new();
    assert_eq!(home.run(&["exec", "--no-such-flag"]).code, 2);
    assert_eq!(home.run(&["exec", "-o", "yaml", "SELECT 1"]).code, 2);
    assert_eq!(home.run(&["exec", "--local", "--endpoint-url", "http://x", "SELECT 1"]).code, 2);
}
