//! All help: every change of a flag shows in review.

use insta::assert_snapshot;

use crate::home::Home;

#[test]
fn help_of_every_command() {
    let home = Home::new();
    let commands: [&[&str]; 8] = [
        &["--help"],
        &["exec", "--help"],
        &["local", "--help"],
        &["local", "serve", "--help"],
        &["provider", "--help"],
        &["provider", "lint", "--help"],
        &["provider", "init", "--help"],
        &["provider", "docs", "--help"],
    ];
    for arguments in commands {
        let name = format!("help_{}", arguments.join("_").replace("__", "_").replace("--", ""));
        assert_snapshot!(name, home.run(arguments).stdout);
    }
    assert!(home.run(&["--version"]).stdout.starts_with("nephos 0."));
}
