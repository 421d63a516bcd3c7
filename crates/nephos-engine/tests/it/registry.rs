//! REGISTRY LIST and PULL against registries that the tests start.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nephos_catalog::{Catalog, ProviderDirectory, RegistryConfig};
use nephos_engine::{Error, ErrorKind, Registry, Session};
use nephos_http::{ClientBuilder, Network, RetryPolicy};
use nephos_testkit::{MockApi, Reply};
use tempfile::TempDir;

use crate::publisher::{Files, IN_TIME, Publisher, Shelf, archive, documents, serve, store};
use crate::world::{Rows, run};

const LIST: &str = "providers:\n  demo:\n    versions: [v0.9.0, v0.10.0, v0.9.1]\n  google:\n    \
                    versions: [v1.0.0]\n  empty: {versions: []}\n";

/// A publisher, and a home to install in.
struct World {
    publisher: Publisher,
    home: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { publisher: Publisher::new(), home: tempfile::tempdir().unwrap() };
        std::fs::write(world.certificate(), &world.publisher.certificate).unwrap();
        world
    }

    fn certificate(&self) -> PathBuf {
        self.home.path().join("certificate.pem")
    }

    /// A good version of `demo`.
    fn demo(&self, version: &str) -> Files {
        self.publisher.signed(&documents("demo", "demo", version))
    }

    /// A registry with all that [`LIST`] says.
    fn shelf(&self) -> Shelf {
        let mut files = Shelf::from([("dist/providers.yaml".to_owned(), LIST.into())]);
        for version in ["v0.9.0", "v0.9.1", "v0.10.0"] {
            let path = format!("dist/demo/{version}.tgz");
            files.insert(path, archive(version, &self.demo(version)));
        }
        let google = self.publisher.signed(&documents("google", "googleapis.com", "v1.0.0"));
        files.insert("dist/googleapis.com/v1.0.0.tgz".to_owned(), archive("v1.0.0", &google));
        files
    }

    /// A session that believes the publisher.
    fn session(&self, url: &str) -> Session {
        let verify = format!(r#""signingCertFile":"{}""#, self.certificate().display());
        self.session_with(url, "", &verify)
    }

    fn session_with(&self, url: &str, more: &str, verify: &str) -> Session {
        let json = format!(r#"{{"url":"{url}"{more},"verifyConfig":{{{verify}}}}}"#);
        let config = RegistryConfig::parse(&json).unwrap();
        let retry = RetryPolicy { attempts: 2, first_wait: Duration::ZERO, ..Default::default() };
        let client = ClientBuilder::new(Arc::new(Network::new())).retry(retry).build();
        let home = self.home.path().to_owned();
        let open = {
            let (config, home) = (config.clone(), home.clone());
            move || {
                let sources = config.sources(Some(&home));
                sources.iter().try_fold(Catalog::new(), |catalog, source| {
                    Ok(catalog.with_directory(ProviderDirectory::open(source)?))
                })
            }
        };
        let catalog = Arc::new(open().unwrap());
        let registry = Registry { config, home, client: client.clone(), catalog: Box::new(open) };
        Session::new(catalog, client).with_registry(registry)
    }

    /// Everything in `src`, but for the lock.
    fn installed(&self) -> Vec<String> {
        fn walk(at: &Path, root: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(at).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    walk(&path, root, found);
                } else if entry.file_name() != "lock" {
                    found.push(path.strip_prefix(root).unwrap().display().to_string());
                }
            }
        }
        let src = self.home.path().join("src");
        let mut found = Vec::new();
        walk(&src, &src, &mut found);
        found.sort();
        found
    }

    /// The files of a version of `demo`.
    fn files_of(version: &str) -> Vec<String> {
        let names = ["provider.yaml", "services/things.yaml", "services/widgets.yaml"];
        let both = names.iter().flat_map(|name| [(*name).to_owned(), format!("{name}.sig")]);
        both.map(|name| format!("demo/{version}/{name}")).collect()
    }
}

fn url(api: &MockApi) -> String {
    format!("{}/providers", api.url())
}

async fn fails(session: &Session, text: &str) -> Error {
    match run(session, text).await {
        Ok(rows) => panic!("{text} succeeded: {:?}", rows.said),
        Err(error) => error,
    }
}

