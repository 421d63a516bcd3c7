//! Everything that is wrong with the documents of a registry.

mod row_key;
mod service;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

use crate::document::{Document, text};
use crate::files::{self, Version};
use crate::load::provider;
use crate::yaml::escape;
use crate::{CatalogError, Provider, ServiceHead, View};

/// How much a [`Finding`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something that is declared cannot be used: a method, a resource, a service, a provider.
    Fault,
    /// A document contradicts itself or the registry, and all that is there can be used: a service
    /// without its document, an id that is not the name, a key that is in no schema.
    Note,
}

/// Something that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// Line in the file, from 1, where it is known.
    pub line: Option<usize>,
    /// How much it matters.
    pub severity: Severity,
    /// JSON pointer into the document; empty for the whole of it.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}

/// What [`lint`] looked at and found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LintReport {
    /// Providers, of each the newest version.
    pub providers: usize,
    /// Services whose document is there.
    pub services: usize,
    /// Resources in them.
    pub resources: usize,
    /// Methods in them, usable or not.
    pub methods: usize,
    /// Sorted by file and line.
    pub findings: Vec<Finding>,
}

impl LintReport {
    /// How many findings are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    fn add(&mut self, other: Self) {
        self.providers += other.providers;
        self.services += other.services;
        self.resources += other.resources;
        self.methods += other.methods;
        self.findings.extend(other.findings);
    }
}

/// Says what is wrong with the query of a view.
pub type CheckView = dyn Fn(&View) -> Option<String> + Sync;

/// Reads every document below `path`, which is a registry, its `src`, a provider's directory or one
/// of its versions, on all cores. A directory without providers is an error; what is wrong in
/// documents is not.
///
/// `check_view` says what is wrong with the query of a view: this crate knows no SQL.
pub fn lint(path: &Path, check_view: &CheckView) -> Result<LintReport, CatalogError> {
    let (source, versions) = versions(path)?;
    let mut report = LintReport::default();
    let mut services: Vec<(Version, Arc<Provider>, ServiceHead)> = Vec::new();
    for version in versions {
        report.providers += 1;
        if let Some(provider) = read_provider(&version, &mut report) {
            let (heads, provider) = (provider.services.clone(), Arc::new(provider));
            services
                .extend(heads.into_iter().map(|head| (version.clone(), provider.clone(), head)));
        }
    }
    let next = AtomicUsize::new(0);
    let all = Mutex::new(report);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers.min(services.len()) {
            scope.spawn(|| {
                while let Some((version, provider, head)) =
                    services.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let found = service::check(&source, version, provider, head, check_view);
                    all.lock().unwrap_or_else(PoisonError::into_inner).add(found);
                }
            });
        }
    });
    let mut report = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.findings.sort();
    Ok(report)
}

/// The `src` directory that `path` is in, and the versions that it means.
fn versions(path: &Path) -> Result<(PathBuf, Vec<Version>), CatalogError> {
    let path = path.canonicalize().map_err(|error| CatalogError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let above = |path: &Path| path.parent().unwrap_or(path).to_owned();
    let version = Version::at(&path);
    if version.document().is_file() {
        return Ok((above(&above(&path)), vec![version]));
    }
    if let Some(version) = files::newest_in(&path) {
        return Ok((above(&path), vec![version]));
    }
    for source in [path.join("src"), path.clone()] {
        if let Ok(versions) = files::providers(&source)
            && !versions.is_empty()
        {
            return Ok((source, versions));
        }
    }
    Err(CatalogError::Registry(format!(
        "{} holds no provider; a registry has src/PROVIDER/VERSION/provider.yaml",
        path.display()
    )))
}

/// A provider; `None` where its document cannot be read.
fn read_provider(version: &Version, report: &mut LintReport) -> Option<Provider> {
    let path = version.document();
    let name = path.display().to_string();
    let mut add = |severity, line, place: &str, reason: String| {
        let (file, place) = (path.clone(), place.to_owned());
        report.findings.push(Finding { file, line, severity, place, reason });
    };
    let document = files::read(&path)
        .and_then(|bytes| files::utf8(&path, bytes))
        .and_then(|text| Document::parse(&name, &text));
    let read = document.and_then(|document| {
        let provider = provider(&document, &version.label)?;
        Ok((document, provider))
    });
    let (document, provider) = match read {
        Ok(read) => read,
        Err(error) => {
            let (line, reason) = reason(error);
            add(Severity::Fault, line, "", reason);
            return None;
        }
    };
    for (_, oddity) in document.all_oddities() {
        add(Severity::Note, Some(oddity.line), "", oddity.reason.clone());
    }
    if !version.is_of(&provider.name) {
        let reason = format!("the name {} is not its directory's", provider.name);
        add(Severity::Note, None, "/name", reason);
    }
    let declared = document.root().get("providerServices").and_then(Value::as_object);
    for (name, service) in declared.into_iter().flatten() {
        let id = text(service, "id");
        let called = id.split(':').next().unwrap_or_default();
        if !called.is_empty() && called != name {
            let place = format!("/providerServices/{}/id", escape(name));
            add(Severity::Note, None, &place, format!("the id {id} is not of the service {name}"));
        }
    }
    Some(provider)
}

/// Line, where it is known, and what is wrong, without the file that is named beside it.
fn reason(error: CatalogError) -> (Option<usize>, String) {
    let reason = match error {
        CatalogError::Unreadable { reason, .. } | CatalogError::Malformed { reason, .. } => reason,
        other => other.to_string(),
    };
    let located = reason.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
    match located.and_then(|(line, rest)| Some((line.parse().ok()?, rest.to_owned()))) {
        Some((line, rest)) => (Some(line), rest),
        None => (None, reason),
    }
}
