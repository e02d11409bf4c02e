//! What can be written on the command line. The doc comments are the help texts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use aldis_core::{EndpointKind, UnixMillis};
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand, ValueEnum};

use super::input;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXIT_CODES: &str =
    "Exit codes: 0 yes; 1 the answer is no (invalid, refused, conflict); 2 usage or I/O.";

/// Turn diagnostics up and down across a fleet of proxies while they run.
#[derive(Debug, Parser)]
#[command(name = "aldis", version, styles = STYLES, after_help = EXIT_CODES, max_term_width = 100)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Global {
    /// Where documents are published: etcd://h1:2379,h2:2379/KEY (etcds:// for TLS; KEY/ for a prefix),
    /// http://RELAY:PORT (https:// for TLS), file:PATH, or memory:
    #[arg(long, global = true, value_name = "URL", env = "ALDIS_SOURCE")]
    pub(super) source: Option<String>,
    /// How to answer: text for people, json for programs (one object per line)
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: Format,
    #[command(flatten)]
    pub(super) etcd: EtcdArgs,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
}

/// As etcdctl has them.
#[derive(clap::Args)]
#[command(next_help_heading = "Connecting to etcd")]
pub(super) struct EtcdArgs {
    /// Trust the certificate authorities in this file (PEM) instead of the system's
    #[arg(long, global = true, value_name = "FILE", env = "ETCDCTL_CACERT", hide_env_values = true)]
    pub(super) cacert: Option<PathBuf>,
    /// Show this client certificate (PEM)
    #[arg(long, global = true, value_name = "FILE", env = "ETCDCTL_CERT", hide_env_values = true)]
    pub(super) cert: Option<PathBuf>,
    /// The client certificate's key (PEM)
    #[arg(long, global = true, value_name = "FILE", env = "ETCDCTL_KEY", hide_env_values = true)]
    pub(super) key: Option<PathBuf>,
    /// The name that the servers' certificates must bear, if not the host's
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) server_name: Option<String>,
    /// User, or user:password
    #[arg(long, global = true, value_name = "USER[:PASSWORD]", env = "ETCDCTL_USER", hide_env_values = true)]
    pub(super) user: Option<String>,
    /// The user's password; better given by the environment, where others do not see it
    #[arg(long, global = true, value_name = "PASSWORD", env = "ETCDCTL_PASSWORD", hide_env_values = true)]
    pub(super) password: Option<String>,
    /// How long each endpoint has to accept a connection; where a store is started, all of them together
    #[arg(long, global = true, value_name = "DURATION", default_value = "5s", value_parser = input::duration)]
    pub(super) dial_timeout: Duration,
    /// How long each call has to be answered
    #[arg(long, global = true, value_name = "DURATION", default_value = "5s", value_parser = input::duration)]
    pub(super) command_timeout: Duration,
}

/// Without user and password.
impl std::fmt::Debug for EtcdArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EtcdArgs").finish_non_exhaustive()
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say whether documents are valid, and what about them may not be meant
    Check(CheckArgs),
    /// Decide one request
    Eval(Box<EvalArgs>),
    /// Put a document in force, by compare-and-swap
    Publish(PublishArgs),
    /// Show the active document
    Get(GetArgs),
    /// Turn everything off: replace the active document by the empty set
    Clear(ClearArgs),
    /// Print a line for each change, until interrupted
    Watch,
    /// Serve what the source holds over HTTP, for Envoy, browsers, scripts and other relays
    Serve(ServeArgs),
    /// Tell the whole story in one process: publish, flip, refuse, expire, clear
    Demo,
    /// Print the JSON Schema of documents, for editors
    Schema,
    /// Compile the WebAssembly guest to machine code, for proxies that load it without a compiler
    Precompile(PrecompileArgs),
    /// Print a script that completes this command's arguments
    Completions {
        /// The shell to complete in
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// Documents to check; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub(super) files: Vec<PathBuf>,
    /// Check as of this time: RFC 3339, or milliseconds since 1970
    #[arg(long, value_name = "TIME", value_parser = input::time)]
    pub(super) now: Option<UnixMillis>,
}

