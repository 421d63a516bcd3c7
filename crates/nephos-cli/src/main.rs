//! The `nephos` binary.
//!
//! **Purpose.** Reads arguments and environment, runs statements, prints rows and errors.
//!
//! **Owns.** Arguments, settings, output formats, how errors look, exit codes.
//!
//! **Does not own.** Planning, calls, the meaning of a statement.
//!
//! **Invariants.** Rows go to stdout (or the file of `-f`), everything else to stderr. Exit code 0
//! means that every statement succeeded and every row was written.

mod args;
mod connect;
mod environment;
mod error;
mod exec;
mod local;
mod output;
mod progress;
mod provider;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Command};

/// Plans are trees, and trees are walked by recursion: the main thread's own stack is too small for
/// the longest statements that are accepted.
const STACK: usize = 64 * 1024 * 1024;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let main = std::thread::Builder::new().name("main".to_owned()).stack_size(STACK);
    match main.spawn(move || run(arguments)).map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        // The panic has said what happened.
        Ok(Err(_)) => ExitCode::from(error::FAILED),
        Err(error) => error::report(&error::Failure::from(error)),
    }
}

fn run(arguments: Arguments) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return error::report(&error::Failure::from(error)),
    };
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Exec(exec) => Box::pin(exec::run(exec)).await,
            Command::Local(command) => local::run(command).await,
            Command::Provider(command) => provider::run(&command),
        }
    });
    // Tasks that still hash or write are not waited for: their results are not wanted any more.
    runtime.shutdown_background();
    done
}
