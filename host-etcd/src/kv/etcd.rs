//! The etcd backend, and the only place that knows the client library.
//!
//! One connection talks to one endpoint: the client's own balancing fails as a whole if one of several endpoints is
//! dead while authenticating. Rotation is the caller's: the watch counts its backoff per round of endpoints, and
//! [`EtcdKv`] tries them in order for single reads and writes.
//!
//! What etcd does that is not obvious, and is contained here:
//!
//! * Every call has a deadline of ours. The client's own timeouts do not cover a port that accepts and stays silent,
//!   nor a watch on a frozen server.
//! * A list is read in pages at one revision, so that no answer grows with the prefix. A page that does not come in
//!   time makes those of later attempts smaller.
//! * A watch is opened one revision early and the surplus is dropped: newer releases (seen on 3.5.30; see
//!   [etcd-io/etcd#20229](https://github.com/etcd-io/etcd/pull/20229)) do not answer progress requests while the start
//!   revision lies ahead, which is where every watch on a quiet store starts.
//! * Up to 3.4.24 and 3.5.7 a requested progress notification may overtake events
//!   ([etcd-io/etcd#15220](https://github.com/etcd-io/etcd/issues/15220)); from such servers it confirms only what was
//!   delivered.
//! * A transaction over several watched prefixes arrives as a response for each. They are put together by progress; from
//!   servers whose progress may overtake, all prefixes are watched as one range, which the user must have the right to.
//! * A value that has a lease goes with it, so a put without one keeps the key: etcd detaches it.

mod connection;
mod connector;
mod endpoint;
mod error;
mod leases;
mod options;
mod pace;
mod pages;
mod prefixes;
mod reads;
mod rotation;
mod unanswered;
mod version;
mod watch;
mod writes;

pub use self::connection::EtcdConnection;
pub use self::connector::EtcdConnector;
pub use self::options::{DEFAULT_MAX_REQUEST_BYTES, EtcdOptions, Tls};
pub use self::rotation::EtcdKv;
