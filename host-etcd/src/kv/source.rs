//! The seam of a watch-and-cache client: connect, list, then watch.

use async_trait::async_trait;

use super::{Header, KvError, KvUpdate, Listing, Revision, Scope};

/// What a watch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchMessage {
    /// The watch stands. Nothing is known yet about whether its start revision exists.
    Created(Header),
    /// Everything that one or more whole transactions changed in the scope; fragments are already merged. The header's
    /// revision is that of the last of them.
    Events(Header, Vec<KvUpdate>),
    /// Everything up to the header's revision has been delivered.
    Progress(Header),
    /// The server ended the watch. The stream that carried it may stay open and silent.
    Canceled {
        /// Cluster and revision.
        header: Header,
        /// Set if the start revision is gone: the oldest that is left. A watch has to begin behind it.
        compacted: Option<Revision>,
        /// What the server says; often empty.
        reason: String,
    },
}

/// An open watch. Dropping it ends the watch on the server.
#[async_trait]
pub trait KvWatch: Send {
    /// The next message; `None` when the stream has ended. Dropping the future loses no message.
    async fn next(&mut self) -> Result<Option<WatchMessage>, KvError>;

    /// Asks the server for a [`WatchMessage::Progress`]. It may stay unanswered while the watch catches up with
    /// history; ask again.
    async fn request_progress(&mut self) -> Result<(), KvError>;
}

/// What a watch-and-cache client asks of a connection: list, then watch; and after a reconnect, how far the store is.
#[async_trait]
pub trait KvSource: Send + Sync {
    /// Asks how far the store has come: a linearizable read that carries no entries. A watch must not start beyond
    /// it; it would be silent for ever. A backend with nothing cheaper than a list need not provide it.
    async fn head(&self, scope: &Scope) -> Result<Header, KvError> {
        Ok(self.list(scope).await?.header)
    }

    /// Reads the whole scope at one revision, in pages where it is large.
    async fn list(&self, scope: &Scope) -> Result<Listing, KvError>;

    /// Watches the scope from `from` on, that revision included.
    async fn watch(&self, scope: &Scope, from: Revision) -> Result<Box<dyn KvWatch>, KvError>;
}

/// Opens connections, one endpoint at a time.
#[async_trait]
pub trait Connect: Send + Sync {
    /// The endpoints in the order in which they were configured; never empty.
    fn endpoints(&self) -> &[String];

    /// Connects to the endpoint at this index (modulo their number) within the connect timeout.
    async fn connect(&self, endpoint: usize) -> Result<Box<dyn KvSource>, KvError>;
}
