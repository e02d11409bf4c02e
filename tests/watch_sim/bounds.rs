//! What the runs are held to, each with its reason.

use std::time::Duration;

/// How long a store may call itself live without a word that confirms what it holds: the design's ten seconds.
pub(crate) const DETECTION: Duration = Duration::from_secs(10);

/// How long convergence may take once the faults stop: ten seconds to notice a link that died just before, or the
/// longest delay between two attempts; five for endpoints that stay silent for good, a connection, a few re-reads of a
/// server that is behind, and a list.
pub(crate) const CONVERGENCE: Duration = Duration::from_secs(15);

/// How much longer where only a verifying read can tell: it comes every 60 s, a quarter more or less, and one that has
/// failed just before comes again as much later.
pub(crate) const VERIFICATION: Duration = Duration::from_secs(80);

/// The longest that anything is on its way.
pub(crate) const SLOWEST: Duration = Duration::from_secs(6);

/// Within this a change must be seen in calm weather: two ways over a link of 20 ms, with room to spare.
pub(crate) const PROMPT: Duration = Duration::from_secs(1);

/// The longest that a standing watch goes without a verifying read: 75 s, and the time until it is answered.
pub(crate) const VERIFIED_WITHIN: Duration = Duration::from_secs(77);

/// The start is over, one way or the other, within the connect timeout: every endpoint has been read or has failed.
pub(crate) const START: Duration = Duration::from_secs(5);

/// The backend's own deadline of each page of a list. It has one of each other call, too, but the machine must not rely
/// on it.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(5);

/// Attempts to connect in five seconds, for each endpoint. Faults come in bursts, and a full jitter may be short, but
/// not again and again.
pub(crate) const CONNECTS: usize = 12;

/// Steps for each hour of virtual time. A calm hour has about 4 000, a storm of four minutes as many.
pub(crate) const STEPS_PER_HOUR: u64 = 120_000;

/// By how much the model of lifetimes may be off: a clock that is ahead by less than a second is taken as right, and it
/// looks at the wall clock ten times a second.
pub(crate) const LIFETIME_SLACK_MS: i64 = 1_150;
