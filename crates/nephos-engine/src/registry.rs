//! REGISTRY LIST and REGISTRY PULL.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use nephos_catalog::{
    ArchiveLimits, Catalog, CatalogError, Installation, ProviderVersion, RegistryConfig,
    RegistryListing, RegistryUrl, Verifier, provider_directory,
};
use nephos_http::{CallErrorKind, Client};
use nephos_sql::{NamePart, RegistryCommand};

use crate::metadata::{Listing, batch, listing, stream};
use crate::{Error, ErrorKind, Outcome, Session};

/// A list of everything that a registry has is shorter.
const LONGEST_LIST: u64 = 16 << 20;
/// Versions that a message names.
const MOST_SHOWN: usize = 10;
/// Documents that are pulled at once.
const AT_ONCE: usize = 8;
/// What registries without archives call the version that they have.
const ONLY_VERSION: &str = "v00.00.00000";

/// What REGISTRY statements need.
pub struct Registry {
    /// Where providers come from.
    pub config: RegistryConfig,
    /// Where they are kept, unless the settings say otherwise: in `src` below it.
    pub home: PathBuf,
    /// What they come through.
    pub client: Arc<Client>,
    /// The catalog with what is installed now.
    pub catalog: Box<dyn Fn() -> Result<Catalog, CatalogError> + Send + Sync>,
}

impl Session {
    pub(crate) async fn run_registry(&self, command: &RegistryCommand) -> Result<Outcome, Error> {
        let Some(registry) = &self.registry else {
            return Err(Error::plan("there is no folder to install providers in")
                .hint("set NEPHOS_HOME to a folder that nephos may write"));
        };
        match command {
            RegistryCommand::List { provider } => {
                let listing = registry.list(provider.as_ref()).await?;
                Ok(Outcome::Rows(stream(batch(&listing)?)))
            }
            RegistryCommand::Pull { provider, version } => {
                let pulled = registry.pull(provider, version.as_ref()).await?;
                self.replace_catalog((registry.catalog)()?);
                Ok(Outcome::Done(format!(
                    "{} provider, version '{pulled}' successfully installed",
                    provider.text
                )))
            }
        }
    }
}

impl Registry {
    async fn list(&self, provider: Option<&NamePart>) -> Result<Listing, Error> {
        let offered = self.listing().await?;
        let Some(provider) = provider else {
            let rows = offered.latest().map(|(name, version)| vec![name.into(), version.into()]);
            return Ok(listing(&["provider", "version"], 2, rows.collect(), &[0]));
        };
        let versions = versions(&offered, provider)?;
        let rows = vec![vec![provider.text.clone(), versions.join(", ")]];
        Ok(listing(&["provider", "versions"], 2, rows, &[0]))
    }

    /// Installs a provider and returns the version.
    async fn pull(&self, provider: &NamePart, version: Option<&NamePart>) -> Result<String, Error> {
        let named = |error: CatalogError| Error::from(error).at(provider.span.clone());
        let directory = provider_directory(&provider.text).map_err(named)?;
        let wanted = match version {
            Some(version) => version.text.clone(),
            None => self.latest(provider).await?,
        };
        let verifier = Verifier::open(&self.config.verify)?;
        let signed = verifier.is_strict();
        let source = self.config.installed(&self.home);
        let (place, label) = (directory.clone(), wanted.clone());
        let installation = blocking(move || Installation::begin(&source, &place, &label)).await?;
        let name = format!("{directory}/{wanted}");
        let (installation, absent) = if self.config.allow_src_download {
            let absent = self.documents(&installation, &name, signed).await?;
            (installation, absent)
        } else {
            self.archive(installation, &format!("{name}.tgz")).await?
        };
        if let Some(absent) = absent {
            return Err(self.explain(&absent, provider, &wanted).await);
        }
        blocking(move || {
            installation.verify(&name, &verifier)?;
            installation.commit()
        })
        .await?;
        Ok(wanted)
    }

    async fn latest(&self, provider: &NamePart) -> Result<String, Error> {
        let offered = match self.listing().await {
            Err(error) if error.kind == ErrorKind::Name && self.config.allow_src_download => {
                return Ok(ONLY_VERSION.to_owned());
            }
            other => other?,
        };
        let versions = versions(&offered, provider)?;
        let latest = ProviderVersion::latest(versions.iter().map(String::as_str));
        latest.map(str::to_owned).ok_or_else(|| {
            let message = format!("the registry has no version of provider {}", provider.text);
            Error::new(ErrorKind::Name, message).at(provider.span.clone())
        })
    }

    /// The second value is the address, where nothing is there.
    async fn archive(
        &self,
        installation: Installation,
        name: &str,
    ) -> Result<(Installation, Option<String>), Error> {
        let limits = ArchiveLimits::default();
        let mut file = installation.archive()?;
        let from = self.config.dist(name);
        if !self.fetch(&from, limits.compressed, &mut file).await? {
            return Ok((installation, Some(from.to_string())));
        }
        let name = name.to_owned();
        blocking(move || {
            installation.unpack(&name, &limits)?;
            Ok((installation, None))
        })
        .await
    }

