//! The key-value seam: what Aldis asks of the place where documents are published.
//!
//! Two backends implement it, etcd and the embedded [`memory`] one. Keys are bytes, as in etcd; revisions count the
//! changes of the whole store, as in etcd.

mod access;
mod entry;
mod error;
pub mod etcd;
mod key;
pub mod memory;
mod source;
mod token;

pub use access::{KvChange, KvCondition, KvReader, KvTransact, KvTtl, KvWriter, Lease, LeaseId};
pub use entry::{Header, KvEntry, KvUpdate, Listing};
pub use error::KvError;
pub use key::{Key, Revision, Scope};
pub use source::{Connect, KvSource, KvWatch, WatchMessage};
pub use token::{OversizeToken, VersionToken};
