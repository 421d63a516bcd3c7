//! Sessions over the endpoint inside the process, which checks signatures as S3 does.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use http_body_util::BodyExt;
use nephos_engine::Session;
use nephos_http::{ClientBuilder, Credentials, CredentialsSource, InProcess};
use nephos_s3::{LocalS3, Options};
use tempfile::TempDir;

use crate::world::{catalog, run};

/// An endpoint over `folder`; one at a time.
pub(crate) fn endpoint(folder: &TempDir) -> LocalS3 {
    LocalS3::open(folder.path(), Options::default()).unwrap()
}

/// A client of an endpoint, with the published demo credentials.
pub(crate) fn local(endpoint: &LocalS3) -> ClientBuilder {
    let endpoint = endpoint.clone();
    let transport = InProcess::new("local", move |request| {
        let endpoint = endpoint.clone();
        async move { endpoint.call(request.map(BodyExt::boxed_unsync)).await }.boxed()
    });
    ClientBuilder::new(Arc::new(transport))
        .credentials(credentials(nephos_s3::ACCESS_KEY_ID, nephos_s3::SECRET_ACCESS_KEY))
}

pub(crate) fn session(client: ClientBuilder) -> Session {
    Session::new(Arc::new(catalog()), client.build())
}

fn credentials(id: &str, secret: &str) -> CredentialsSource {
    CredentialsSource::Static(Credentials {
        access_key_id: id.to_owned(),
        secret_access_key: secret.to_owned(),
        session_token: None,
    })
}

const BUCKETS: &str = "SELECT * FROM aws.s3.buckets WHERE region = 'us-east-1'";

#[tokio::test]
async fn wrong_credentials_and_a_wrong_clock_are_refused_with_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let s3 = endpoint(&folder);
    let id = nephos_s3::ACCESS_KEY_ID;
    let secret = nephos_s3::SECRET_ACCESS_KEY;
    let an_hour_ago = || SystemTime::now() - Duration::from_hours(1);
    for (client, code, hint) in [
        (local(&s3).credentials(credentials(id, "wrong")), "SignatureDoesNotMatch", "secret"),
        (local(&s3).credentials(credentials("other", secret)), "InvalidAccessKeyId", "key id"),
        (local(&s3).clock(an_hour_ago), "RequestTimeTooSkewed", "clock"),
    ] {
        let error = run(&session(client), BUCKETS).await.unwrap_err();
        assert!(error.message.contains(code), "{}", error.message);
        assert!(error.hints.iter().any(|h| h.contains(hint)), "{:?}", error.hints);
    }
    assert_eq!(run(&session(local(&s3)), BUCKETS).await.unwrap().count(), 0);
}
