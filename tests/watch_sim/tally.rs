//! Which faults there are, and how often each has really happened: one that never does tests nothing.

use std::fmt;

/// Something that goes wrong. Counted where it takes effect, not where it is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A connection breaks.
    Cut,
    /// What is sent takes seconds.
    Delay,
    /// What is open falls silent both ways; new connections pass.
    HoleBothWays,
    /// What the client sends on an open connection is lost; what the server sends arrives.
    HoleToServer,
    /// What the server sends on an open connection is lost.
    HoleToClient,
    /// An endpoint accepts and stays silent.
    SilentEndpoint,
    /// An endpoint refuses connections.
    RefusingEndpoint,
    /// A message of the watch arrives twice.
    Duplicate,
    /// Events of the past arrive once more.
    Replay,
    /// A connection comes about after the next one is under way.
    LateConnect,
    /// An answer arrives after the next connection is under way.
    LateAnswer,
    /// An endpoint answers that is behind what another has told before.
    OtherOrder,
    /// A watch is cancelled because its history is gone.
    Compaction,
    /// A list begins anew because its revision is compacted while it is being read.
    CompactionInList,
    /// The server ends a watch and leaves its stream open.
    Cancel,
    /// The server ends a watch as soon as it is asked for.
    CancelAtCreate,
    /// There is no leader: calls fail, and the watch ends some seconds later.
    LeaderLoss,
    /// A list is older than what the server has told before.
    StaleRead,
    /// The cluster comes back with an older state.
    Restore,
    /// The cluster is wiped and comes back under the same id.
    ReplacedSameId,
    /// The cluster comes back under another id.
    ReplacedOtherId,
    /// A response comes in several pieces.
    Fragments,
    /// The connection breaks between two pieces.
    CutBetweenFragments,
    /// A list takes several steps, and there are writes between them.
    PagedList,
    /// One transaction changes many keys.
    ManyKeys,
    /// Hundreds of transactions within a moment.
    Flood,
    /// The wall clock is set forward.
    ClockForward,
    /// The wall clock is set back.
    ClockBack,
    /// The wall clock goes astray by years, and comes back.
    ClockAstray,
    /// The client's task panics.
    Panic,
    /// The client's process stands still.
    Pause,
    /// The watch does not get a transaction.
    LostEvents,
    /// A progress notification overtakes events.
    Overtaking,
    /// Questions for progress are not answered.
    Mute,
    /// A watch that is taken up again delivers what was only after a while.
    Unsynced,
    /// A server answers for such a watch before it has delivered anything.
    EarlyProgress,
    /// The client's keepalive ends a connection that swallows.
    Keepalive,
    /// Calls fail.
    FailedCall,
    /// The credentials are not accepted any more.
    Denied,
    /// A document is malformed.
    Malformed,
    /// Events or entries of foreign keys arrive.
    ForeignKey,
}

impl Fault {
    /// All of them, in their order.
    pub const ALL: [Self; 41] = [
        Self::Cut,
        Self::Delay,
        Self::HoleBothWays,
        Self::HoleToServer,
        Self::HoleToClient,
        Self::SilentEndpoint,
        Self::RefusingEndpoint,
        Self::Duplicate,
        Self::Replay,
        Self::LateConnect,
        Self::LateAnswer,
        Self::OtherOrder,
        Self::Compaction,
        Self::CompactionInList,
        Self::Cancel,
        Self::CancelAtCreate,
        Self::LeaderLoss,
        Self::StaleRead,
        Self::Restore,
        Self::ReplacedSameId,
        Self::ReplacedOtherId,
        Self::Fragments,
        Self::CutBetweenFragments,
        Self::PagedList,
        Self::ManyKeys,
        Self::Flood,
        Self::ClockForward,
        Self::ClockBack,
        Self::ClockAstray,
        Self::Panic,
        Self::Pause,
        Self::LostEvents,
        Self::Overtaking,
        Self::Mute,
        Self::Unsynced,
        Self::EarlyProgress,
        Self::Keepalive,
        Self::FailedCall,
        Self::Denied,
        Self::Malformed,
        Self::ForeignKey,
    ];
}

/// How often each fault has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally([u64; Fault::ALL.len()]);

impl Default for Tally {
    fn default() -> Self {
        Self([0; Fault::ALL.len()])
    }
}

impl Tally {
    /// It has happened once more.
    pub fn count(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// How often this one has.
    #[must_use]
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Those that never have.
    pub fn missing(&self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(|&fault| self.of(fault) == 0)
    }

    /// Takes in what another run has counted.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}

/// A line for each, `      1234  Cut`.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Fault::ALL.iter().try_for_each(|&fault| writeln!(f, "{:>12}  {fault:?}", self.of(fault)))
    }
}
