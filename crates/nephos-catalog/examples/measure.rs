//! Times what a start costs: `measure SRC PROVIDER SERVICE RESOURCE [CACHE]`.

use std::path::Path;
use std::time::Instant;

use nephos_catalog::{Catalog, ProviderDirectory};

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, provider, service, resource, cache @ ..] = arguments.as_slice() else {
        return Err("measure SRC PROVIDER SERVICE RESOURCE [CACHE]".into());
    };
    let start = Instant::now();
    let mut directory = ProviderDirectory::open(Path::new(source))?;
    if let Some(cache) = cache.first() {
        directory = directory.with_cache(cache);
    }
    let catalog = Catalog::new().with_directory(directory);
    let opened = start.elapsed();
    let found = catalog.resource(provider, service, resource)?;
    let one = start.elapsed();
    let methods = found.resource.methods.len();
    println!("open {opened:?}, {}: {methods} methods {one:?}", found.full_name());
    let start = Instant::now();
    println!("{} providers {:?}", catalog.providers().len(), start.elapsed());
    Ok(())
}
