//! Settings to a session: catalog, transport, endpoint and credentials.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use http_body_util::{BodyExt, Full};
use nephos_catalog::{Auth, Catalog, CatalogError, ProviderDirectory, RegistryConfig};
use nephos_engine::{Registry, Session};
use nephos_http::{
    Addressing, ClientBuilder, Credentials, CredentialsSource, Endpoint, Environment, InProcess,
    Network, RequestBody, ResponseBody, parse_auth,
};
use nephos_s3::{LocalS3, OpenError, Options};
use url::Url;

use crate::args::{AddressingStyle, ConnectionArguments};
use crate::environment::environment;
use crate::error::Failure;

/// Everything that a statement needs.
pub(crate) fn session(arguments: &ConnectionArguments) -> Result<Session, Failure> {
    let config = registry(arguments.registry.as_deref())?;
    let root = arguments.approot.clone().or_else(|| home().ok());
    let catalog = catalog(&config, root.as_deref())?;
    let (environment, names) = environment(arguments.env_file.as_deref())?;
    let mut client = client(arguments, &environment, &names)?.environment(environment);
    if let Some(text) = &arguments.auth {
        for (provider, auth) in given_auth(text)? {
            client = client.auth(&catalog.provider(&provider)?.name, auth);
        }
    }
    let client = client.page_limit(arguments.page_limit).build();
    let session = Session::new(Arc::new(catalog), client.clone());
    let Some(root) = root else { return Ok(session) };
    Ok(session.with_registry(Registry {
        // The endpoint inside knows no registries.
        client: if arguments.local {
            ClientBuilder::new(Arc::new(Network::new())).build()
        } else {
            client
        },
        catalog: {
            let (config, root) = (config.clone(), root.clone());
            Box::new(move || self::catalog(&config, Some(&root)))
        },
        config,
        home: root,
    }))
}

/// `--registry`.
fn registry(json: Option<&str>) -> Result<RegistryConfig, Failure> {
    Ok(match json {
        Some(json) => RegistryConfig::parse(json)?,
        None => RegistryConfig::default(),
    })
}

/// The providers that statements see with this `--registry`.
pub(crate) fn known_providers(json: Option<&str>) -> Result<Catalog, Failure> {
    Ok(catalog(&registry(json)?, home().ok().as_deref())?)
}

/// `--auth`: JSON, or a file of it.
fn given_auth(text: &str) -> Result<Vec<(String, Auth)>, Failure> {
    let Some(path) = text.strip_prefix('@') else {
        return Ok(parse_auth(text)?);
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::message(format!("cannot read {path}: {error}")))?;
    Ok(parse_auth(&text)?)
}

/// The built-in providers, and before them those of the registry's directory and the installed ones.
fn catalog(config: &RegistryConfig, root: Option<&Path>) -> Result<Catalog, CatalogError> {
    let built_in = nephos_builtin::providers()?;
    let mut catalog = built_in.into_iter().fold(Catalog::new(), Catalog::with_compiled);
    for source in config.sources(root) {
        let directory = ProviderDirectory::open(&source)?;
        // Without a home everything works, and documents are compiled by every process.
        catalog = catalog.with_directory(match home() {
            Ok(home) => directory.with_cache(home.join("cache")),
            Err(_) => directory,
        });
    }
    Ok(catalog)
}

fn client(
    arguments: &ConnectionArguments,
    environment: &Environment,
    names: &[String],
) -> Result<ClientBuilder, Failure> {
    let addressing = match arguments.addressing_style {
        AddressingStyle::Auto => Addressing::Auto,
        AddressingStyle::Path => Addressing::Path,
        AddressingStyle::Virtual => Addressing::VirtualHost,
    };
    if arguments.local {
        return local(addressing);
    }
    let url = arguments.endpoint_url.as_deref().map(Endpoint::parse).transpose()?;
    let services = service_endpoints(environment, names)?;
    Ok(ClientBuilder::new(Arc::new(Network::new()))
        .endpoint(Endpoint { url, services, addressing })
        .credentials(CredentialsSource::AwsChain { profile: arguments.profile.clone() }))
}

/// Endpoints that AWS's own variables name: of single services, then the one for all.
fn service_endpoints(
    environment: &Environment,
    names: &[String],
) -> Result<Vec<(String, Url)>, Failure> {
    const ALL: &str = "AWS_ENDPOINT_URL";
    let services: BTreeSet<String> = names
        .iter()
        .filter_map(|name| Some(name.strip_prefix(ALL)?.strip_prefix('_')?.to_owned()))
        .collect();
    let of = |service: &str| match service {
        "" => environment(ALL),
        service => environment(&format!("{ALL}_{service}")),
    };
    services
        .into_iter()
        .chain([String::new()])
        .filter_map(|service| Some((of(&service).filter(|url| !url.is_empty())?, service)))
        .map(|(url, service)| Ok((service, Endpoint::parse(&url)?)))
        .collect()
}

/// The endpoint inside this process; where another process serves the same folder, that one.
fn local(addressing: Addressing) -> Result<ClientBuilder, Failure> {
    let credentials = CredentialsSource::Static(Credentials {
        access_key_id: nephos_s3::ACCESS_KEY_ID.to_owned(),
        secret_access_key: nephos_s3::SECRET_ACCESS_KEY.to_owned(),
        session_token: None,
    });
    let endpoint = match LocalS3::open(&local_folder()?, Options::default()) {
        Ok(endpoint) => endpoint,
        Err(OpenError::InUse { endpoint: Some(url), .. }) => {
            let url = Some(Endpoint::parse(&url)?);
            return Ok(ClientBuilder::new(Arc::new(Network::new()))
                .endpoint(Endpoint { url, services: Vec::new(), addressing })
                .credentials(credentials));
        }
        Err(error) => return Err(Failure::message(error.to_string())),
    };
    let transport = InProcess::new("local", move |request| {
        let endpoint = endpoint.clone();
        async move {
            if !is_s3(&request) {
                return only_s3();
            }
            endpoint.call(request.map(BodyExt::boxed_unsync)).await
        }
        .boxed()
    });
    Ok(ClientBuilder::new(Arc::new(transport))
        .endpoint(Endpoint { url: None, services: Vec::new(), addressing })
        .credentials(credentials))
}

/// `$NEPHOS_HOME/local`.
pub(crate) fn local_folder() -> Result<PathBuf, Failure> {
    Ok(home()?.join("local"))
}

fn home() -> Result<PathBuf, Failure> {
    if let Some(home) = variable("NEPHOS_HOME") {
        return Ok(PathBuf::from(home));
    }
    std::env::home_dir().map(|home| home.join(".nephos")).ok_or_else(|| {
        Failure::message("there is no home directory")
            .hint("set NEPHOS_HOME to a folder that nephos may write")
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether a request is for S3: a registry may hold other services of AWS, too.
fn is_s3(request: &http::Request<RequestBody>) -> bool {
    let host = request.uri().host().unwrap_or_default();
    host.split('.').any(|label| label == "s3" || label.starts_with("s3-"))
}

fn only_s3() -> http::Response<ResponseBody> {
    let text = "<Error><Code>NotImplemented</Code>\
                <Message>--local serves S3 and no other service</Message></Error>";
    let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {});
    let mut response = http::Response::new(body.boxed_unsync());
    *response.status_mut() = http::StatusCode::NOT_IMPLEMENTED;
    response
}
