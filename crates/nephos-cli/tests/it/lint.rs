//! `nephos provider lint`.

use insta::assert_snapshot;

use crate::home::Home;

const FIXTURE: &str = "crates/nephos-cli/tests/fixtures/lint";

/// Without the time that it took.
fn timeless(text: &str) -> String {
    let (before, _) = text.rsplit_once(" in ").unwrap();
    before.to_owned()
}

#[test]
fn every_planted_fault_is_printed_with_its_place() {
    let ran = Home::new().run(&["provider", "lint", FIXTURE]);
    assert_eq!((ran.stderr.as_str(), ran.code), ("", 1));
    assert_snapshot!("lint", timeless(&ran.stdout));
}

#[test]
fn findings_are_printed_as_json() {
    let ran = Home::new().run(&["provider", "lint", FIXTURE, "-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((report["providers"].as_u64(), ran.code), (Some(2), 1));
    let findings = report["findings"].as_array().unwrap();
    let method = "/components/x-stackQL-resources/orders/methods/other_path";
    let found = findings.iter().find(|finding| finding["place"] == method).unwrap();
    assert_eq!((found["severity"].as_str(), found["line"].as_u64()), (Some("fault"), Some(40)));
}

#[test]
fn a_provider_and_a_version_are_checked_alone() {
    let all = Home::new().run(&["provider", "lint", FIXTURE]).stdout;
    for inside in ["src/shop", "src/shop/v00.00.00000"] {
        let ran = Home::new().run(&["provider", "lint", &format!("{FIXTURE}/{inside}")]);
        assert_eq!(ran.code, 1);
        assert!(ran.stdout.contains("1 provider, 3 services"), "{}", ran.stdout);
        assert!(all.contains("2 providers, 3 services"), "{all}");
    }
    let ran = Home::new().run(&["provider", "lint", "providers/aws"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    let ran = Home::new().run(&["provider", "lint", "docs"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("docs holds no provider"), "{}", ran.stderr);
}
