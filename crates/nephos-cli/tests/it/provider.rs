//! `nephos provider`: from a specification to statements, and reference pages.

use std::path::Path;

use insta::assert_snapshot;

use crate::home::{Home, Ran};

const PETSTORE: &str = "crates/nephos-catalog/tests/openapi/petstore.yaml";

fn init(home: &Home, more: &[&str]) -> Ran {
    let out = home.dir.path().join("registry");
    let out = out.display().to_string();
    let mut arguments = vec!["provider", "init", PETSTORE, "--out", &out];
    arguments.extend(["--server", "https://petstore.test/api/v3"]);
    arguments.extend(more);
    home.run(&arguments)
}

fn masked(home: &Home, text: &str) -> String {
    text.replace(&home.dir.path().display().to_string(), "[home]")
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    let below =
        |path: &std::path::PathBuf| path.strip_prefix(folder).unwrap().display().to_string();
    let mut names: Vec<String> = found.iter().map(below).collect();
    names.sort();
    names
}

#[test]
fn a_specification_becomes_a_provider_that_answers() {
    let home = Home::new();
    let ran = init(&home, &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_snapshot!("provider_init", masked(&home, &ran.stdout));
    let registry = home.dir.path().join("registry");
    assert_eq!(
        files(&registry),
        ["src/petstore/v00.00.00000/provider.yaml", "src/petstore/v00.00.00000/services/api.yaml"]
    );
    let url = format!("{{\"url\":\"file://{}\"}}", registry.display());
    let show = home.run(&["exec", "--registry", &url, "SHOW METHODS IN petstore.api.pets"]);
    assert_eq!(show.code, 0, "{}", show.stderr);
    assert_snapshot!("provider_init_methods", show.stdout);
}

#[test]
fn a_provider_that_is_there_is_kept_unless_forced() {
    let home = Home::new();
    assert_eq!(init(&home, &[]).code, 0);
    let file = home.dir.path().join("registry/src/petstore/v00.00.00000/provider.yaml");
    std::fs::write(&file, "edited").unwrap();
    let again = init(&home, &[]);
    assert_eq!(again.code, 1);
    assert_snapshot!("provider_init_again", masked(&home, &again.stderr));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "edited");
    assert_eq!(init(&home, &["--force"]).code, 0);
    assert!(std::fs::read_to_string(&file).unwrap().contains("providerServices"));
    // Nothing of an attempt is left beside it.
    assert_eq!(files(&home.dir.path().join("registry")).len(), 2);
}

#[test]
fn a_refusal_says_the_way_out_and_writes_nothing() {
    let home = Home::new();
    let out = home.dir.path().join("registry").display().to_string();
    let ran = home.run(&["provider", "init", PETSTORE, "--out", &out]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert_snapshot!("provider_init_refused", ran.stderr);
    assert!(!home.dir.path().join("registry").exists());
}

#[test]
fn pages_of_built_in_providers_and_of_a_registry() {
    let home = Home::new();
    let out = home.dir.path().join("docs");
    let folder = out.display().to_string();
    let ran = home.run(&["provider", "docs", "aws", "--out", &folder]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let written = files(&out);
    for name in ["aws/index.md", "aws/s3/index.md", "aws/s3/parts.md", "aws/s3/buckets.md"] {
        assert!(written.iter().any(|file| file == name), "{written:?}");
    }
    let parts = std::fs::read_to_string(out.join("aws/s3/parts.md")).unwrap();
    assert!(parts.contains("SELECT not supported for this resource, use SHOW METHODS"), "{parts}");

    assert_eq!(init(&home, &[]).code, 0);
    let url = format!("{{\"url\":\"file://{}/registry\"}}", home.dir.path().display());
    let ran = home.run(&["provider", "docs", "petstore", "--out", &folder, "--registry", &url]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(files(&out).iter().any(|file| file == "petstore/api/pets.md"));

    let unknown = home.run(&["provider", "docs", "awz", "--out", &folder]);
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.stderr.contains("did you mean") || unknown.stderr.contains("aws"),
        "{}",
        unknown.stderr
    );
}
