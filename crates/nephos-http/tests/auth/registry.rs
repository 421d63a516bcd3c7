//! The auth of real documents, where they are at hand.

use std::path::Path;

use nephos_catalog::{Auth, Catalog, ProviderDirectory, RegistryConfig};

#[test]
fn every_kind_of_the_registry_is_known() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/registry");
    if !folder.join("src").is_dir() {
        #[allow(clippy::print_stderr)]
        {
            eprintln!("skipped: there is no {}", folder.display());
        }
        return;
    }
    let folder = folder.canonicalize().unwrap();
    let url = format!("{{\"url\": \"file://{}\"}}", folder.display());
    let directory = ProviderDirectory::open(&RegistryConfig::parse(&url).unwrap()).unwrap();
    let catalog = Catalog::new().with_directory(directory);
    let auth = |name: &str| catalog.provider(name).unwrap().auth.clone().unwrap();
    for provider in catalog.providers() {
        let kind = &provider.auth.as_ref().unwrap().kind;
        assert!(Auth::KINDS.contains(&kind.as_str()), "{}: {kind}", provider.name);
    }
    assert_eq!(auth("okta").value_prefix.as_deref(), Some("SSWS "));
    assert_eq!(auth("github").username_env.as_deref(), Some("STACKQL_GITHUB_USERNAME"));
    assert_eq!(auth("anthropic").name.as_deref(), Some("x-api-key"));
    let databricks = auth("databricks_account");
    assert_eq!(databricks.scopes, ["all-apis"]);
    assert_eq!(
        databricks.token_url.as_deref(),
        Some(
            "https://accounts.cloud.databricks.com/oidc/accounts/{{ \
             .__env__DATABRICKS_ACCOUNT_ID }}/v1/token"
        )
    );
}
