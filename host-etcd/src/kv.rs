//! The key-value seam: what Aldis asks of the place where documents are published.
//!
//! Two backends implement it, etcd and the embedded [`memory`] one. Keys are bytes, as in etcd; revisions count the
//! changes of the whole store, as in etcd.

mod cursor;
mod entry;
mod error;
pub mod etcd;
mod follow;
mod key;
mod lease;
pub mod memory;
mod prefixes;
mod read;
mod request;
mod source;
mod token;
mod transact;
mod watcher;
mod write;

pub use cursor::{InvalidCursor, WatchCursor};
pub use entry::{Header, KvEntry, KvUpdate, Listing};
pub use error::{CursorLoss, KvError};
pub use key::{Key, Revision, Scope};
pub use lease::{KvTtl, Lease, LeaseId, MAX_LEASE_TTL};
pub use read::KvReader;
pub use request::MAX_TRANSACTION_OPERATIONS;
pub(crate) use request::{REQUEST_OVERHEAD_BYTES, room_of_key};
pub use source::{Connect, KvSource, KvWatch, WatchMessage};
pub use token::{OversizeToken, VersionToken};
pub use transact::{KvChange, KvCondition, KvTransact};
pub use watcher::{KvBatch, KvWatcher};
pub use write::{KvPurge, KvWriter};