fn said(rows: Rows) -> String {
    rows.said.unwrap()
}

#[tokio::test]
async fn what_is_listed_can_be_pulled_and_is_there_at_once() {
    let world = World::new();
    let api = serve(world.shelf()).await;
    let session = world.session(&url(&api));
    let rows = run(&session, "REGISTRY LIST").await.unwrap();
    assert_eq!(rows.columns(), ["provider", "version"]);
    assert_eq!(rows.table(), [["demo", "v0.10.0"], ["google", "v1.0.0"]]);
    let rows = run(&session, "REGISTRY LIST demo").await.unwrap();
    assert_eq!(rows.columns(), ["provider", "versions"]);
    assert_eq!(rows.table(), [["demo", "v0.9.0, v0.10.0, v0.9.1"]]);
    assert_eq!(session.client().traffic().received(), 2 * LIST.len() as u64);

    let pulled = run(&session, "REGISTRY PULL demo").await.unwrap();
    assert_eq!(said(pulled), "demo provider, version 'v0.10.0' successfully installed");
    let services = run(&session, "SHOW SERVICES IN demo").await.unwrap();
    assert_eq!(services.column("name"), ["things", "widgets"]);
    let resources = run(&session, "SHOW RESOURCES IN demo.things").await.unwrap();
    assert_eq!(resources.column("name"), ["all"]);
    assert_eq!(world.installed(), World::files_of("v0.10.0"));

    // Another session sees it without a registry that could be asked.
    let later = world.session("http://127.0.0.1:1");
    assert_eq!(run(&later, "SHOW PROVIDERS").await.unwrap().table(), [["demo", "v0.10.0"]]);
}

#[tokio::test]
async fn a_version_that_is_asked_for_replaces_the_others() {
    let world = World::new();
    let api = serve(world.shelf()).await;
    let session = world.session(&url(&api));
    for version in ["v0.10.0", "v0.9.0", "v0.9.1", "v0.9.1"] {
        let pulled = run(&session, &format!("REGISTRY PULL demo {version}")).await.unwrap();
        assert!(said(pulled).contains(version));
        let shown = run(&session, "SHOW PROVIDERS").await.unwrap();
        assert_eq!(shown.table(), [["demo", version]]);
        assert_eq!(world.installed(), World::files_of(version));
    }
    // A version that is named is not looked up first.
    assert_eq!(api.requests().len(), 4);
}

#[tokio::test]
async fn google_is_kept_where_its_documents_say() {
    let world = World::new();
    let api = serve(world.shelf()).await;
    let session = world.session(&url(&api));
    let pulled = run(&session, "REGISTRY PULL google").await.unwrap();
    assert_eq!(said(pulled), "google provider, version 'v1.0.0' successfully installed");
    assert!(world.installed()[0].starts_with("googleapis.com/v1.0.0/"));
    let resources = run(&session, "SHOW RESOURCES IN google.widgets").await.unwrap();
    assert_eq!(resources.column("name"), ["all"]);
}

#[tokio::test]
async fn a_directory_is_a_registry_too() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let root = store(folder.path(), &world.shelf());
    let session = world.session(&format!("file://{}", root.display()));
    let listed = run(&session, "REGISTRY LIST").await.unwrap();
    assert_eq!(listed.column("provider"), ["demo", "google"]);
    run(&session, "REGISTRY PULL demo v0.9.1").await.unwrap();
    assert_eq!(world.installed(), World::files_of("v0.9.1"));
    let error = fails(&session, "REGISTRY PULL demo v3").await;
    assert!(error.hints.iter().any(|h| h.contains("v0.10.0, v0.9.1, v0.9.0")), "{error:?}");

    // One with sources is read in place, before what is installed.
    let files = documents("demo", "demo", "v00.00.00000");
    let path = |(name, content)| (format!("src/demo/v00.00.00000/{name}"), content);
    let folder = tempfile::tempdir().unwrap();
    let root = store(folder.path(), &files.into_iter().map(path).collect());
    let session = world.session(&format!("file://{}", root.display()));
    let shown = run(&session, "SHOW PROVIDERS").await.unwrap();
    assert_eq!(shown.table(), [["demo", "v00.00.00000"]]);
    let error = fails(&session, "REGISTRY LIST").await;
    assert_eq!(error.message, "'registry list' is meaningless in local mode");
}

