//! Reference pages of the providers of this repository and of a draft.

use std::path::Path;

use insta::assert_snapshot;
use nephos_catalog::{
    Catalog, DraftOptions, ProviderDirectory, ReferencePage, ReferencePages, draft,
};

fn built_in() -> Catalog {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../providers");
    Catalog::new().with_directory(ProviderDirectory::open(&source).unwrap())
}

fn s3() -> Vec<ReferencePage> {
    let catalog = built_in();
    let pages = ReferencePages::of(&catalog, "aws").unwrap();
    let service = pages.services().into_iter().find(|service| service.name == "s3").unwrap();
    pages.service(service).unwrap().pages
}

fn page<'a>(pages: &'a [ReferencePage], path: &str) -> &'a str {
    &pages.iter().find(|page| page.path == path).unwrap_or_else(|| panic!("{path}")).text
}

#[test]
fn pages_of_s3() {
    let pages = s3();
    assert_snapshot!("parts", page(&pages, "aws/s3/parts.md"));
    assert_snapshot!("buckets", page(&pages, "aws/s3/buckets.md"));
    assert_snapshot!("index_of_s3", page(&pages, "aws/s3/index.md"));
    assert_eq!(pages, s3(), "the same catalog gives the same bytes");
}

#[test]
fn a_resource_without_select_says_so_in_the_contracts_words() {
    let pages = s3();
    let sentence = "SELECT not supported for this resource, use SHOW METHODS to view available \
                    operations for the resource and then invoke a supported method using the EXEC \
                    command";
    let parts = page(&pages, "aws/s3/parts.md");
    assert!(parts.contains(&format!("## Fields\n\n{sentence}\n\n## Methods")), "{parts}");
    assert!(!page(&pages, "aws/s3/buckets.md").contains(sentence));
}

#[test]
fn every_example_parses() {
    let mut all = s3();
    let petstore = include_str!("../openapi/petstore.yaml");
    let options =
        DraftOptions { server: Some("https://x.test".to_owned()), ..DraftOptions::default() };
    let draft = draft("petstore.yaml", petstore, &options).unwrap();
    let catalog = super::draft::load(&draft);
    let pages = ReferencePages::of(&catalog, "petstore").unwrap();
    assert_snapshot!("index_of_a_provider", pages.index().text);
    for service in pages.services() {
        all.extend(pages.service(service).unwrap().pages);
    }
    assert_snapshot!("pets", page(&all, "petstore/api/pets.md"));
    let mut examples = 0;
    for page in &all {
        for block in page.text.split("```sql\n").skip(1) {
            let statement = block.split("\n```").next().unwrap();
            examples += 1;
            if let Err(error) = nephos_sql::parse(statement) {
                panic!("{}: {error:?}\n{statement}", page.path);
            }
        }
    }
    assert!(examples > 100, "{examples}");
}

#[test]
fn tables_have_as_many_cells_in_each_row() {
    for page in s3() {
        let mut columns = None;
        for line in page.text.lines() {
            let cells = line.replace("\\|", "").matches('|').count();
            match (cells, columns) {
                (0, _) => columns = None,
                (cells, None) => columns = Some(cells),
                (cells, Some(expected)) => assert_eq!(cells, expected, "{}: {line}", page.path),
            }
        }
    }
}

#[test]
fn a_resource_that_a_view_backs_is_selected() {
    let folder = tempfile::tempdir().unwrap();
    let version = folder.path().join("p/v1.0.0");
    std::fs::create_dir_all(&version).unwrap();
    let provider = "name: p\nproviderServices: {s: {service: {$ref: p/v1.0.0/s.yaml}}}";
    std::fs::write(version.join("provider.yaml"), provider).unwrap();
    let service = "info: {title: s}\npaths: {}\ncomponents: {x-stackQL-resources: {seen: {methods: {}, \
                   config: {views: {select: {predicate: 'sqlDialect == \"sqlite3\" && requiredParams == [ Key ]', \
                   ddl: 'SELECT 1'}}}}}}";
    std::fs::write(version.join("s.yaml"), service).unwrap();
    let catalog = Catalog::new().with_directory(ProviderDirectory::open(folder.path()).unwrap());
    let pages = ReferencePages::of(&catalog, "p").unwrap();
    let all = pages.service(pages.services().first().unwrap()).unwrap().pages;
    let text = page(&all, "p/s/seen.md");
    assert!(text.contains("`DESCRIBE p.s.seen` shows its columns"), "{text}");
    assert!(text.contains("| `__view__` | `SELECT` | `Key` |"), "{text}");
    assert!(!text.contains("SELECT not supported"), "{text}");
}
