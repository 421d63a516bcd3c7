//! What is wrong with one service.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::CheckView;
use super::row_key::missing_key;
use super::{Finding, LintReport, Severity, reason};
use crate::assemble::{Text, assemble};
use crate::document::{Document, text};
use crate::files::{self, Version};
use crate::load::service;
use crate::yaml::{escape, lines};
use crate::{Fault, Provider, ServiceHead};

const RESOURCES: &str = "/components/x-stackQL-resources";
/// So many dangling references are told one by one.
const MAX_DANGLING: usize = 20;

/// Findings of the service `head` of a provider.
pub(super) fn check(
    source: &Path,
    version: &Version,
    provider: &Provider,
    head: &ServiceHead,
    check_view: &CheckView,
) -> LintReport {
    let mut report = LintReport::default();
    let declared = format!("/providerServices/{}", escape(&head.name));
    let mut declared_badly = |severity, member: &str, reason: String| {
        report.findings.push(Finding {
            file: version.document(),
            line: None,
            severity,
            place: format!("{declared}{member}"),
            reason,
        });
    };
    let (first, member) = match head.register.as_str() {
        "" => (&head.document, "/service"),
        register => (&register.to_owned(), "/resources"),
    };
    if first.is_empty() {
        declared_badly(Severity::Fault, "", "it names no document".to_owned());
        return report;
    }
    let file = match files::locate(source, version, first) {
        Ok(file) => file,
        Err(error) => {
            declared_badly(Severity::Fault, member, format!("{first}: {}", reason(error).1));
            return report;
        }
    };
    if !file.is_file() {
        declared_badly(Severity::Note, member, format!("the document {first} is not there"));
        return report;
    }
    if Path::new(first).file_name() != file.file_name() {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        declared_badly(Severity::Note, member, format!("{first} differs in case from {name}"));
    }
    report.services = 1;
    check_document(source, version, provider, (head, check_view), file, &mut report);
    report
}

fn check_document(
    source: &Path,
    version: &Version,
    provider: &Provider,
    (head, check_view): (&ServiceHead, &CheckView),
    file: PathBuf,
    report: &mut LintReport,
) {
    let mut first: Option<String> = None;
    let assembled = assemble(head, &mut |path| {
        let file = files::locate(source, version, path)?;
        let text = files::utf8(&file, files::read(&file)?)?;
        first.get_or_insert_with(|| text.clone());
        Ok(Text { name: file.display().to_string(), text })
    });
    let loaded = assembled.and_then(|document| Ok((service(&document, provider, head)?, document)));
    let (loaded, document) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            let (line, reason) = reason(error);
            let (severity, place) = (Severity::Fault, String::new());
            report.findings.push(Finding { file, line, severity, place, reason });
            return;
        }
    };
    let mut found: Vec<(Severity, String, String)> = Vec::new();
    found.extend(
        loaded
            .service
            .faults
            .iter()
            .map(|fault| (Severity::Fault, place(&document, fault), fault.reason.clone())),
    );
    for resource in &loaded.resources {
        let faults = resource.views.iter().filter_map(check_view);
        let place = format!("{RESOURCES}/{}/config/views/select", escape(&resource.head.name));
        found.extend(faults.map(|reason| (Severity::Fault, place.clone(), reason)));
    }
    check_resources(&document, &format!("{}.{}", provider.name, head.name), report, &mut found);
    check_references(&document, &mut found);
    // The text of a register is not that of the document that it is put into.
    let text = first.filter(|_| head.register.is_empty()).unwrap_or_default();
    let lines = lines(&text, found.iter().map(|(_, place, _)| place.as_str()));
    report.findings.extend(found.iter().map(|(severity, place, reason)| Finding {
        file: file.clone(),
        line: lines.get(place.as_str()).copied(),
        severity: *severity,
        place: place.clone(),
        reason: reason.clone(),
    }));
    report.findings.extend(document.all_oddities().map(|(holder, oddity)| Finding {
        file: PathBuf::from(&holder.name),
        line: Some(oddity.line),
        severity: Severity::Note,
        place: String::new(),
        reason: oddity.reason.clone(),
    }));
}

/// The pointer to what a fault calls `resource.method`.
fn place(document: &Document, fault: &Fault) -> String {
    let (resource, method) = fault.place.split_once('.').unwrap_or((&fault.place, ""));
    let resource = format!("{RESOURCES}/{}", escape(resource));
    let method = format!("{resource}/methods/{}", escape(method));
    [method, resource]
        .into_iter()
        .find(|pointer| document.pointer(pointer).is_some())
        .unwrap_or_else(|| RESOURCES.to_owned())
}

/// Counts resources and methods, and notes what contradicts the rest of the document.
fn check_resources(
    document: &Document,
    within: &str,
    report: &mut LintReport,
    found: &mut Vec<(Severity, String, String)>,
) {
    let declared = document.pointer(RESOURCES).and_then(Value::as_object);
    for (name, resource) in declared.into_iter().flatten() {
        report.resources += 1;
        let at = format!("{RESOURCES}/{}", escape(name));
        let id = text(resource, "id");
        if id != format!("{within}.{name}") {
            let reason = format!("the id is {id:?} and not {within}.{name}");
            found.push((Severity::Note, format!("{at}/id"), reason));
        }
        let methods = resource.get("methods").and_then(Value::as_object);
        for (name, method) in methods.into_iter().flatten() {
            report.methods += 1;
            let at = format!("{at}/methods/{}/response", escape(name));
            if let Some((member, reason)) = missing_key(document, method) {
                found.push((Severity::Note, format!("{at}/{member}"), reason));
            }
        }
    }
}

/// Notes references that lead nowhere: what they stand for is read as text.
fn check_references(document: &Document, found: &mut Vec<(Severity, String, String)>) {
    let mut dangling = Vec::new();
    for part in ["components", "paths"] {
        if let Some(value) = document.root().get(part) {
            walk(document, value, &mut format!("/{part}"), &mut dangling);
        }
    }
    let more = dangling.len().saturating_sub(MAX_DANGLING);
    for (place, reference) in dangling.into_iter().take(MAX_DANGLING) {
        found.push((Severity::Note, place, format!("{reference} leads nowhere")));
    }
    if more > 0 {
        let reason = format!("{more} more references lead nowhere");
        found.push((Severity::Note, String::new(), reason));
    }
}

fn walk<'a>(
    document: &'a Document,
    value: &'a Value,
    at: &mut String,
    dangling: &mut Vec<(String, &'a str)>,
) {
    let length = at.len();
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let target = reference.strip_prefix('#').and_then(|to| document.pointer(to));
                if target.is_none() {
                    dangling.push((at.clone(), reference));
                }
                return;
            }
            for (key, member) in members {
                // Examples are data, and resources have references of their own kinds.
                let data = matches!(key.as_str(), "example" | "examples" | "default" | "enum");
                if data || (length == "/components".len() && key == "x-stackQL-resources") {
                    continue;
                }
                at.push('/');
                at.push_str(&escape(key));
                walk(document, member, at, dangling);
                at.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push('/');
                at.push_str(&index.to_string());
                walk(document, item, at, dangling);
                at.truncate(length);
            }
        }
        _ => {}
    }
}