#[tokio::test]
async fn what_is_not_as_it_was_signed_is_refused_and_the_old_version_stays() {
    let world = World::new();
    let (stranger, at) = (Publisher::new(), IN_TIME);
    let good = world.demo("v2");
    let things = good["services/things.yaml"].clone();
    let changed = |change: &dyn Fn(&mut Files)| {
        let mut files = good.clone();
        change(&mut files);
        archive("v2", &files)
    };
    let signature = "services/things.yaml.sig";
    let key = &world.publisher;
    let mut half = archive("v2", &good);
    half.truncate(half.len() / 2);
    let cases: [(&str, Vec<u8>, &str); 12] = [
        (
            "a changed document",
            changed(&|f| f.get_mut("services/things.yaml").unwrap().push(b'\n')),
            "services/things.yaml: its signature does not fit",
        ),
        (
            "a changed provider.yaml",
            changed(&|f| f.get_mut("provider.yaml").unwrap().push(b'\n')),
            "provider.yaml: its signature does not fit",
        ),
        (
            "no signature",
            changed(&|f| drop(f.remove(signature))),
            "services/things.yaml: it has no signature",
        ),
        (
            "the signature of another document",
            changed(&|f| drop(f.insert(signature.into(), f["provider.yaml.sig"].clone()))),
            "services/things.yaml: its signature does not fit",
        ),
        (
            "another's key",
            changed(&|f| drop(f.insert(signature.into(), stranger.sign(&things, at)))),
            "services/things.yaml: its signature does not fit",
        ),
        (
            "signed before the certificate",
            changed(&|f| drop(f.insert(signature.into(), key.sign(&things, 1_767_225_600)))),
            "services/things.yaml: it was signed at 2026-01-01T00:00:00Z",
        ),
        (
            "signed after it",
            changed(&|f| drop(f.insert(signature.into(), key.sign(&things, 1_798_761_600)))),
            "services/things.yaml: it was signed at 2027-01-01T00:00:00Z",
        ),
        (
            "no signature at all",
            changed(&|f| drop(f.insert(signature.into(), b"nonsense".to_vec()))),
            "services/things.yaml: its signature is too short",
        ),
        ("another version", archive("v3", &good), "not in the directory v2 of its version"),
        ("half of it", half, "demo/v2.tgz is refused"),
        (
            "another provider",
            archive("v2", &world.publisher.signed(&documents("other", "demo", "v2"))),
            "provider.yaml: it is of provider other",
        ),
        ("a page", b"<html>".to_vec(), "demo/v2.tgz is refused"),
    ];
    let mut shelf = world.shelf();
    run(&world.session(&url(&serve(shelf.clone()).await)), "REGISTRY PULL demo").await.unwrap();
    for (case, archive, why) in cases {
        shelf.insert("dist/demo/v2.tgz".to_owned(), archive);
        let api = serve(shelf.clone()).await;
        let session = world.session(&url(&api));
        let error = fails(&session, "REGISTRY PULL demo v2").await;
        assert!(error.message.contains(why), "{case}: {}", error.message);
        assert_eq!(error.kind, ErrorKind::Execution, "{case}");
        assert_eq!(world.installed(), World::files_of("v0.10.0"), "{case}");
        let shown = run(&session, "SHOW PROVIDERS").await.unwrap();
        assert_eq!(shown.table(), [["demo", "v0.10.0"]], "{case}");
    }
    // The same archive, as it was signed.
    shelf.insert("dist/demo/v2.tgz".to_owned(), archive("v2", &good));
    let api = serve(shelf).await;
    run(&world.session(&url(&api)), "REGISTRY PULL demo v2").await.unwrap();
    assert_eq!(world.installed(), World::files_of("v2"));
}

