//! `nephos exec`.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use futures::TryStreamExt;
use nephos_engine::{Error, Outcome, Session};
use nephos_sql::{Statement, StatementKind};

use crate::args::ExecArguments;
use crate::connect::session;
use crate::error::{FAILED, Failure, report};
use crate::output::Output;
use crate::progress::Progress;

pub(crate) async fn run(arguments: ExecArguments) -> ExitCode {
    match prepare(&arguments) {
        Ok((text, statements, session, output)) => {
            all(&arguments, &text, &statements, &session, output).await
        }
        Err(failure) => report(&failure),
    }
}

type Prepared = (String, Vec<Statement>, Session, Output);

fn prepare(arguments: &ExecArguments) -> Result<Prepared, Failure> {
    let text = text(arguments)?;
    let statements =
        nephos_sql::parse(&text).map_err(|error| Failure::in_text(Error::from(error), &text))?;
    let session = session(&arguments.connection)?;
    let output = Output::open(arguments.output, arguments.outfile.as_deref())?;
    Ok((text, statements, session, output))
}

fn text(arguments: &ExecArguments) -> Result<String, Failure> {
    if let Some(query) = &arguments.query {
        return Ok(query.clone());
    }
    if let Some(path) = &arguments.infile {
        return std::fs::read_to_string(path)
            .map_err(|error| Failure::message(format!("cannot read {}: {error}", path.display())));
    }
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::message("no SQL given")
            .hint("nephos exec \"SHOW PROVIDERS\", or -i FILE, or a pipe"));
    }
    let mut text = String::new();
    stdin
        .read_to_string(&mut text)
        .map_err(|error| Failure::message(format!("cannot read SQL from stdin: {error}")))?;
    Ok(text)
}

async fn all(
    arguments: &ExecArguments,
    text: &str,
    statements: &[Statement],
    session: &Session,
    mut output: Output,
) -> ExitCode {
    let several = statements.len() > 1 && std::io::stderr().is_terminal();
    let mut failed = false;
    for (index, statement) in statements.iter().enumerate() {
        if several {
            let shown = text.get(statement.span.clone()).unwrap_or_default();
            say(&format!("\n> {}", nephos_sql::mask_secrets(shown)));
        }
        match one(statement, session, &mut output).await {
            Ok(()) => {}
            // The reader of the pipe has gone: nobody waits for more rows of this statement, but
            // the ones after it may have been meant to change something.
            Err(Stop::PipeClosed) => {
                let left = statements.len() - index - 1;
                if left == 0 && !failed {
                    return ExitCode::SUCCESS;
                }
                say(&not_run(left));
                return ExitCode::from(FAILED);
            }
            Err(Stop::Failed(error)) => {
                failed = true;
                if let Err(error) = output.abandon() {
                    return report(&Failure::message(format!("cannot write rows: {error}")));
                }
                report(&Failure::in_text(*error, text));
                let left = statements.len() - index - 1;
                if !arguments.keep_going {
                    if left > 0 {
                        say(&not_run(left));
                    }
                    break;
                }
            }
            Err(Stop::Output(error)) => {
                return report(&Failure::message(format!("cannot write rows: {error}")));
            }
        }
    }
    match output.finish() {
        Ok(()) if failed => ExitCode::from(FAILED),
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => report(&Failure::message(format!("cannot write rows: {error}"))),
    }
}

fn not_run(left: usize) -> String {
    let word = if left == 1 { "statement" } else { "statements" };
    format!("{left} {word} after it not run")
}

enum Stop {
    Failed(Box<Error>),
    PipeClosed,
    Output(std::io::Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::PipeClosed,
            _ => Self::Output(error),
        }
    }
}

async fn one(statement: &Statement, session: &Session, output: &mut Output) -> Result<(), Stop> {
    let progress = Progress::start(session.client().traffic());
    match session.run(statement).await? {
        Outcome::Done(line) => {
            drop(progress);
            say(&line);
        }
        Outcome::Rows(mut rows) => {
            // What a call answers has a column for every header there may be; in a table only
            // those with a value are of use.
            let hide_empty = matches!(statement.kind, StatementKind::Exec(_));
            output.begin(rows.schema(), hide_empty)?;
            while let Some(batch) =
                rows.try_next().await.map_err(|error| Stop::from(at(error, statement)))?
            {
                progress.aside(|| output.rows(&batch))?;
            }
            drop(progress);
            for note in output.end()? {
                say(&note);
            }
        }
    }
    Ok(())
}

fn at(error: impl Into<Error>, statement: &Statement) -> Error {
    let mut error = error.into();
    if error.span.is_none() && matches!(error.kind, nephos_engine::ErrorKind::Plan) {
        error.span = Some(statement.span.clone());
    }
    error
}

#[allow(clippy::print_stderr)]
fn say(line: &str) {
    eprintln!("{line}");
}
