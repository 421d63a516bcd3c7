//! Arguments as they are typed.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::provider::ProviderCommand;

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
    /// Provider documents: make them, check them, write pages about them
    #[command(subcommand)]
    Provider(ProviderCommand),
}

#[derive(Debug, Args)]
pub(crate) struct LintArguments {
    /// A registry, its src directory, a provider's directory or one of its versions
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// Print every note; otherwise at most ten of a file
    #[arg(long)]
    pub(crate) all: bool,

    /// Output format
    #[arg(short = 'o', long, value_enum, default_value_t = LintFormat::Text)]
    pub(crate) output: LintFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintFormat {
    Text,
    Json,
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

    /// How providers' calls are authorised, instead of how their documents say, as JSON or a file:
    /// '{"github":{"type":"bearer","credentialsenvvar":"TOKEN"}}'
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) auth: Option<String>,

    /// Read environment variables from a file of NAME=value lines; they stand before the process's
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// Most pages of a list; one that has more ends in an error that says so [default: none]
    #[arg(long, value_name = "PAGES", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) page_limit: Option<u64>,

    /// Where providers come from and what is believed: '{"url":"file:///path"}'
    #[arg(long, value_name = "JSON")]
    pub(crate) registry: Option<String>,

    /// Folder that providers are installed in, below `src` [default: `$NEPHOS_HOME`]
    #[arg(long, value_name = "DIR")]
    pub(crate) approot: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LocalCommand {
    /// Serve S3 on a port until interrupted
    Serve(ServeArguments),
    /// The users who may sign requests, besides the published pair of keys
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make a user and print its keys; a running endpoint knows it at once
    Add {
        /// Name, as the initiator of an upload shows it
        name: String,
        /// Make temporary keys with a session token, for a time such as 15m or 12h
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        expires: Option<Duration>,
        #[command(flatten)]
        folder: FolderArguments,
    },
    /// List the users, without their secrets
    List(FolderArguments),
    /// Remove a user
    Remove {
        /// Name or access key id
        name: String,
        #[command(flatten)]
        folder: FolderArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct FolderArguments {
    /// Folder that holds the buckets [default: `$NEPHOS_HOME/local`]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 9000)]
    pub(crate) port: u16,

    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,

    #[command(flatten)]
    pub(crate) folder: FolderArguments,

    /// What an acknowledged write survives
    #[arg(long, value_enum, default_value_t = Durability::Safe)]
    pub(crate) durability: Durability,

    /// What entity tags are made of
    #[arg(long, value_enum, default_value_t = EtagMode::Md5)]
    pub(crate) etag: EtagMode,

    /// Base domain of virtual-host style addressing, besides localhost and s3.localhost
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Vec<String>,

    /// Accept only the users of `nephos local user`, not the published pair of keys
    #[arg(long)]
    pub(crate) no_default_user: bool,

    /// Deny an action to everybody, such as kms:Decrypt or s3:DeleteObject
    #[arg(long, value_name = "ACTION", value_parser = parse_action)]
    pub(crate) deny: Vec<String>,

    /// How long a client may keep the endpoint waiting for the next byte
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_time)]
    pub(crate) timeout: Duration,

    /// How long a day of a lifecycle rule is; make it short to watch rules work
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_time)]
    pub(crate) lifecycle_day: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    /// It is on the disk before it is acknowledged: it survives a power cut
    Safe,
    /// It is with the operating system: it survives kill -9, and a power cut may lose it
    Fast,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EtagMode {
    /// MD5s, which some clients compare with their own
    Md5,
    /// No MD5s, as for SSE-KMS objects on S3: less work for every byte
    Fast,
}

/// Reads the name of an action, however its letters are cased.
fn parse_action(text: &str) -> Result<String, String> {
    let actions = nephos_s3::actions();
    if let Some(known) = actions.iter().find(|known| known.eq_ignore_ascii_case(text)) {
        return Ok(known.clone());
    }
    let near = nephos_catalog::nearest(text, actions.iter().map(String::as_str));
    match near.first() {
        Some(near) => Err(format!("there is no such action; did you mean {near}?")),
        None => Err("an action is kms:Decrypt, or of S3, such as s3:PutObject".to_owned()),
    }
}

/// Reads a time such as 500ms, 60s, 15m, 12h or 7d.
fn parse_time(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return Err("a time has a unit: 500ms, 60s, 15m, 12h, 7d".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a time begins with a number".to_owned())?;
    number
        .checked_mul(millis)
        .filter(|millis| *millis > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| "a time must be more than nothing, and less than forever".to_owned())
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
