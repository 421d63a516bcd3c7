//! `nephos-dev`: the developer's tool of this workspace.
//!
//! **Purpose.** Generates the files that are committed but not written by hand.
//!
//! **Owns.** The command line, reading and writing of files, messages and exit codes of the tool.
//!
//! **Does not own.** What is generated: that is the library beside it, which touches no file.
//!
//! **Invariants.**
//! - The same inputs give the same bytes.
//! - `--check` writes nothing; it ends with 1 where a file on disk differs.
//! - Nothing is written when an input has a fault; every fault found is named.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's tool answers on its terminal"
)]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use nephos_dev::aws_s3::{Documents, Sources, generate};

/// Developer's tool of the Nephos workspace.
#[derive(Parser)]
#[command(name = "nephos-dev")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the documents of a built-in provider.
    Provider {
        #[command(subcommand)]
        provider: Provider,
    },
}

#[derive(Subcommand)]
enum Provider {
    /// The `s3` service of the provider `aws`, from botocore's model of it.
    AwsS3 {
        /// botocore's `data/s3/2006-03-01/service-2.json`, or the same with `.gz`.
        /// `paginators-1.json` is read from the same folder.
        model: PathBuf,
        /// Folder that holds `source/` and receives the documents.
        #[arg(long, default_value = "providers/aws")]
        out: PathBuf,
        /// Write nothing; end with 1 where a document on disk differs.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let Command::Provider { provider: Provider::AwsS3 { model, out, check } } =
        Arguments::parse().command;
    match aws_s3(&model, &out, check) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(faults) => {
            for fault in &faults {
                eprintln!("error: {fault}");
            }
            ExitCode::FAILURE
        }
    }
}

fn aws_s3(model: &Path, out: &Path, check: bool) -> Result<String, Vec<String>> {
    let source = |name: &str| read(&out.join("source").join(name));
    let paginators = model.with_file_name("paginators-1.json");
    let documents = generate(&Sources {
        model: &read(model)?,
        paginators: &if paginators.exists() { read(&paginators)? } else { "{}".to_owned() },
        bindings: &source("s3.bindings.tsv")?,
        rows: &source("s3.rows.tsv")?,
        descriptions: &source("s3.descriptions.tsv")?,
    })?;
    let Documents { provider, service, counts } = documents;
    let version = out.join("v00.00.00000");
    let files =
        [(version.join("provider.yaml"), provider), (version.join("services/s3.yaml"), service)];
    if check {
        let stale: Vec<String> = files
            .iter()
            .filter(|(path, text)| fs::read_to_string(path).ok().as_ref() != Some(text))
            .map(|(path, _)| {
                format!(
                    "{} differs from what its sources give; run `nephos-dev provider aws-s3` without --check",
                    path.display()
                )
            })
            .collect();
        return if stale.is_empty() { Ok(format!("up to date: {counts}")) } else { Err(stale) };
    }
    for (path, text) in &files {
        write(path, text)?;
    }
    Ok(format!("wrote {counts}"))
}

fn read(path: &Path) -> Result<String, Vec<String>> {
    let fault = |error: std::io::Error| vec![format!("cannot read {}: {error}", path.display())];
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut text = String::new();
        flate2::read::GzDecoder::new(fs::File::open(path).map_err(fault)?)
            .read_to_string(&mut text)
            .map_err(fault)?;
        return Ok(text);
    }
    fs::read_to_string(path).map_err(fault)
}

fn write(path: &Path, text: &str) -> Result<(), Vec<String>> {
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| vec![format!("cannot write {}: {error}", path.display())])
}
