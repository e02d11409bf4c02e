//! What may happen, and how often.

use std::time::Duration;

use fastrand::Rng;

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A transaction on keys of the scope, and perhaps others.
    Write,
    /// A transaction on other keys.
    ForeignWrite,
    /// History is forgotten.
    Compact,
    /// Every connection breaks.
    Cut,
    /// The endpoint of this number refuses connections for a while; the connection to it breaks.
    Refuse(usize),
    /// The endpoint of this number accepts and stays silent for a while; what is open falls silent.
    Silence(usize),
    /// What is open falls silent for ever, new connections pass.
    Freeze,
    /// The server ends the watch, and the stream stays open.
    Cancel,
    /// Events of the past, or of other keys, arrive once more.
    Replay,
    /// A progress notification overtakes events.
    Overtake,
    /// The watch does not get the next transaction.
    Lose,
    /// Calls fail for a while.
    FailCalls,
    /// Lists are stale for a while.
    StaleLists,
    /// Requests for progress are ignored for a while.
    Mute,
    /// The server comes back with an older state; perhaps as another cluster.
    Restore,
    /// The client's task panics.
    Panic,
    /// The client's process is stopped for a while.
    Pause,
}

/// The next happening, and how long until then.
pub(crate) fn next(random: &mut Rng, endpoints: usize) -> (Duration, Happening) {
    use Happening as H;
    // Bursts and lulls.
    let millis = if random.u8(0..3) == 0 { random.u64(0..30) } else { random.u64(0..4_000) };
    let endpoint = random.usize(0..endpoints);
    let happening = match random.u8(0..100) {
        0..40 => H::Write,
        40..50 => H::ForeignWrite,
        50..56 => H::Compact,
        56..61 => H::Cut,
        61..65 => H::Refuse(endpoint),
        65..69 => H::Silence(endpoint),
        69..72 => H::Freeze,
        72..76 => H::Cancel,
        76..80 => H::Replay,
        80..83 => H::Overtake,
        83..85 => H::Lose,
        85..88 => H::FailCalls,
        88..90 => H::StaleLists,
        90..93 => H::Mute,
        93..96 => H::Restore,
        96..98 => H::Panic,
        _ => H::Pause,
    };
    (Duration::from_millis(millis), happening)
}
