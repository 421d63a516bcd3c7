//! Directories of providers, small ones and the real one.

use std::path::{Path, PathBuf};

use nephos_catalog::{Severity, lint};

use crate::shop::{Shop, catalog};

#[test]
fn a_broken_provider_leaves_the_others_alone() {
    let shop = Shop::new();
    shop.write("torn/v1/provider.yaml", "name: [");
    shop.write("named/v1/provider.yaml", "name: other\nproviderServices: {}");
    shop.write("nameless/v1/provider.yaml", "id: x");
    let catalog = shop.catalog();
    let names: Vec<&str> = catalog.providers().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["other", "shop"]);
    assert_eq!(catalog.provider("SHOP").unwrap().name, "shop");
    assert_eq!(catalog.provider("other").unwrap().name, "other");
    let error = catalog.provider("torn").unwrap_err().to_string();
    assert!(error.contains("torn/v1/provider.yaml") && error.contains("line 1"), "{error}");
    let error = catalog.provider("nameless").unwrap_err().to_string();
    assert!(error.contains("it has no name"), "{error}");
    assert!(catalog.provider("named").is_err());
}

#[test]
fn google_lives_in_the_directory_googleapis_com() {
    let shop = Shop::new();
    shop.write("googleapis.com/v1/provider.yaml", "name: google");
    assert_eq!(shop.catalog().provider("google").unwrap().name, "google");
    let report = lint(&shop.source(), &|_| None).unwrap();
    let of_google = |file: &Path| file.to_string_lossy().contains("googleapis");
    assert!(!report.findings.iter().any(|finding| of_google(&finding.file)));
}

#[test]
fn another_version_is_another_document() {
    let shop = Shop::new();
    shop.write("shop/v2/provider.yaml", "name: shop\ntitle: second");
    let catalog = shop.catalog();
    let found = catalog.provider("shop").unwrap();
    assert_eq!((found.version.as_str(), found.description.as_str()), ("v2", "second"));
}

/// A registry beside the project; `None`, with the reason printed, where it is not there.
fn beside(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    let found = path.canonicalize().ok();
    if found.is_none() {
        #[allow(clippy::print_stdout)]
        {
            println!("skipped: there is no {name} beside the project");
        }
    }
    found
}

#[test]
fn every_document_of_the_registry_loads_without_a_fault() {
    for name in ["registry", "registry-2022"] {
        let Some(path) = beside(name) else { continue };
        let report = lint(&path, &|_| None).unwrap();
        let faults: Vec<_> =
            report.findings.iter().filter(|f| f.severity == Severity::Fault).collect();
        assert!(faults.is_empty(), "{faults:#?}");
        let files = std::fs::read_dir(path.join("src")).unwrap().flatten().flat_map(|provider| {
            let services = provider.path().join("v00.00.00000/services");
            std::fs::read_dir(services).into_iter().flatten().flatten()
        });
        assert_eq!(report.services, files.count());
    }
}

#[test]
fn a_cached_registry_answers_as_its_documents_do() {
    let Some(path) = beside("registry") else { return };
    let folder = tempfile::tempdir().unwrap();
    let source = path.join("src");
    for (provider, service) in [("google", "bigquery"), ("okta", "org"), ("aws", "iam")] {
        let plain = catalog(&source, None);
        let cold = catalog(&source, Some(folder.path()));
        let resources = plain.resources(provider, service).unwrap();
        assert_eq!(cold.resources(provider, service).unwrap(), resources);
        let warm = catalog(&source, Some(folder.path()));
        for head in &resources {
            let expected = plain.resource(provider, service, &head.name).unwrap();
            let found = warm.resource(provider, service, &head.name).unwrap();
            assert_eq!(found.resource, expected.resource, "{}", expected.full_name());
        }
    }
}