#[tokio::test]
async fn who_is_believed_is_a_setting() {
    let world = World::new();
    let mut shelf = world.shelf();
    let unsigned = archive("v0.9.0", &documents("demo", "demo", "v0.9.0"));
    shelf.insert("dist/demo/v0.9.0.tgz".to_owned(), unsigned);
    let api = serve(shelf).await;
    let url = url(&api);
    let certificate = format!(r#""signingCertFile":"{}""#, world.certificate().display());
    let stranger = world.home.path().join("stranger.pem");
    std::fs::write(&stranger, Publisher::new().certificate).unwrap();
    for (verify, version, why) in [
        (String::new(), "v0.9.1", Some("provider.yaml: its signature does not fit")),
        (r#""nopVerify":true"#.to_owned(), "v0.9.0", None),
        (certificate.clone(), "v0.9.0", Some("provider.yaml: it has no signature")),
        (certificate.clone(), "v0.9.1", None),
        (format!(r#"{certificate},"certRegex":"demo/""#), "v0.9.1", None),
        (format!(r#"{certificate},"certRegex":"^other/""#), "v0.9.1", Some("does not fit")),
        (
            format!(r#"{certificate},"CAFile":"{}""#, stranger.display()),
            "v0.9.1",
            Some("not issued by one of CAFile"),
        ),
        (r#""signingCertFile":"/no/such""#.to_owned(), "v0.9.1", Some("/no/such")),
    ] {
        let session = world.session_with(&url, "", &verify);
        let done = run(&session, &format!("REGISTRY PULL demo {version}")).await;
        match (done, why) {
            (Ok(_), None) => {}
            (Err(error), Some(why)) => assert!(error.message.contains(why), "{verify}: {error}"),
            (done, _) => panic!("{verify}: {done:?}"),
        }
    }
}

#[tokio::test]
async fn what_does_not_exist_gets_the_nearest_names() {
    let world = World::new();
    let mut shelf = world.shelf();
    shelf.remove("dist/demo/v0.9.0.tgz");
    let api = serve(shelf).await;
    let session = world.session(&url(&api));
    for (text, message, hint) in [
        ("REGISTRY PULL demp", "provider demp does not exist in the registry", "did you mean demo"),
        ("REGISTRY PULL demp v1", "provider demp does not exist", "did you mean demo"),
        ("REGISTRY LIST demp", "provider demp does not exist", "REGISTRY LIST"),
        (
            "REGISTRY PULL demo v7",
            "version v7 of provider demo does not exist in the registry",
            "there is v0.10.0, v0.9.1, v0.9.0",
        ),
        ("REGISTRY PULL demo v0.9.0", "/dist/demo/v0.9.0.tgz does not exist", "lists this version"),
    ] {
        let error = fails(&session, text).await;
        assert_eq!(error.kind, ErrorKind::Name, "{text}");
        assert!(error.message.contains(message), "{text}: {}", error.message);
        assert!(error.hints.iter().any(|h| h.contains(hint)), "{text}: {:?}", error.hints);
    }
    let error = fails(&session, "REGISTRY PULL empty").await;
    assert!(error.message.contains("has no version of provider empty"), "{error}");
    for text in ["REGISTRY PULL '../../etc'", "REGISTRY PULL demo '../v1'", "REGISTRY PULL ''"] {
        let error = fails(&session, text).await;
        assert!(error.message.contains("is not the name of a"), "{text}: {error}");
    }
    assert!(world.installed().is_empty());
}

#[tokio::test]
async fn a_registry_that_does_not_answer_is_named() {
    let world = World::new();
    let error = fails(&world.session("http://127.0.0.1:1/p"), "REGISTRY LIST").await;
    assert_eq!(error.kind, ErrorKind::Transport);
    assert!(error.message.contains("cannot connect to 127.0.0.1:1"), "{error}");
    let api = serve(Shelf::new()).await;
    let error = fails(&world.session(&url(&api)), "REGISTRY LIST").await;
    assert!(error.message.contains("the registry has no list of providers"), "{error}");
    let down = MockApi::start(|_, _| Reply::new(503, "")).await.unwrap();
    let error = fails(&world.session(down.url()), "REGISTRY LIST").await;
    assert!(error.message.contains("failed: Service Unavailable (HTTP 503)"), "{error}");
    assert_eq!(down.requests().len(), 2);
    let page = MockApi::start(|_, _| Reply::new(200, "<html>a page</html>")).await.unwrap();
    let error = fails(&world.session(page.url()), "REGISTRY LIST").await;
    assert!(error.message.contains("it lists no providers"), "{error}");
    let good = archive("v2", &world.demo("v2"));
    let cut = MockApi::start(move |_, _| Reply::new(200, good.clone()).cut_after(500)).await;
    let error = fails(&world.session(cut.unwrap().url()), "REGISTRY PULL demo v2").await;
    assert_eq!(error.kind, ErrorKind::Transport);
    assert!(world.installed().is_empty());
}

#[tokio::test]
async fn redirections_are_followed_but_not_for_ever() {
    let world = World::new();
    let moved = serve(world.shelf()).await;
    let to = url(&moved);
    let old = MockApi::start(move |_, request| match request.path.as_str() {
        "/loop/dist/providers.yaml" => Reply::new(302, "").header("location", "providers.yaml"),
        "/file/dist/providers.yaml" => Reply::new(302, "").header("location", "file:///etc/hosts"),
        path => Reply::new(301, "").header("location", &format!("{to}{path}")),
    })
    .await
    .unwrap();
    let session = world.session(old.url());
    run(&session, "REGISTRY PULL demo").await.unwrap();
    let session = world.session(&format!("{}/loop", old.url()));
    assert!(fails(&session, "REGISTRY LIST").await.message.contains("redirects too often"));
    let session = world.session(&format!("{}/file", old.url()));
    assert!(fails(&session, "REGISTRY LIST").await.message.contains("is not followed"));
}

#[tokio::test]
async fn documents_are_pulled_one_by_one_where_that_is_wanted() {
    let world = World::new();
    let files = world.demo("v00.00.00000");
    let path = |(name, content)| (format!("src/demo/v00.00.00000/{name}"), content);
    let mut shelf: Shelf = files.into_iter().map(path).collect();
    let api = serve(shelf.clone()).await;
    let verify = format!(r#""signingCertFile":"{}""#, world.certificate().display());
    let more = r#","allowSrcDownload":true"#;
    let session = world.session_with(&url(&api), more, &verify);
    run(&session, "REGISTRY PULL demo").await.unwrap();
    assert_eq!(world.installed(), World::files_of("v00.00.00000"));

    shelf.remove("src/demo/v00.00.00000/services/things.yaml.sig");
    let api = serve(shelf.clone()).await;
    let session = world.session_with(&url(&api), more, &verify);
    let error = fails(&session, "REGISTRY PULL demo").await;
    assert!(error.message.contains("services/things.yaml: it has no signature"), "{error}");
    shelf.remove("src/demo/v00.00.00000/services/things.yaml");
    let api = serve(shelf).await;
    let session = world.session_with(&url(&api), more, &verify);
    let error = fails(&session, "REGISTRY PULL demo").await;
    assert!(error.message.contains("services/things.yaml does not exist"), "{error}");
    assert_eq!(world.installed(), World::files_of("v00.00.00000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pulls_at_once_leave_one_whole_version() {
    let world = World::new();
    let api = serve(world.shelf()).await;
    let sessions: Vec<Session> = (0..6).map(|_| world.session(&url(&api))).collect();
    let versions = ["v0.9.0", "v0.9.1", "v0.10.0"];
    let pulls = sessions.iter().enumerate().map(|(index, session)| async move {
        run(session, &format!("REGISTRY PULL demo {}", versions[index % 3])).await.unwrap()
    });
    futures::future::join_all(pulls).await;
    let installed = world.installed();
    assert!(versions.iter().any(|v| installed == World::files_of(v)), "{installed:?}");
}

#[tokio::test]
async fn what_a_killed_pull_left_is_not_seen_and_is_cleaned_up() {
    let world = World::new();
    let api = serve(world.shelf()).await;
    let session = world.session(&url(&api));
    run(&session, "REGISTRY PULL demo v0.9.0").await.unwrap();
    let left = world.home.path().join("src/.pull/demo/incoming-killed/version");
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join("provider.yaml"), "half of").unwrap();
    // Killed after the new version was in place and before the old one was removed.
    let newer = world.home.path().join("src/demo/v0.10.0");
    let path = |(name, content)| (name, content);
    store(&newer, &world.demo("v0.10.0").into_iter().map(path).collect());
    let shown = run(&world.session(&url(&api)), "SHOW PROVIDERS").await.unwrap();
    assert_eq!(shown.table(), [["demo", "v0.10.0"]]);
    run(&session, "REGISTRY PULL demo v0.9.1").await.unwrap();
    assert_eq!(world.installed(), World::files_of("v0.9.1"));
}
