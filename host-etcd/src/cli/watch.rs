//! `aldis watch`: a line for each change that an instance would see.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::kv::Scope;
use crate::kv::etcd::EtcdConnector;
use crate::kv::memory::MemoryKv;
use crate::source::Source;
use crate::status::{Change, Status};
use crate::store::{Builder, EtcdDirectiveStore};

use super::Console;
use super::args::Global;
use super::backend::{DEFAULT_KEY, options, source};
use super::failure::{Answer, Failure};

mod event;
mod file;

use event::Event;

/// Follows the source until it is told to end.
pub(super) async fn run(global: &Global, console: &mut Console) -> Result<Answer, Failure> {
    let mut end = End::new()?;
    let Some(store) = end.or(open(global)).await? else { return Ok(Answer::Yes) };
    let mut changes = store.changes();
    tell_status(changes.status(), console)?;
    while let Some(Some(change)) = end.or(async { Ok(changes.next().await) }).await? {
        match &change {
            Change::Missed { count } => {
                console.note(format!("missed {count} changes; the present state follows"));
                changes.resync().map_or(Ok(()), |status| tell_status(status, console))?;
            }
            change => tell(&Event::of(change, store.now()), console)?,
        }
    }
    Ok(Answer::Yes)
}

async fn open(global: &Global) -> Result<EtcdDirectiveStore, Failure> {
    let builder = match source(global)? {
        Source::Etcd { endpoints, scope } => {
            let connector = EtcdConnector::new(&options(&endpoints, &global.etcd)?)?;
            scoped(EtcdDirectiveStore::over(Arc::new(connector)), &scope)?
        }
        Source::Memory => EtcdDirectiveStore::over(Arc::new(MemoryKv::new())).scope(DEFAULT_KEY),
        Source::File(path) => {
            EtcdDirectiveStore::over(Arc::new(file::follow(path).await?)).scope(DEFAULT_KEY)
        }
    };
    let limit = global.etcd.dial_timeout.max(Duration::from_secs(1));
    let store = builder.connect_timeout(limit).request_timeout(global.etcd.command_timeout).connect().await;
    store.map_err(|error| Failure::trouble(error.to_string()))
}

fn scoped(builder: Builder, scope: &Scope) -> Result<Builder, Failure> {
    let (Scope::Key(key) | Scope::Prefix(key)) = scope;
    let text = std::str::from_utf8(key.as_bytes());
    text.map(|text| builder.scope(text)).map_err(|_| Failure::trouble("the source's key is not text"))
}

/// Where things stand, told as changes.
fn tell_status(status: &Status, console: &mut Console) -> Result<(), Failure> {
    Event::all_of(status).iter().try_for_each(|event| tell(event, console))
}

fn tell(event: &Event<'_>, console: &mut Console) -> Result<(), Failure> {
    match console.is_json() {
        true => console.json(event),
        false => console.line(event.line()),
    }
}

/// SIGINT and SIGTERM.
struct End {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl End {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::trouble(format!("cannot listen for signals: {error}")))
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// What the task comes to, or `None` if the end comes first.
    async fn or<T>(&mut self, task: impl Future<Output = Result<T, Failure>>) -> Result<Option<T>, Failure> {
        tokio::select! {
            result = task => result.map(Some),
            _ = self.interrupt.recv() => Ok(None),
            _ = self.terminate.recv() => Ok(None),
        }
    }
}
