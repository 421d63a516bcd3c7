//! boto3, an independent client, decides.

use crate::client::open;
use nephos_s3::{SECRET_ACCESS_KEY, User, UsersFile};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::oneshot;

/// A Python that has boto3; `NEPHOS_TEST_PYTHON` names one that is not on the path.
async fn python() -> Option<String> {
    let named = std::env::var("NEPHOS_TEST_PYTHON").ok();
    for program in named.into_iter().chain(["python3".to_owned()]) {
        let found = Command::new(&program).args(["-c", "import boto3"]).output().await;
        if found.is_ok_and(|output| output.status.success()) {
            return Some(program);
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "a test that is skipped says why")]
async fn boto3_agrees() {
    let Some(python) = python().await else {
        eprintln!("skipped: no python3 with boto3 (NEPHOS_TEST_PYTHON can name one)");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let endpoint = open(dir.path());
    let temporary = User::new("temporary", Some(Duration::from_hours(1)));
    let added = UsersFile::of(dir.path()).update(|users| {
        users.push(temporary.clone());
        Ok::<_, std::convert::Infallible>(())
    });
    let Ok(()) = added.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        endpoint
            .serve(listener, async {
                let _ = stopped.await;
            })
            .await
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boto3_multipart.py");
    let output = Command::new(python)
        .arg("-B")
        .arg(script)
        .args([&url, SECRET_ACCESS_KEY])
        .env("NEPHOS_TEST_USER", serde_json::to_string(&temporary).unwrap())
        .output()
        .await
        .unwrap();
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
}
