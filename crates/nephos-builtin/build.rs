//! Compiles the provider documents of `providers/` into the binary.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    // Asked for when it runs: clones that share a target directory share this program.
    let here = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let root = Path::new(&here).join("../../providers");
    println!("cargo::rerun-if-changed=build.rs");
    let version = root.join("aws/v00.00.00000");
    println!("cargo::rerun-if-changed={}", version.display());
    let provider = read(&version.join("provider.yaml"));
    let bytes =
        nephos_catalog::compile(&provider, "v00.00.00000", |path| Ok(read(&root.join(path))))
            .unwrap_or_else(|error| panic!("providers/aws cannot be compiled: {error}"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("aws.bin"), bytes).expect("OUT_DIR is writable");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
