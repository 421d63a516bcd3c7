//! `nephos provider init`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use nephos_catalog::{Draft, DraftError, DraftOptions, Note, ServiceGrouping, draft};

use crate::error::Failure;

/// Longer lists of remarks are cut in the summary; all of them stand in the documents.
const SHOWN: usize = 15;

#[derive(Debug, Args)]
pub(crate) struct ProviderInitArguments {
    /// The `OpenAPI` document, YAML or JSON
    #[arg(value_name = "FILE")]
    pub(crate) specification: PathBuf,

    /// The provider's name in SQL [default: from the document's title]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Folder of the registry that the provider is added to
    #[arg(long, value_name = "DIR", default_value = "registry")]
    pub(crate) out: PathBuf,

    /// Base URL of the API, instead of the document's
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// How operations are divided into services
    #[arg(long, value_enum, default_value_t = Services::Auto)]
    pub(crate) services: Services,

    /// Replace a provider of this name that is there already
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Services {
    /// One for a small API, else by tag, else by path
    Auto,
    /// By the first tag of an operation
    Tag,
    /// By the first collection of a path
    Path,
    /// One, called api
    One,
}

pub(super) fn run(arguments: &ProviderInitArguments) -> Result<ExitCode, Failure> {
    let file = &arguments.specification;
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::message(format!("cannot read {}: {error}", file.display())))?;
    let options = DraftOptions {
        name: arguments.name.clone(),
        server: arguments.server.clone(),
        services: match arguments.services {
            Services::Auto => ServiceGrouping::Auto,
            Services::Tag => ServiceGrouping::Tag,
            Services::Path => ServiceGrouping::Path,
            Services::One => ServiceGrouping::One,
        },
    };
    let label = file.display().to_string();
    let draft = draft(&label, &text, &options).map_err(|error| refused(&error))?;
    write(arguments, &draft)?;
    print(&summary(arguments, &draft)?);
    Ok(ExitCode::SUCCESS)
}

fn refused(error: &DraftError) -> Failure {
    Failure::message(error.to_string()).hint(error.help.clone())
}

/// Writes the provider beside its place and then moves it there: a provider is whole or not there.
fn write(arguments: &ProviderInitArguments, draft: &Draft) -> Result<(), Failure> {
    let source = arguments.out.join("src");
    let target = source.join(&draft.provider);
    if target.exists() && !arguments.force {
        return Err(Failure::message(format!("{} is there already", target.display()))
            .hint("--force replaces it, edits included; --name gives the new one another name"));
    }
    let cannot = |path: &Path, error: &std::io::Error| {
        Failure::message(format!("cannot write {}: {error}", path.display()))
    };
    let incoming = arguments.out.join(format!(".{}.{}", draft.provider, std::process::id()));
    let written = draft.files.iter().try_for_each(|file| {
        let below = file.path.split_once('/').map_or(file.path.as_str(), |(_, below)| below);
        let path = incoming.join(below);
        path.parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, &file.text))
            .map_err(|error| cannot(&path, &error))
    });
    let moved = written.and_then(|()| {
        if target.exists() {
            std::fs::remove_dir_all(&target).map_err(|error| cannot(&target, &error))?;
        }
        std::fs::create_dir_all(&source)
            .and_then(|()| std::fs::rename(&incoming, &target))
            .map_err(|error| cannot(&target, &error))
    });
    if moved.is_err() {
        // What is left of an attempt is no provider; that it cannot be removed changes nothing.
        let _ = std::fs::remove_dir_all(&incoming);
    }
    moved
}

fn summary(arguments: &ProviderInitArguments, draft: &Draft) -> Result<String, Failure> {
    let (summary, name) = (&draft.summary, &draft.provider);
    let mut out = String::new();
    let target = arguments.out.join("src").join(name);
    let _ = writeln!(out, "provider {name} in {}\n", target.display());
    let resources: usize = summary.services.iter().map(|service| service.resources).sum();
    let methods: usize = summary.services.iter().map(|service| service.methods).sum();
    let _ = writeln!(
        out,
        "{} of {} operations are methods of {} in {}",
        methods,
        summary.operations,
        count(resources, "resource"),
        count(summary.services.len(), "service"),
    );
    for (verb, methods) in &summary.verbs {
        let _ = writeln!(out, "  {:<8}{methods:>6}", verb.keyword());
    }
    let _ = writeln!(out, "\nservices");
    for service in &summary.services {
        let _ = writeln!(
            out,
            "  {name}.{}: {}, {}",
            service.name,
            count(service.resources, "resource"),
            count(service.methods, "method")
        );
    }
    notes(&mut out, "left out", &summary.left_out);
    notes(&mut out, "reached by EXEC only", &summary.exec_only);
    notes(&mut out, "to know", &summary.notes);
    if !summary.environment.is_empty() {
        let _ = writeln!(out, "\nset before the first call");
        for variable in &summary.environment {
            let _ = writeln!(out, "  {}  {}", variable.name, variable.meaning);
        }
    }
    let folder = std::path::absolute(&arguments.out)
        .map_err(|error| Failure::message(format!("there is no current folder: {error}")))?;
    let _ = writeln!(
        out,
        "\ntry\n  nephos exec --registry '{{\"url\":\"file://{}\"}}' {}",
        folder.display(),
        shell(&summary.first_statement)
    );
    Ok(out)
}

fn notes(out: &mut String, title: &str, notes: &[Note]) {
    if notes.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    for note in notes.iter().take(SHOWN) {
        let _ = writeln!(out, "  {}: {}", note.place, note.text);
    }
    if notes.len() > SHOWN {
        let _ =
            writeln!(out, "  and {} more, each an x-nephos-note in the YAML", notes.len() - SHOWN);
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// A statement as an argument of a shell.
fn shell(statement: &str) -> String {
    let special = ['"', '$', '`', '\\', '!'];
    if statement.contains(special) {
        format!("'{}'", statement.replace('\'', "'\\''"))
    } else {
        format!("\"{statement}\"")
    }
}

#[allow(clippy::print_stdout)]
fn print(text: &str) {
    print!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_survives_the_shell() {
        assert_eq!(shell("SELECT 'a'"), "\"SELECT 'a'\"");
        assert_eq!(shell("SELECT \"a-b\" = 'x'"), "'SELECT \"a-b\" = '\\''x'\\'''");
    }
}
