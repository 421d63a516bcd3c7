//! `nephos provider lint`: what is wrong with documents.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nephos_catalog::{Finding, LintReport, Severity, lint};

use crate::args::{LintArguments, LintFormat};
use crate::error::{self, Failure};

/// Notes of one file that are printed without `--all`.
const NOTES: usize = 10;

pub(crate) fn run(arguments: &LintArguments) -> Result<ExitCode, Failure> {
    let start = Instant::now();
    let found = lint(&arguments.dir, &nephos_engine::view_fault)?;
    let text = match arguments.output {
        LintFormat::Text => {
            // Paths are shown as they were typed: from the directory that was named.
            let base = arguments.dir.canonicalize().unwrap_or_default();
            render(&found, &base, arguments.all) + &summary(&found, start.elapsed())
        }
        LintFormat::Json => serde_json::to_string_pretty(&found)
            .map_err(|error| Failure::message(error.to_string()))?,
    };
    print(&text);
    let usable = found.count(Severity::Fault) == 0;
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::from(error::FAILED) })
}

/// Findings, those of a file under its name.
fn render(found: &LintReport, base: &Path, all: bool) -> String {
    let mut text = String::new();
    for of_file in found.findings.chunk_by(|a, b| a.file == b.file) {
        let Some(Finding { file, .. }) = of_file.first() else { continue };
        let _ = writeln!(text, "{}", relative(file, base).display());
        let mut notes = 0;
        for finding in of_file {
            if finding.severity == Severity::Note {
                notes += 1;
                if notes > NOTES && !all {
                    continue;
                }
            }
            let _ = writeln!(text, "{}", line(finding));
        }
        if notes > NOTES && !all {
            let _ = writeln!(text, "  {} more notes; --all prints them", notes - NOTES);
        }
        text.push('\n');
    }
    text
}

fn relative<'a>(file: &'a Path, base: &Path) -> &'a Path {
    file.strip_prefix(base).unwrap_or(file)
}

fn line(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Fault => "fault",
        Severity::Note => "note",
    };
    let number = finding.line.map(|line| format!("{line}: ")).unwrap_or_default();
    let place = match finding.place.as_str() {
        "" => String::new(),
        place => format!("{place}: "),
    };
    format!("  {number}{severity}: {place}{}", finding.reason)
}

fn summary(found: &LintReport, taken: Duration) -> String {
    format!(
        "{}, {}, {}, {}: {} and {} in {:.1} s",
        counted(found.providers, "provider"),
        counted(found.services, "service"),
        counted(found.resources, "resource"),
        counted(found.methods, "method"),
        counted(found.count(Severity::Fault), "fault"),
        counted(found.count(Severity::Note), "note"),
        taken.as_secs_f64()
    )
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[allow(clippy::print_stdout)]
fn print(text: &str) {
    println!("{text}");
}
