//! Any text as a provider's and a service's document: it loads or is refused, in bounded memory.
//!
//! `cargo +nightly fuzz run document -- -rss_limit_mb=2048`; seeds are the documents of a registry.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nephos_catalog::{Catalog, CompiledProvider, compile};

const PROVIDER: &str = "name: p\nproviderServices: {s: {service: {$ref: p/v/s.yaml}}}";

fuzz_target!(|text: &str| {
    let _ = compile(text, "v", |_| Ok(text.to_owned()));
    let Ok(compiled) = compile(PROVIDER, "v", |_| Ok(text.to_owned())) else { return };
    let provider = CompiledProvider::open(compiled).expect("what was compiled opens");
    let catalog = Catalog::new().with_compiled(provider);
    for head in catalog.resources("p", "s").expect("the service was compiled") {
        // Names that fold to each other are ambiguous, and an error.
        let _ = catalog.resource("p", "s", &head.name);
    }
});
