//! How benchmarks are run and judged.
//!
//! All contenders of a workload take turns in one run, so that whatever else the machine does befalls all of them; a
//! contender's figure is the median of its rounds. Before any clock starts, all must have given the same answers. A
//! [`Row`] holds a figure of ours against that of a peer, and against the goal, and [`markdown`] makes the table.

mod clock;
mod contender;
mod race;
mod stats;
mod table;

pub use clock::{Clock, ProcessTime, ThreadTime};
pub use contender::{Contender, Disagreement, agree};
pub use race::{Pace, RaceError, Timing, race};
pub use stats::{median, ratio};
pub use table::{Goal, Peer, Row, Unit, Verdict, markdown};
