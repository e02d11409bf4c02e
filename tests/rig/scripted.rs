//! An etcd that says what a real one rarely does: nothing, a status, events of others, the past. It speaks etcd's
//! protocol on loopback, with a small store behind it, and otherwise answers as etcd 3.5 does.
//!
//! It serves what a store that follows asks for: ranges, watches, tokens, the server's status. Everything else is
//! `unimplemented`. It runs on a thread of its own; each command has taken effect when its call returns.

mod content;
pub mod message;
mod scene;
mod server;
mod watches;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

pub use etcd_client::proto::{PbEvent as Event, PbWatchResponse as WatchResponse};
use tokio::sync::oneshot;
pub use tonic::Code;

use self::scene::Scene;
use crate::port::{free_port, listen};

/// What clients ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// The server's status: its version.
    Status,
    /// A token for user and password.
    Authenticate,
    /// A read of a key or a range.
    Range,
    /// A stream for watches.
    Watch,
    /// How far a watch has come.
    Progress,
}

/// How a call is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reply {
    /// As etcd does.
    #[default]
    Usual,
    /// Never. The connection lives on, and answers pings.
    Never,
    /// With this status, and in it [`SCRIPTED`].
    Status(Code),
}

/// What every scripted status says.
pub const SCRIPTED: &str = "etcdserver: as scripted";

/// How a watch begins, in place of what it would say.
#[derive(Clone, Debug, Default)]
pub struct Beginning {
    /// What the server says when the watch is created.
    pub says: Vec<WatchResponse>,
    /// How the stream ends then; if nothing, it stays open, and events of the content stay away.
    pub ends: Option<Code>,
}

/// A scripted etcd. Ended when dropped.
pub struct Scripted {
    scene: Arc<Scene>,
    port: u16,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    /// One that holds nothing and behaves.
    ///
    /// # Panics
    ///
    /// When no port can be had.
    pub fn start() -> Self {
        let scene = Arc::new(Scene::default());
        let port = free_port();
        let listener = listen(port);
        let (end, ended) = oneshot::channel();
        let thread = thread::spawn({
            let scene = Arc::clone(&scene);
            move || server::run(listener, &scene, ended)
        });
        Self { scene, port, end: Some(end), thread: Some(thread) }
    }

    /// `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The same as an address, for a [`Link`](crate::link::Link) in front of it.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Puts a value, and tells the watches. Returns the revision.
    pub fn put(&self, key: &str, value: impl AsRef<[u8]>) -> i64 {
        self.scene.write(&[(key, Some(value.as_ref()))], true)
    }

    /// Deletes a key, and tells the watches. Returns the revision.
    pub fn delete(&self, key: &str) -> i64 {
        self.scene.write(&[(key, None)], true)
    }

    /// Puts several keys in one transaction, and tells the watches. Returns the revision.
    pub fn transaction(&self, puts: &[(&str, &str)]) -> i64 {
        self.scene.write(&as_writes(puts), true)
    }

    /// Puts these in one transaction, and tells no watch that is open: the event is lost. Returns the revision.
    pub fn put_unheard(&self, puts: &[(&str, &str)]) -> i64 {
        self.scene.write(&as_writes(puts), false)
    }

    /// The revision now.
    pub fn revision(&self) -> i64 {
        self.scene.content().revision()
    }

    /// Forgets everything before the present revision.
    pub fn compact(&self) {
        self.scene.content().compact();
    }

    /// Another cluster from now on, with the same content.
    pub fn change_cluster(&self) {
        self.scene.script().cluster_id += 1;
    }

    /// The version that it gives for its own; 3.5.30 unless it is told.
    pub fn claim_version(&self, version: &str) {
        version.clone_into(&mut self.scene.script().version);
    }

    /// How these calls are answered from now on.
    pub fn reply(&self, call: Call, reply: Reply) {
        self.scene.script().replies.insert(call, reply);
    }

    /// Reads are answered as if this were the revision: a member that lags, and does not know it.
    pub fn read_as_of(&self, revision: i64) {
        self.scene.script().read_as_of = Some(revision);
    }

    /// Each range is answered from the very first key on, and with the word that there is more.
    pub fn repeat_pages(&self) {
        self.scene.script().repeats_pages = true;
    }

    /// How watches begin from now on.
    pub fn begin_watches(&self, beginning: Beginning) {
        self.scene.script().beginning = Some(beginning);
    }

    /// Says this on each watch that is open, word for word, except that a header without a cluster is given the
    /// server's own. Returns how many watches there are.
    pub fn say(&self, response: &WatchResponse) -> usize {
        self.scene.say(response)
    }

    /// Ends each stream of watches with this code; with [`Code::Ok`] without any fault.
    pub fn end_watches(&self, code: Code) {
        self.scene.end_watches(code);
    }

    /// Answers everything as etcd does from now on. Watches that began otherwise stay as they are.
    pub fn heal(&self) {
        self.scene.heal();
    }

    /// How many such calls have come in.
    pub fn calls(&self, call: Call) -> usize {
        self.scene.script().calls.get(&call).copied().unwrap_or_default()
    }

    /// How many watches are open.
    pub fn watches(&self) -> usize {
        self.scene.watches().len()
    }
}

fn as_writes<'a>(puts: &[(&'a str, &'a str)]) -> Vec<(&'a str, Option<&'a [u8]>)> {
    puts.iter().map(|(key, value)| (*key, Some(value.as_bytes()))).collect()
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
