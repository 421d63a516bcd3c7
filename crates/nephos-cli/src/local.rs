//! `nephos local`: the S3 endpoint as a tool of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use nephos_s3::{Durability, EtagMode, LocalS3, OpenError, Options, User, UsersFile};
use tokio::net::TcpListener;

use crate::args::{self, FolderArguments, LocalCommand, ServeArguments, UserCommand};
use crate::connect::local_folder;
use crate::error::{Failure, report};

pub(crate) async fn run(command: LocalCommand) -> ExitCode {
    let done = match command {
        LocalCommand::Serve(arguments) => listen(arguments).await,
        LocalCommand::User(command) => user(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

fn folder(arguments: FolderArguments) -> Result<PathBuf, Failure> {
    arguments.dir.map_or_else(local_folder, Ok)
}

async fn listen(arguments: ServeArguments) -> Result<(), Failure> {
    let options = options(&arguments);
    let folder = folder(arguments.folder)?;
    let endpoint = LocalS3::open(&folder, options).map_err(|error| match &error {
        OpenError::InUse { endpoint: Some(url), .. } => {
            Failure::message(error.to_string()).hint(format!("it is served at {url} already"))
        }
        OpenError::TooOld { dir, .. } => Failure::message(error.to_string())
            .hint(format!("name another folder with --dir, or remove {}", dir.display())),
        _ => Failure::message(error.to_string()),
    })?;
    let address = (arguments.host, arguments.port);
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::message(format!("cannot listen on {}:{}: {error}", address.0, address.1))
            .hint("--port 0 takes a free port")
    })?;
    let bound = listener.local_addr()?;
    say(&format!("S3 endpoint http://{bound} over {}", folder.display()));
    if arguments.no_default_user {
        say("requests are signed with the keys of a user: nephos local user add NAME");
    } else {
        say(&format!(
            "AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={} AWS_REGION={}",
            nephos_s3::ACCESS_KEY_ID,
            nephos_s3::SECRET_ACCESS_KEY,
            nephos_s3::REGION
        ));
        if !bound.ip().is_loopback() {
            say("warning: other machines can reach this endpoint, and its keys are published: \
                 --no-default-user accepts only users of your own");
        }
    }
    endpoint.serve(listener, interrupted()).await?;
    Ok(())
}

fn options(arguments: &ServeArguments) -> Options {
    let mut options = Options {
        durability: match arguments.durability {
            args::Durability::Safe => Durability::Safe,
            args::Durability::Fast => Durability::Fast,
        },
        etag: match arguments.etag {
            args::EtagMode::Md5 => EtagMode::Md5,
            args::EtagMode::Fast => EtagMode::Fast,
        },
        published_user: !arguments.no_default_user,
        denied: arguments.deny.clone(),
        patience: arguments.timeout,
        lifecycle_day: arguments.lifecycle_day,
        ..Options::default()
    };
    options.domains.extend(arguments.domain.iter().cloned());
    options
}

fn user(command: UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::Add { name, expires, folder: place } => {
            let user = update(&UsersFile::of(&folder(place)?), |users| {
                if users.iter().any(|user| user.name == name && user.session_token.is_none())
                    && expires.is_none()
                {
                    return Err(Failure::message(format!("there is a user {name} already"))
                        .hint(format!("nephos local user remove {name} removes it")));
                }
                let user = User::new(&name, expires);
                users.push(user.clone());
                Ok(user)
            })?;
            print_keys(&user);
            Ok(())
        }
        UserCommand::List(place) => {
            for user in read(&UsersFile::of(&folder(place)?))? {
                let kind = if user.session_token.is_some() { "\ttemporary" } else { "" };
                print(&format!("{}\t{}{kind}", user.name, user.access_key_id));
            }
            Ok(())
        }
        UserCommand::Remove { name, folder: place } => {
            update(&UsersFile::of(&folder(place)?), |users| {
                let before = users.len();
                users.retain(|user| user.name != name && user.access_key_id != name);
                if users.len() == before {
                    return Err(Failure::message(format!("there is no user {name}"))
                        .hint("nephos local user list shows them"));
                }
                Ok(())
            })
        }
    }
}

fn read(file: &UsersFile) -> Result<Vec<User>, Failure> {
    file.read().map_err(|error| {
        Failure::message(format!("cannot read {}: {error}", file.path().display()))
    })
}

fn update<T>(
    file: &UsersFile,
    change: impl FnOnce(&mut Vec<User>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    file.update(change).map_err(|error| {
        Failure::message(format!("cannot change {}: {error}", file.path().display()))
    })?
}

/// The only time that a secret is shown: as lines that a shell can read.
fn print_keys(user: &User) {
    print(&format!("AWS_ACCESS_KEY_ID={}", user.access_key_id));
    print(&format!("AWS_SECRET_ACCESS_KEY={}", user.secret_access_key));
    if let Some(token) = &user.session_token {
        print(&format!("AWS_SESSION_TOKEN={token}"));
    }
}

/// Ends when the process is asked to: Ctrl-C or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[allow(clippy::print_stderr)]
fn say(line: &str) {
    eprintln!("{line}");
}

#[allow(clippy::print_stdout)]
fn print(line: &str) {
    println!("{line}");
}