#[derive(Debug, clap::Args)]
pub(super) struct EvalArgs {
    /// The document to decide with; - is standard input; without it, what the source holds
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// The request's tenant
    #[arg(long, value_name = "NAME", help_heading = "The request")]
    pub(super) tenant: Option<String>,
    /// The request's index
    #[arg(long, value_name = "NAME", help_heading = "The request")]
    pub(super) index: Option<String>,
    /// The request's principal
    #[arg(long, value_name = "NAME", help_heading = "The request")]
    pub(super) principal: Option<String>,
    /// The request's endpoint, such as Search
    #[arg(long, value_name = "KIND", value_parser = input::endpoint, help_heading = "The request")]
    pub(super) endpoint: Option<EndpointKind>,
    /// One of the request's labels; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = input::label, help_heading = "The request")]
    pub(super) labels: Vec<(String, String)>,
    /// The request's id
    #[arg(long, value_name = "ID", help_heading = "The request")]
    pub(super) request_id: Option<String>,
    /// The id of the trace the request belongs to
    #[arg(long, value_name = "ID", help_heading = "The request")]
    pub(super) trace_id: Option<String>,
    /// Decide as of this time: RFC 3339, or milliseconds since 1970
    #[arg(long, value_name = "TIME", value_parser = input::time)]
    pub(super) now: Option<UnixMillis>,
    /// Count ttl_secs from this time instead of from now
    #[arg(long, value_name = "TIME", value_parser = input::time)]
    pub(super) anchor: Option<UnixMillis>,
    /// What decides: this program, or the WebAssembly guest in it
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE")]
    pub(super) engine: EngineKind,
    /// Say for every directive whether it applies, and if not, why
    #[arg(long)]
    pub(super) explain: bool,
}

/// What decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum EngineKind {
    #[default]
    Native,
    Wasm,
}

#[derive(Debug, clap::Args)]
pub(super) struct PublishArgs {
    /// The document to publish; - is standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) name: NameArg,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Publish only if the active document has this revision (0: if there is none)
    #[arg(long, value_name = "N")]
    pub(super) if_revision: Option<u64>,
    /// Publish the bytes as they are, ttl_secs included, for fleets that run the reference
    #[arg(long)]
    pub(super) compat: bool,
    /// Directives without any target are meant: they take every request of the fleet
    #[arg(long)]
    pub(super) fleet_wide: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct NameArg {
    /// Under a prefix source: the document's name, which follows the prefix in its key
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct GetArgs {
    #[command(flatten)]
    pub(super) name: NameArg,
}

#[derive(Debug, clap::Args)]
pub(super) struct ClearArgs {
    #[command(flatten)]
    pub(super) name: NameArg,
    /// Under a prefix source: clear every document
    #[arg(long, conflicts_with_all = ["name", "if_revision"])]
    pub(super) all: bool,
    /// Clear only if the active document has this revision
    #[arg(long, value_name = "N")]
    pub(super) if_revision: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// Where to listen. Whoever reaches this address can read directives; they may hold the names of tenants
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7117", env = "ALDIS_LISTEN")]
    pub(super) listen: SocketAddr,
    /// Let those publish who show a token of this file: one a line, of 16 bytes at least
    #[arg(long, value_name = "FILE", env = "ALDIS_TOKEN_FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// Serve under TLS with this chain of certificates (PEM); renewed when the file is
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// The key of the first of those certificates (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// Keep the last good state in this directory, and start from it while the source is down
    #[arg(long, value_name = "FOLDER")]
    pub(super) state_dir: Option<PathBuf>,
    /// Serve the page for people at /, from this folder: target/web/page, once `cargo xtask web` has built it
    #[arg(long, value_name = "FOLDER", env = "ALDIS_PAGE")]
    pub(super) page: Option<PathBuf>,
    /// Not ready if the source has not confirmed for so long
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = input::duration)]
    pub(super) stale_after: Duration,
    /// Connections at a time; one more is closed at once
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(super) max_connections: usize,
    /// How long to wait for requests under way when told to end
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = input::duration)]
    pub(super) drain: Duration,
    /// What to log, to standard error
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL", env = "ALDIS_LOG")]
    pub(super) log: LogLevel,
}

/// What is logged, and all that is worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogLevel {
    Off,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

#[derive(Debug, clap::Args)]
pub(super) struct PrecompileArgs {
    /// The guest, a WebAssembly module; - is standard input; without it, the one in this program
    #[arg(value_name = "MODULE")]
    pub(super) module: Option<PathBuf>,
    /// Compile for any processor of this target, such as x86_64-unknown-linux-gnu, instead of for those that can
    /// do what this machine's can
    #[arg(long, value_name = "TRIPLE")]
    pub(super) target: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_password_is_not_shown() {
        let args = Args::try_parse_from(["aldis", "get", "--user", "me:hunter2", "--password", "hunter2"]);
        assert!(!format!("{:?}", args.expect("is legal")).contains("hunter2"));
    }
}
