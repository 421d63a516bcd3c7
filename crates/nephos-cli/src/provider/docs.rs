//! `nephos provider docs`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use nephos_catalog::{ReferencePage, ReferencePages};

use crate::connect::known_providers;
use crate::error::{FAILED, Failure};

#[derive(Debug, Args)]
pub(crate) struct ProviderDocsArguments {
    /// The provider
    pub(crate) provider: String,

    /// Folder that the pages are written into, below a folder of the provider's name
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Only this service; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Vec<String>,

    /// Provider documents besides the built-in ones: '{"url":"file:///path"}'
    #[arg(long, value_name = "JSON")]
    pub(crate) registry: Option<String>,
}

pub(super) fn run(arguments: &ProviderDocsArguments) -> Result<ExitCode, Failure> {
    let catalog = known_providers(arguments.registry.as_deref())?;
    let pages = ReferencePages::of(&catalog, &arguments.provider)?;
    let mut wanted = Vec::new();
    for name in &arguments.service {
        wanted.push(catalog.service(&arguments.provider, name)?.1.name.clone());
    }
    write(&arguments.out, &pages.index())?;
    let (mut written, mut failed) = (1, false);
    for service in pages.services() {
        if !wanted.is_empty() && !wanted.contains(&service.name) {
            continue;
        }
        // A service that cannot be read does not keep the others from having pages.
        match pages.service(service) {
            Ok(found) => {
                for page in &found.pages {
                    write(&arguments.out, page)?;
                    written += 1;
                }
                for fault in found.faults {
                    say(&format!("{}.{}: {}", service.name, fault.place, fault.reason));
                }
            }
            Err(error) => {
                failed = true;
                say(&format!("{}: {error}", service.name));
            }
        }
    }
    say(&format!("{written} pages in {}", arguments.out.display()));
    Ok(if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

fn write(folder: &Path, page: &ReferencePage) -> Result<(), Failure> {
    let path = folder.join(&page.path);
    path.parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&path, &page.text))
        .map_err(|error| Failure::message(format!("cannot write {}: {error}", path.display())))
}

#[allow(clippy::print_stderr)]
fn say(line: &str) {
    eprintln!("{line}");
}