    /// The documents one by one, for registries that have no archives. The value is the address of
    /// the first that is not there.
    async fn documents(
        &self,
        installation: &Installation,
        name: &str,
        signed: bool,
    ) -> Result<Option<String>, Error> {
        let first = self.document(installation, name, "provider.yaml", signed).await?;
        if first.is_some() {
            return Ok(first);
        }
        let mut documents = futures::stream::iter(installation.services()?)
            .map(|path| async move { self.document(installation, name, &path, signed).await })
            .buffer_unordered(AT_ONCE);
        while let Some(absent) = documents.try_next().await? {
            if absent.is_some() {
                return Ok(absent);
            }
        }
        Ok(None)
    }

    /// One document, and its signature where there is one: that there must be is found later.
    async fn document(
        &self,
        installation: &Installation,
        name: &str,
        path: &str,
        signed: bool,
    ) -> Result<Option<String>, Error> {
        let limit = ArchiveLimits::default().document;
        let from = self.config.src(&format!("{name}/{path}"));
        let mut content = Vec::new();
        if !self.fetch(&from, limit, &mut content).await? {
            return Ok(Some(from.to_string()));
        }
        installation.add(name, path, &content)?;
        if signed {
            let path = format!("{path}.sig");
            content.clear();
            let from = self.config.src(&format!("{name}/{path}"));
            if self.fetch(&from, limit, &mut content).await? {
                installation.add(name, &path, &content)?;
            }
        }
        Ok(None)
    }

    /// Why there is nothing at an address.
    async fn explain(&self, absent: &str, provider: &NamePart, version: &str) -> Error {
        let plain = Error::new(ErrorKind::Name, format!("{absent} does not exist"));
        let Ok(offered) = self.listing().await else {
            return plain.at(provider.span.clone());
        };
        let versions = match versions(&offered, provider) {
            Ok(versions) => versions,
            Err(error) => return error,
        };
        if versions.iter().any(|known| known == version) {
            return plain.hint("the registry lists this version but does not have it");
        }
        let mut versions: Vec<&str> = versions.iter().map(String::as_str).collect();
        versions.sort_by_key(|version| std::cmp::Reverse(ProviderVersion::new(version)));
        let more = if versions.len() > MOST_SHOWN { ", and older ones" } else { "" };
        versions.truncate(MOST_SHOWN);
        Error::new(
            ErrorKind::Name,
            format!(
                "version {version} of provider {} does not exist in the registry",
                provider.text
            ),
        )
        .hint(format!("there is {}{more}", versions.join(", ")))
    }

    async fn listing(&self) -> Result<RegistryListing, Error> {
        let from = self.config.dist("providers.yaml");
        let mut text = Vec::new();
        if self.fetch(&from, LONGEST_LIST, &mut text).await? {
            let text = String::from_utf8_lossy(&text);
            return Ok(RegistryListing::parse(&from.to_string(), &text)?);
        }
        Err(match &self.config.url {
            RegistryUrl::File(_) => {
                Error::new(ErrorKind::Name, "'registry list' is meaningless in local mode").hint(
                    format!(
                        "{from} does not exist; documents below {} are read in place and need no \
                         REGISTRY PULL",
                        self.config.src("")
                    ),
                )
            }
            RegistryUrl::Web(url) => Error::new(
                ErrorKind::Name,
                format!("the registry has no list of providers: {from} does not exist"),
            )
            .hint(format!("is {url} the URL of a registry?")),
        })
    }

    /// Whether there is something at an address; it is written to `sink`.
    async fn fetch(
        &self,
        from: &RegistryUrl,
        limit: u64,
        sink: &mut (dyn Write + Send),
    ) -> Result<bool, Error> {
        let url = match from {
            RegistryUrl::File(path) => return copy(path, limit, sink),
            RegistryUrl::Web(url) => url,
        };
        match self.client.download(url, limit, sink).await {
            Ok(_) => Ok(true),
            Err(error) => match error.kind {
                CallErrorKind::Service { status: 404 | 410, .. } => Ok(false),
                CallErrorKind::Transport => Err(Error::from(error).hint(
                    "REGISTRY statements need the registry; what is installed works without",
                )),
                _ => Err(error.into()),
            },
        }
    }
}

fn copy(path: &Path, limit: u64, sink: &mut (dyn Write + Send)) -> Result<bool, Error> {
    let failed = |error: &io::Error| {
        Error::new(ErrorKind::Execution, format!("cannot read {}: {error}", path.display()))
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(&error)),
    };
    let copied = io::copy(&mut file.take(limit + 1), sink).map_err(|error| failed(&error))?;
    if copied > limit {
        return Err(failed(&io::Error::other(format!("it has more than {limit} bytes"))));
    }
    Ok(true)
}

fn versions<'a>(offered: &'a RegistryListing, provider: &NamePart) -> Result<&'a [String], Error> {
    let found = offered.versions(&provider.text);
    found.map_err(|error| Error::from(error).at(provider.span.clone()))
}

/// Work on files, away from the threads that answer.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CatalogError> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(Error::new(ErrorKind::Execution, "the installation was interrupted")
            .hint(error.to_string())),
    }
}
