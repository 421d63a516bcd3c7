//! `nephos provider`: documents of providers, made, checked and shown.

mod docs;
mod init;
mod lint;

use std::process::ExitCode;

use clap::Subcommand;

pub(crate) use self::docs::ProviderDocsArguments;
pub(crate) use self::init::ProviderInitArguments;
use crate::args::LintArguments;
use crate::error::report;

#[derive(Debug, Subcommand)]
pub(crate) enum ProviderCommand {
    /// Read every document and print what is wrong; the exit code is 1 if something cannot be used
    Lint(LintArguments),
    /// Make a provider of an `OpenAPI` 3 document, so that its API can be queried
    Init(ProviderInitArguments),
    /// Write reference pages of a provider in Markdown
    Docs(ProviderDocsArguments),
}

pub(crate) fn run(command: &ProviderCommand) -> ExitCode {
    let done = match command {
        ProviderCommand::Lint(arguments) => lint::run(arguments),
        ProviderCommand::Init(arguments) => init::run(arguments),
        ProviderCommand::Docs(arguments) => docs::run(arguments),
    };
    done.unwrap_or_else(|failure| report(&failure))
}
