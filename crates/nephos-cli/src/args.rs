//! Arguments as they are typed.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Cloud APIs as a database: SHOW, DESCRIBE, SELECT, INSERT, DELETE and EXEC over every method.
#[derive(Debug, Parser)]
#[command(name = "nephos", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run SQL statements and print their rows
    Exec(ExecArguments),
    /// The S3 endpoint that comes inside nephos
    #[command(subcommand)]
    Local(LocalCommand),
}

#[derive(Debug, Args)]
pub(crate) struct ExecArguments {
    /// SQL text; statements are separated by semicolons. Without it and without --infile, stdin
    pub(crate) query: Option<String>,

    /// Read the SQL text from a file
    #[arg(short = 'i', long, value_name = "FILE", conflicts_with = "query")]
    pub(crate) infile: Option<PathBuf>,

    /// Output format
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,

    /// Write rows to a file instead of stdout
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) outfile: Option<PathBuf>,

    /// Run the statements after one that failed; the exit code is still 1
    #[arg(long)]
    pub(crate) keep_going: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectionArguments {
    /// Use the S3 endpoint inside nephos, over the folder `$NEPHOS_HOME/local`
    #[arg(long, conflicts_with = "endpoint_url")]
    pub(crate) local: bool,

    /// Send calls to this URL instead of AWS (also `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`)
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,

    /// Where the bucket's name stands in a URL
    #[arg(long, value_enum, default_value_t = AddressingStyle::Auto)]
    pub(crate) addressing_style: AddressingStyle,

    /// AWS profile to take credentials from (also `AWS_PROFILE`)
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Provider documents besides the built-in ones: '{"url":"file:///path"}'
    #[arg(long, value_name = "JSON")]
    pub(crate) registry: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LocalCommand {
    /// Serve S3 on a port until interrupted
    Serve(ServeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 9000)]
    pub(crate) port: u16,

    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,

    /// Folder that holds the buckets [default: `$NEPHOS_HOME/local`]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// Do not wait for the disk: faster, but a power cut may lose what was acknowledged
    #[arg(long)]
    pub(crate) no_fsync: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Csv,
    Json,
    Ndjson,
    Markdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AddressingStyle {
    /// In the host for AWS, in the path for other endpoints
    Auto,
    /// `https://host/bucket/key`
    Path,
    /// `https://bucket.host/key`
    Virtual,
}
