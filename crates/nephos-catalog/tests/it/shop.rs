//! A small registry of its own for each test.

use std::path::{Path, PathBuf};

use nephos_catalog::{Catalog, CatalogError, ProviderDirectory};
use tempfile::TempDir;

pub(crate) const PROVIDER: &str = "
name: shop
providerServices:
  orders: {service: {$ref: shop/v1/services/orders.yaml}}
  split: {service: {$ref: shop/v1/services/gone.yaml}, resources: {$ref: shop/v1/resources.yaml}}
";

pub(crate) const ORDERS: &str = "
servers: [{url: 'https://shop.example'}]
paths:
  /orders: {get: {description: first, responses: {}}}
  /carts: {get: {description: carts, responses: {}}}
components:
  x-stackQL-resources:
    orders: {methods: {list: {operation: {$ref: '#/paths/~1orders/get'}}}}
    carts: {methods: {list: {operation: {$ref: '#/paths/~1carts/get'}}}}
";

const REGISTER: &str = "
serviceDoc: {$ref: shop/v1/services/orders.yaml}
resources:
  own: {methods: {list: {operation: {$ref: '#/paths/~1orders/get'}}}}
  far: {methods: {list: {operation: {$ref: 'shop/v1/services/far.yaml#/paths/~1far/get'}}}}
";

const FAR: &str = "paths: {/far: {get: {description: far, responses: {}}}}";

pub(crate) struct Shop {
    pub(crate) dir: TempDir,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let shop = Self { dir: tempfile::tempdir().unwrap() };
        shop.write("shop/v1/provider.yaml", PROVIDER);
        shop.write("shop/v1/services/orders.yaml", ORDERS);
        shop.write("shop/v1/services/far.yaml", FAR);
        shop.write("shop/v1/resources.yaml", REGISTER);
        shop
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.dir.path().join("src")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.dir.path().join("home/cache")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.source().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Files of the cache, by name.
    pub(crate) fn cached(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.cache()).into_iter().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    /// A catalog as a new process has it.
    pub(crate) fn catalog(&self) -> Catalog {
        catalog(&self.source(), Some(&self.cache()))
    }

    /// What the first method of a resource says that it does.
    pub(crate) fn says(&self, service: &str, resource: &str) -> Result<String, CatalogError> {
        says(&self.catalog(), service, resource)
    }
}

pub(crate) fn catalog(source: &Path, cache: Option<&Path>) -> Catalog {
    let mut directory = ProviderDirectory::open(source).unwrap();
    if let Some(cache) = cache {
        directory = directory.with_cache(cache);
    }
    Catalog::new().with_directory(directory)
}

pub(crate) fn says(
    catalog: &Catalog,
    service: &str,
    resource: &str,
) -> Result<String, CatalogError> {
    let found = catalog.resource("shop", service, resource)?;
    Ok(found.method("list")?.description.clone())
}
