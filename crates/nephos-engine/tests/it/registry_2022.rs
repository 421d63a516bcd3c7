//! The document that first published the contract, unchanged.

use std::path::Path;

use nephos_catalog::{Catalog, ProviderDirectory, RegistryConfig};
use nephos_engine::Session;
use nephos_testkit::{MockApi, Reply, s3};

use crate::world::{LIST, catalog, run, session_at};

/// A catalog over the document; `None`, with the reason printed, where it is not there.
fn published() -> Option<Catalog> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/registry-2022");
    let Ok(path) = path.canonicalize() else {
        #[allow(clippy::print_stdout)]
        {
            println!("skipped: the registry of 2022 is not beside the project");
        }
        return None;
    };
    let config =
        RegistryConfig::parse(&format!("{{\"url\":\"file://{}\"}}", path.display())).unwrap();
    Some(catalog().with_directory(ProviderDirectory::open(&config.sources(None)[0]).unwrap()))
}

fn at(api: &MockApi) -> Option<Session> {
    Some(session_at(api.url(), published()?))
}

#[tokio::test]
async fn its_parts_answer_as_the_built_in_ones_do() {
    let api = MockApi::start(|_, request| {
        if request.method == "PUT" {
            return Reply::new(200, "").header("ETag", "\"e\"");
        }
        let marker = request.query.get("part-number-marker").map_or(0, |m| m.parse().unwrap());
        s3::list_parts(&[1, 2, 30], marker, 1000)
    })
    .await
    .unwrap();
    let Some(session) = at(&api) else { return };
    let built_in = session_at(api.url(), catalog());
    for text in [
        "SHOW METHODS IN aws.s3.parts",
        &format!("SELECT PartNumber, ETag, Size FROM ({LIST}) p"),
        "SELECT ETag FROM (EXEC aws.s3.parts.parts_Upload @Key='k', @partNumber=3, @uploadId='u', \
         @bucket='b', @region='r' @@body='x') p",
    ] {
        let (old, new) = (run(&session, text).await.unwrap(), run(&built_in, text).await.unwrap());
        assert_eq!(old.table(), new.table(), "{text}");
    }
    for text in [
        "SELECT * FROM aws.s3.parts",
        "DESCRIBE aws.s3.parts",
        "EXEC aws.s3.parts.parts_List @Key='k'",
        "EXEC aws.s3.parts.parts_Upload @Key='k', @partNumber=1, @uploadId='u', @bucket='b', @region='r'",
    ] {
        let old = run(&session, text).await.unwrap_err();
        let new = run(&built_in, text).await.unwrap_err();
        assert_eq!((old.message, old.hints), (new.message, new.hints), "{text}");
    }
}

#[tokio::test]
async fn every_method_of_its_s3_is_usable() {
    let Some(catalog) = published() else { return };
    assert_eq!(catalog.faults("aws", "s3").unwrap(), []);
    assert_eq!(catalog.resources("aws", "s3").unwrap().len(), 39);
}

#[tokio::test]
async fn its_lists_are_followed_although_it_does_not_say_how() {
    let parts: Vec<u32> = (1..=2500).collect();
    let api = MockApi::start(move |_, request| {
        let marker = request.query.get("part-number-marker").map_or(0, |m| m.parse().unwrap());
        let max = request.query.get("max-parts").map_or(1000, |max| max.parse().unwrap());
        s3::list_parts(&parts, marker, max)
    })
    .await
    .unwrap();
    let Some(session) = at(&api) else { return };
    assert_eq!(run(&session, LIST).await.unwrap().count(), 2500);
    let page = run(&session, &format!("{LIST}, @\"max-parts\"=7")).await.unwrap();
    assert_eq!((page.count(), page.column("IsTruncated")[0].as_str()), (7, "true"));
}
