//! What may happen in a storm, and how often.

use fastrand::Rng;

use crate::tally::Fault;

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A transaction on keys of the scope.
    Write,
    /// A transaction on other keys.
    ForeignWrite,
    /// Something goes wrong.
    Fault(Fault),
}

/// What may go wrong, and how often compared with the rest. Some faults come of others: a late answer of a delay, a
/// list that begins anew of a compaction.
const FAULTS: &[(u32, Fault)] = &[
    (10, Fault::Cut),
    (5, Fault::Delay),
    (3, Fault::HoleBothWays),
    (3, Fault::HoleToServer),
    (3, Fault::HoleToClient),
    (8, Fault::SilentEndpoint),
    (8, Fault::RefusingEndpoint),
    (8, Fault::Replay),
    (5, Fault::OtherOrder),
    (12, Fault::Compaction),
    (6, Fault::Cancel),
    (3, Fault::CancelAtCreate),
    (3, Fault::LeaderLoss),
    (4, Fault::StaleRead),
    (3, Fault::Restore),
    (2, Fault::ReplacedSameId),
    (2, Fault::ReplacedOtherId),
    (8, Fault::PagedList),
    (8, Fault::ManyKeys),
    (1, Fault::Flood),
    (3, Fault::ClockForward),
    (3, Fault::ClockBack),
    (1, Fault::ClockAstray),
    (4, Fault::Panic),
    (3, Fault::Pause),
    (4, Fault::LostEvents),
    (6, Fault::Overtaking),
    (6, Fault::Mute),
    (5, Fault::FailedCall),
    (3, Fault::Denied),
    (3, Fault::ForeignKey),
];

/// Half of what happens are writes.
pub(crate) fn next(random: &mut Rng) -> Happening {
    match random.u8(0..10) {
        0..4 => Happening::Write,
        4 => Happening::ForeignWrite,
        _ => Happening::Fault(fault(random)),
    }
}

fn fault(random: &mut Rng) -> Fault {
    let mut place = random.u32(0..FAULTS.iter().map(|(weight, _)| weight).sum());
    for (weight, fault) in FAULTS {
        match place.checked_sub(*weight) {
            Some(rest) => place = rest,
            None => return *fault,
        }
    }
    Fault::Cut
}
