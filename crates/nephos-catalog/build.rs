//! Gives the sources a stamp: a compiled form that other sources made is not read.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=build.rs");
    let here = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let mut stamp = DefaultHasher::new();
    hash(&Path::new(&here).join("src"), &mut stamp);
    println!("cargo::rustc-env=NEPHOS_CATALOG_SOURCES={:016x}", stamp.finish());
}

fn hash(folder: &Path, stamp: &mut DefaultHasher) {
    let entries = fs::read_dir(folder).expect("the sources are readable");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it is readable").path()).collect();
    paths.sort();
    for path in paths {
        path.file_name().hash(stamp);
        if path.is_dir() {
            hash(&path, stamp);
        } else {
            fs::read(&path).expect("a source is readable").hash(stamp);
        }
    }
}
