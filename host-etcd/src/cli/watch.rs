//! `aldis watch`: a line for each change that an instance would see.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::kv::Scope;
use crate::kv::etcd::EtcdConnector;
use crate::kv::memory::MemoryKv;
use crate::source::Source;
use crate::status::{Change, Status};
use crate::store::{Builder, EtcdDirectiveStore};

use super::Console;
use super::args::{EtcdArgs, Global};
use super::backend::{DEFAULT_KEY, options, source};
use super::failure::{Answer, Failure};

mod event;
mod file;

use event::Event;
use file::Follower;

/// Follows the source until it is told to end.
pub(super) async fn run(global: &Global, console: &mut Console) -> Result<Answer, Failure> {
    let mut end = End::new()?;
    tokio::select! {
        result = watch(global, console) => result,
        () = end.come() => Ok(Answer::Yes),
    }
}

async fn watch(global: &Global, console: &mut Console) -> Result<Answer, Failure> {
    let source = source(global)?;
    let Source::File(path) = source else {
        let store = open(builder(&source, &global.etcd)?, &global.etcd).await?;
        return tell_all(&store, console).await;
    };
    let mut follower = Follower::start(path).await?;
    let builder = EtcdDirectiveStore::over(Arc::new(follower.store())).scope(DEFAULT_KEY);
    let store = open(builder, &global.etcd).await?;
    tokio::select! {
        result = tell_all(&store, console) => result,
        () = follower.follow() => Ok(Answer::Yes),
    }
}

fn builder(source: &Source, args: &EtcdArgs) -> Result<Builder, Failure> {
    match source {
        Source::Etcd { endpoints, scope } => {
            let connector = EtcdConnector::new(&options(endpoints, args)?)?;
            scoped(EtcdDirectiveStore::over(Arc::new(connector)), scope)
        }
        Source::Memory | Source::File(_) => {
            Ok(EtcdDirectiveStore::over(Arc::new(MemoryKv::new())).scope(DEFAULT_KEY))
        }
    }
}

async fn open(builder: Builder, args: &EtcdArgs) -> Result<EtcdDirectiveStore, Failure> {
    let store = builder.connect_timeout(args.dial_timeout).connect().await;
    store.map_err(|error| Failure::trouble(error.to_string()))
}

/// Where things stand, and then every change.
async fn tell_all(store: &EtcdDirectiveStore, console: &mut Console) -> Result<Answer, Failure> {
    let mut changes = store.changes();
    tell_status(changes.status(), console)?;
    while !console.is_unread()
        && let Some(change) = changes.next().await
    {
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

    async fn come(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
