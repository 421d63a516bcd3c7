//! Providers that are pulled are there for every later run.

use crate::home::Home;

#[test]
fn a_pulled_provider_needs_no_flag_afterwards() {
    let home = Home::new();
    let root = home.dir.path().join("registry");
    let version = root.join("src/demo/v00.00.00000");
    std::fs::create_dir_all(version.join("services")).unwrap();
    std::fs::write(
        version.join("provider.yaml"),
        "name: demo\nproviderServices:\n  things:\n    title: Things\n    service:\n      \
         $ref: demo/v00.00.00000/services/things.yaml\n",
    )
    .unwrap();
    std::fs::write(version.join("services/things.yaml"), "openapi: 3.0.0\npaths: {}\n").unwrap();
    let registry = |nop: bool| {
        format!(
            r#"{{"url":"file://{}","allowSrcDownload":true,"verifyConfig":{{"nopVerify":{nop}}}}}"#,
            root.display()
        )
    };
    let show = "SHOW SERVICES IN demo";
    let refused = home.run(&["exec", "--registry", &registry(false), "REGISTRY PULL demo"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("provider.yaml: it has no signature"), "{}", refused.stderr);
    assert_eq!(home.run(&["exec", show]).code, 1);

    let pulled = home.run(&["exec", "--registry", &registry(true), "REGISTRY PULL demo"]);
    let said = "demo provider, version 'v00.00.00000' successfully installed\n";
    assert_eq!((pulled.stdout.as_str(), pulled.stderr.as_str(), pulled.code), ("", said, 0));
    let rows = home.run(&["exec", "-o", "csv", show]).stdout;
    assert_eq!(rows, "id,name,title\n,things,Things\n");

    let other = home.dir.path().join("other");
    let other = other.to_str().unwrap();
    assert_eq!(home.run(&["exec", "--approot", other, show]).code, 1);
    let text = format!("REGISTRY PULL demo; {show}");
    let both = ["exec", "-o", "csv", "--approot", other, "--registry", &registry(true), &text];
    assert_eq!(home.run(&both).stdout, rows);
    assert_eq!(home.run(&["exec", "-o", "csv", "--approot", other, show]).stdout, rows);
}
