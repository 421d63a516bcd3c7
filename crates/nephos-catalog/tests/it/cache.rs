//! Compiled forms are a matter of speed only: whatever happens to them, answers stay right.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::shop::{ORDERS, PROVIDER, Shop, catalog, says};

#[test]
fn a_service_is_compiled_once() {
    let shop = Shop::new();
    assert_eq!(shop.says("orders", "orders").unwrap(), "first");
    let files = shop.cached();
    assert_eq!(files.len(), 2, "one of the provider and one of the service: {files:?}");
    // A file that is written again is another file.
    let inodes = || files.iter().map(|file| fs::metadata(file).unwrap().ino()).collect::<Vec<_>>();
    let before = inodes();
    assert_eq!(shop.says("orders", "carts").unwrap(), "carts");
    assert_eq!((shop.cached(), inodes()), (files.clone(), before));
}

#[test]
fn an_edited_document_is_seen_whatever_its_times_say() {
    let shop = Shop::new();
    assert_eq!(shop.says("orders", "orders").unwrap(), "first");
    let path = shop.source().join("shop/v1/services/orders.yaml");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, ORDERS.replace("first", "other")).unwrap();
    fs::File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_eq!(shop.says("orders", "orders").unwrap(), "other");
    fs::write(&path, ORDERS).unwrap();
    assert_eq!(shop.says("orders", "orders").unwrap(), "first");
}

#[test]
fn an_edit_of_any_document_of_a_service_is_seen() {
    let shop = Shop::new();
    assert_eq!(shop.says("split", "far").unwrap(), "far");
    assert_eq!(shop.says("split", "own").unwrap(), "first");
    shop.write("shop/v1/services/orders.yaml", &ORDERS.replace("first", "other"));
    assert_eq!(shop.says("split", "own").unwrap(), "other");
    let far = "shop/v1/services/far.yaml";
    shop.write(far, "paths: {/far: {get: {description: farther, responses: {}}}}");
    assert_eq!(shop.says("split", "own").unwrap(), "other");
    fs::remove_file(shop.source().join(far)).unwrap();
    assert!(shop.says("split", "far").unwrap_err().to_string().contains("faulty"));
    shop.write(far, "paths: {/far: {get: {description: back, responses: {}}}}");
    assert_eq!(shop.says("split", "own").unwrap(), "other");
}

#[test]
fn an_edited_provider_is_seen() {
    let shop = Shop::new();
    assert_eq!(shop.says("orders", "orders").unwrap(), "first");
    shop.write("shop/v1/provider.yaml", &PROVIDER.replace("orders:", "sales:"));
    assert!(shop.says("orders", "orders").is_err());
    assert_eq!(shop.says("sales", "orders").unwrap(), "first");
}

#[test]
fn a_damaged_or_foreign_file_is_written_again() {
    let shop = Shop::new();
    shop.says("orders", "orders").unwrap();
    let files = shop.cached();
    for file in &files {
        let whole = fs::read(file).unwrap();
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        };
        let damaged: [Vec<u8>; 7] = [
            Vec::new(),
            b"nothing of ours".to_vec(),
            whole[..whole.len() / 2].to_vec(),
            [whole.as_slice(), b"more"].concat(),
            flipped(20),
            flipped(70),
            vec![0; whole.len()],
        ];
        for bytes in damaged {
            fs::write(file, &bytes).unwrap();
            assert_eq!(shop.says("orders", "orders").unwrap(), "first");
            assert_eq!(fs::read(file).unwrap(), whole);
        }
    }
}

#[test]
fn a_resource_damaged_behind_the_index_is_written_again() {
    let shop = Shop::new();
    shop.says("orders", "orders").unwrap();
    let warm = shop.catalog();
    warm.resources("shop", "orders").unwrap();
    let files = shop.cached();
    let file = files.iter().max_by_key(|file| fs::metadata(file).unwrap().len()).unwrap();
    let whole = fs::read(file).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(file, &damaged).unwrap();
    assert_eq!(says(&warm, "orders", "orders").unwrap(), "first");
    assert_eq!(fs::read(file).unwrap(), whole);

    // The cache is emptied while a process runs.
    let warm = shop.catalog();
    warm.resources("shop", "orders").unwrap();
    fs::remove_dir_all(shop.cache()).unwrap();
    assert_eq!(says(&warm, "orders", "carts").unwrap(), "carts");
}

#[test]
fn a_cache_that_cannot_be_written_is_no_error() {
    let shop = Shop::new();
    let file = shop.dir.path().join("file");
    fs::write(&file, "").unwrap();
    let without = catalog(&shop.source(), Some(&file.join("cache")));
    assert_eq!(says(&without, "orders", "orders").unwrap(), "first");
    assert_eq!(says(&catalog(&shop.source(), None), "orders", "orders").unwrap(), "first");
}

const CHILD: &str = "NEPHOS_TEST_SHOP";

/// Not a test of its own: what the processes of the next one run.
#[test]
fn child() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    let root = std::path::Path::new(&root);
    for _ in 0..20 {
        let catalog = catalog(&root.join("src"), Some(&root.join("home/cache")));
        assert_eq!(says(&catalog, "orders", "orders").unwrap(), "first");
        assert_eq!(says(&catalog, "split", "far").unwrap(), "far");
        // Another process may be reading any of them.
        for entry in fs::read_dir(root.join("home/cache")).into_iter().flatten().flatten() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[test]
fn processes_and_threads_share_a_cache() {
    let shop = Shop::new();
    let run = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "cache::child"]).env(CHILD, shop.dir.path());
        command.stdout(std::process::Stdio::null());
        command.spawn().unwrap()
    };
    let mut children: Vec<_> = (0..4).map(|_| run()).collect();
    let mut killed = run();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(shop.says("orders", "carts").unwrap(), "carts");
                }
            });
        }
    });
    killed.kill().unwrap();
    killed.wait().unwrap();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(shop.says("orders", "orders").unwrap(), "first");
}
