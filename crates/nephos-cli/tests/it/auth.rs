//! `--auth` and `--env-file`.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread::JoinHandle;

use crate::home::{Home, Ran};

/// A server that answers one request with an empty 200 and gives its head.
fn server() -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        head.join("\n")
    });
    (url, thread)
}

const CALL: &str = "EXEC aws.s3.buckets.buckets_Delete @bucket='b', @region='us-east-1'";

fn written(home: &Home, name: &str, text: &str) -> String {
    let path: PathBuf = home.dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn fails(home: &Home, arguments: &[&str]) -> String {
    let ran: Ran = home.run(arguments);
    assert_eq!((ran.stdout.as_str(), ran.code), ("", 1), "{}", ran.stderr);
    ran.stderr
}

#[test]
fn auth_and_variables_of_a_file_reach_the_request() {
    let home = Home::new();
    let auth = r#"{"AWS": {"type": "bearer", "credentialsenvvar": "TOKEN"}}"#;
    let file = written(&home, "auth.json", auth);
    let env = written(&home, ".env", "# ours\nexport TOKEN='of the file' # here\nOTHER=x\n");
    for auth in [auth.to_owned(), format!("@{file}")] {
        let (url, seen) = server();
        let ran = home
            .command(&["exec", "--endpoint-url", &url, "--auth", &auth, "--env-file", &env, CALL])
            .env("TOKEN", "of the process")
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let seen = seen.join().unwrap();
        assert!(seen.contains("authorization: Bearer of the file"), "{seen}");
    }
}

#[test]
fn the_aws_chain_sees_the_file() {
    let home = Home::new();
    written(&home, "keys", "[mine]\naws_access_key_id = AKIDFILE\naws_secret_access_key = s\n");
    let keys = home.dir.path().join("keys");
    let env = written(
        &home,
        ".env",
        &format!("AWS_PROFILE=mine\nAWS_SHARED_CREDENTIALS_FILE='{}'\n", keys.display()),
    );
    let (url, seen) = server();
    let ran = home.run(&["exec", "--endpoint-url", &url, "--env-file", &env, CALL]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let seen = seen.join().unwrap();
    assert!(seen.contains("Credential=AKIDFILE/"), "{seen}");
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_its_values_are_not_shown() {
    let home = Home::new();
    let text = fails(&home, &["exec", "--env-file", "/nowhere/.env", "SELECT 1"]);
    assert!(text.contains("/nowhere/.env"), "{text}");
    let env = written(&home, ".env", "FINE=1\n\nTOKEN=\"HIDDEN\nNEXT=HIDDEN\n");
    let text = fails(&home, &["exec", "--env-file", &env, "SELECT 1"]);
    assert!(text.contains(".env, line 3: "), "{text}");
    assert!(!text.contains("HIDDEN"), "{text}");
    let env = written(&home, ".env", "FINE=1\nTOKEN HIDDEN\n");
    let text = fails(&home, &["exec", "--env-file", &env, "SELECT 1"]);
    assert!(text.contains(".env, line 2: ") && !text.contains("HIDDEN"), "{text}");
}

#[test]
fn wrong_auth_is_refused_at_the_start() {
    let home = Home::new();
    for (auth, said) in [
        ("{", "auth is not JSON"),
        (r#"{"awz": {"type": "bearer"}}"#, "did you mean aws"),
        (r#"{"aws": {"type": "bearerr"}}"#, "did you mean bearer?"),
        (r#"{"aws": {"typ": "bearer"}}"#, "did you mean type"),
        ("@/nowhere.json", "/nowhere.json"),
    ] {
        let text = fails(&home, &["exec", "--auth", auth, "SELECT 1"]);
        assert!(text.contains(said), "{auth}: {text}");
    }
}
