//! `aldis serve`: the relay as a process.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

use crate::kv::etcd::EtcdKv;
use crate::kv::memory::MemoryKv;
use crate::meter;
use crate::publish::Writable;
use crate::relay::{Limits, Page, Publishing, Relay, Render, Tokens};
use crate::source::Source;
use crate::store::Builder;

use super::args::{EtcdArgs, Format, Global, LogLevel, ServeArgs};
use super::backend::{options, scope, source};
use super::certificate::{Certificate, renewal};
use super::console::GOOD;
use super::end::End;
use super::failure::{Answer, Failure};
use super::store::Followed;
use super::{Console, input};

/// Open files that are no connections of clients.
const FILES_BESIDE: u64 = 64;

/// How often what is counted is tidied up; the recorder keeps samples until then.
const UPKEEP: Duration = Duration::from_secs(5);

/// Serves until it is told to end.
pub(super) async fn run(global: &Global, args: &ServeArgs, console: &mut Console) -> Result<Answer, Failure> {
    let mut end = End::new()?;
    log(args.log, global.format);
    allow_connections(args.max_connections);
    let recorded = recorder()?;
    let source = match global.source {
        Some(_) => source(global)?,
        None => Source::Memory,
    };
    let memory = MemoryKv::new();
    let configure = |builder: Builder| match &args.state_dir {
        Some(path) => builder.state_directory(path).start_from_disk(true),
        None => builder,
    };
    let Followed { store, file } = Followed::over(&source, &global.etcd, memory.clone(), configure).await?;
    let mut relay = Relay::new(store).limits(limits(args)).metrics(render(&recorded));
    let certificate = Certificate::open(args)?;
    if let Some(certificate) = &certificate {
        relay = relay.tls(certificate.tls.clone());
    }
    if let Some(publishing) = publishing(args, &source, &global.etcd, memory)? {
        relay = relay.publishing(publishing);
    }
    if let Some(folder) = &args.page {
        relay = relay.page(page(folder)?);
    }
    let listener = TcpListener::bind(args.listen).await.map_err(|error| cannot_listen(args, &error))?;
    tell(&listener, args, console)?;
    tokio::select! {
        served = relay.serve(listener, end.come()) => {
            served.map(|()| Answer::Yes).map_err(|error| cannot_listen(args, &error))
        }
        () = file.follow() => Ok(Answer::Yes),
        () = upkeep(&recorded) => Ok(Answer::Yes),
        () = renewal(certificate) => Ok(Answer::Yes),
    }
}

/// `{"event":"serving","url"}`
#[derive(Serialize)]
struct Serving {
    event: &'static str,
    url: String,
}

fn tell(listener: &TcpListener, args: &ServeArgs, console: &mut Console) -> Result<(), Failure> {
    let address = listener.local_addr().map_err(|error| cannot_listen(args, &error))?;
    let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}");
    match console.is_json() {
        true => console.json(&Serving { event: "serving", url }),
        false => console.line(format!("{} {url}", Console::styled(GOOD, "serving:"))),
    }
}

fn cannot_listen(args: &ServeArgs, error: &io::Error) -> Failure {
    Failure::trouble(format!("cannot listen on {}: {}", args.listen, input::io_cause(error)))
}

fn limits(args: &ServeArgs) -> Limits {
    Limits {
        connections: args.max_connections,
        stale: args.stale_after,
        drain: args.drain,
        ..Limits::STANDARD
    }
}

fn page(folder: &Path) -> Result<Page, Failure> {
    Page::open(folder).map_err(|error| {
        let cause = input::io_cause(&error);
        Failure::trouble(format!("cannot serve the page of {}: {cause}", folder.display()))
    })
}

fn publishing(
    args: &ServeArgs,
    source: &Source,
    etcd: &EtcdArgs,
    memory: MemoryKv,
) -> Result<Option<Publishing>, Failure> {
    let Some(path) = &args.token_file else { return Ok(None) };
    let tokens = Tokens::open(path).map_err(|error| {
        Failure::trouble(format!("cannot take tokens from {}: {}", path.display(), input::io_cause(&error)))
    })?;
    let kv: Arc<dyn Writable> = match source {
        // The store says whether etcd answers, and may have started without.
        Source::Etcd { endpoints, .. } => Arc::new(EtcdKv::unconnected(&options(endpoints, etcd)?)?),
        Source::Memory => Arc::new(memory),
        Source::Relay(_) => {
            return Err(Failure::trouble(
                "publish to the relay that this one follows; leave --token-file out",
            ));
        }
        Source::File(_) => {
            return Err(Failure::trouble(
                "a file: source is changed by editing the file; leave --token-file out",
            ));
        }
    };
    Ok(Some(Publishing::new(kv, scope(source), tokens)))
}

/// Every connection is an open file, and a shell often allows a thousand of them only.
fn allow_connections(count: usize) {
    let wanted = u64::try_from(count).unwrap_or(u64::MAX).saturating_add(FILES_BESIDE);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let raised = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let set = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum });
    if set.is_err() || raised < wanted {
        tracing::warn!(wanted, allowed = raised, "fewer files may be open than there may be connections");
    }
}

fn recorder() -> Result<PrometheusHandle, Failure> {
    let installed = PrometheusBuilder::new().install_recorder();
    let handle = installed.map_err(|error| Failure::trouble(format!("cannot count: {error}")))?;
    meter::describe();
    Ok(handle)
}

fn render(recorded: &PrometheusHandle) -> Render {
    let recorded = recorded.clone();
    Arc::new(move || recorded.render())
}

async fn upkeep(recorded: &PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        recorded.run_upkeep();
    }
}

/// A line for people or an object for programs, as the answers are.
fn log(level: LogLevel, format: Format) {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let to_stderr =
        tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
    let installed = match format {
        Format::Text => to_stderr.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
        Format::Json => to_stderr.json().flatten_event(true).try_init(),
    };
    // A process that has a subscriber already keeps it.
    let _ = installed;
}
