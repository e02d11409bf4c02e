//! `aldis watch`: a line for each change that an instance would see.

use crate::answer::Event;
use crate::status::{Change, Status};
use crate::store::EtcdDirectiveStore;

use super::Console;
use super::args::Global;
use super::backend::source;
use super::end::End;
use super::failure::{Answer, Failure};
use super::store::Followed;

mod line;

/// Follows the source until it is told to end.
pub(super) async fn run(global: &Global, console: &mut Console) -> Result<Answer, Failure> {
    let mut end = End::new()?;
    tokio::select! {
        result = watch(global, console) => result,
        () = end.come() => Ok(Answer::Yes),
    }
}

async fn watch(global: &Global, console: &mut Console) -> Result<Answer, Failure> {
    let Followed { store, file } = Followed::open(&source(global)?, &global.etcd, |builder| builder).await?;
    tokio::select! {
        result = tell_all(&store, console) => result,
        () = file.follow() => Ok(Answer::Yes),
    }
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

/// Where things stand, told as changes.
fn tell_status(status: &Status, console: &mut Console) -> Result<(), Failure> {
    Event::all_of(status).iter().try_for_each(|event| tell(event, console))
}

fn tell(event: &Event<'_>, console: &mut Console) -> Result<(), Failure> {
    match console.is_json() {
        true => console.json(event),
        false => console.line(line::line(event)),
    }
}
