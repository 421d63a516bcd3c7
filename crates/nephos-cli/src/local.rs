//! `nephos local serve`.

use std::process::ExitCode;

use nephos_s3::{Durability, LocalS3, OpenError, Options};
use tokio::net::TcpListener;

use crate::args::ServeArguments;
use crate::connect::local_folder;
use crate::error::{Failure, report};

pub(crate) async fn serve(arguments: ServeArguments) -> ExitCode {
    match listen(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

async fn listen(arguments: ServeArguments) -> Result<(), Failure> {
    let folder = match arguments.dir {
        Some(folder) => folder,
        None => local_folder()?,
    };
    let durability = if arguments.no_fsync { Durability::None } else { Durability::Fsync };
    let options = Options { durability, ..Options::default() };
    let endpoint = LocalS3::open(&folder, options).map_err(|error| match &error {
        OpenError::InUse { endpoint: Some(url), .. } => {
            Failure::message(error.to_string()).hint(format!("it is served at {url} already"))
        }
        _ => Failure::message(error.to_string()),
    })?;
    let address = (arguments.host, arguments.port);
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::message(format!("cannot listen on {}:{}: {error}", address.0, address.1))
            .hint("--port 0 takes a free port")
    })?;
    let bound = listener.local_addr()?;
    say(&format!("S3 endpoint http://{bound} over {}", folder.display()));
    say(&format!(
        "AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={} AWS_REGION={}",
        nephos_s3::ACCESS_KEY_ID,
        nephos_s3::SECRET_ACCESS_KEY,
        nephos_s3::REGION
    ));
    endpoint.serve(listener, interrupted()).await?;
    Ok(())
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
