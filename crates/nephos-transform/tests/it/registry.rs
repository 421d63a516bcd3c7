//! Every template of the registry's documents, where they are at hand.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nephos_transform::{Transform, TransformKind};

#[test]
fn every_template_of_the_registry_parses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/registry/src");
    if !root.is_dir() {
        eprintln!("skipped: {} is not there", root.display());
        return;
    }
    let mut files = Vec::new();
    collect(&root, &mut files);
    let mut templates = BTreeSet::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        if text.contains("transform:") {
            find(&text, &mut templates);
        }
    }
    let mut azure = 0;
    for (name, body) in &templates {
        match Transform::parse(name, body) {
            Ok(transform) => azure += usize::from(transform.azure().is_some()),
            Err(error) => panic!("{name}: {error}\n{body}"),
        }
    }
    assert!(templates.len() > 150, "{} templates found", templates.len());
    assert!(azure >= 2, "{azure} native forms");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "yaml") {
            files.push(path);
        }
    }
}

/// Finds `transform: {type, body}` in block YAML without reading the rest of the document.
fn find(text: &str, templates: &mut BTreeSet<(String, String)>) {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    for (at, line) in lines.iter().enumerate() {
        if line.trim() != "transform:" {
            continue;
        }
        let depth = indent(line);
        let inside =
            lines[at + 1..].iter().take_while(|l| l.trim().is_empty() || indent(l) > depth);
        let inside: Vec<&str> = inside.copied().collect();
        let name = inside.iter().find_map(|l| l.trim().strip_prefix("type: "));
        let body = inside.iter().position(|l| l.trim().starts_with("body: "));
        let (Some(name), Some(body)) = (name, body) else { continue };
        if TransformKind::parse(name.trim()).is_ok_and(TransformKind::has_template) {
            templates
                .insert((name.trim().to_owned(), scalar(&inside[body..], indent(inside[body]))));
        }
    }
}

/// The value of `body:`, block or quoted.
fn scalar(lines: &[&str], depth: usize) -> String {
    let first = lines[0].trim().strip_prefix("body: ").unwrap();
    let rest: Vec<&str> = lines[1..]
        .iter()
        .take_while(|l| l.trim().is_empty() || l.len() - l.trim_start().len() > depth)
        .copied()
        .collect();
    if first.starts_with(['|', '>']) {
        let inner = rest.first().map_or(0, |l| l.len() - l.trim_start().len());
        return rest.iter().map(|l| l.get(inner..).unwrap_or("")).collect::<Vec<_>>().join("\n");
    }
    let whole =
        std::iter::once(first).chain(rest.iter().map(|l| l.trim())).collect::<Vec<_>>().join(" ");
    match whole.chars().next() {
        Some('\'') => whole.trim_matches('\'').replace("''", "'"),
        Some('"') => serde_json::from_str(&whole.replace("\\ ", " ").replace("\\  ", " "))
            .unwrap_or_default(),
        _ => whole,
    }
}
