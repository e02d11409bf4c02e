//! Whether to follow a relay that is behind what is in force.

use std::time::{Duration, Instant};

use crate::kv::Header;
use crate::wire::UNKNOWN_CLUSTER;

/// How often in a row a relay that is behind, or of another cluster, is asked again before it is believed.
const DOUBTS: u32 = 4;

/// One that is behind in the same cluster is not believed earlier: it may have been cut off, and takes ten seconds of
/// silence to know.
const UNTIL_IT_KNOWS: Duration = Duration::from_secs(15);

/// What to make of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opinion {
    /// It goes on from what is in force.
    Believed,
    /// It does not; ask again.
    Doubted,
    /// It does not, and is no relay to follow now; perhaps another is.
    PassedOver,
    /// It still does not: the cluster was restored, wiped or replaced.
    BelievedAtLast,
}

/// How often relays have been doubted in a row, and since when.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    times: u32,
    since: Option<Instant>,
}

impl Doubt {
    /// Where a relay stands, held against where what is in force does; and whether its source confirms that.
    pub(super) fn of(
        &mut self,
        held: Option<Header>,
        stands: Header,
        is_live: bool,
        now: Instant,
    ) -> Opinion {
        let Some(held) = held else { return Opinion::Believed };
        let is_known = held.cluster_id != UNKNOWN_CLUSTER && stands.cluster_id != UNKNOWN_CLUSTER;
        let is_same_cluster = !is_known || stands.cluster_id == held.cluster_id;
        if is_same_cluster && stands.revision >= held.revision {
            self.dispelled();
            return Opinion::Believed;
        }
        if !is_live {
            return Opinion::PassedOver;
        }
        self.times = self.times.saturating_add(1);
        let lasts_for = now.saturating_duration_since(*self.since.get_or_insert(now));
        match (self.times > DOUBTS, is_same_cluster && lasts_for < UNTIL_IT_KNOWS) {
            (false, _) => Opinion::Doubted,
            (true, true) => Opinion::PassedOver,
            (true, false) => {
                self.dispelled();
                Opinion::BelievedAtLast
            }
        }
    }

    /// A relay has what is in force.
    pub(super) fn dispelled(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::Revision;

    const ELSEWHERE: Header = at(2, 9);
    const BEHIND: Header = at(1, 4);
    const HELD: Option<Header> = Some(at(1, 5));

    const fn at(cluster_id: u64, revision: u64) -> Header {
        Header { cluster_id, revision: Revision::new(revision) }
    }

    fn doubted(doubt: &mut Doubt, stands: Header, now: Instant) {
        for _ in 0..DOUBTS {
            assert_eq!(doubt.of(HELD, stands, true, now), Opinion::Doubted);
        }
    }

    #[test]
    fn what_goes_on_is_believed_live_or_not() {
        let (mut doubt, now) = (Doubt::default(), Instant::now());
        for is_live in [true, false] {
            assert_eq!(doubt.of(None, at(1, 5), is_live, now), Opinion::Believed);
            assert_eq!(doubt.of(HELD, at(1, 5), is_live, now), Opinion::Believed);
            assert_eq!(doubt.of(HELD, at(1, 6), is_live, now), Opinion::Believed);
        }
    }

    #[test]
    fn another_cluster_is_believed_in_the_end() {
        let (mut doubt, now) = (Doubt::default(), Instant::now());
        for _ in 0..2 {
            doubted(&mut doubt, ELSEWHERE, now);
            assert_eq!(doubt.of(HELD, ELSEWHERE, true, now), Opinion::BelievedAtLast);
        }
    }

    /// One that begins from its disk does not know its cluster.
    #[test]
    fn an_unknown_cluster_is_taken_for_the_same() {
        let (mut doubt, now) = (Doubt::default(), Instant::now());
        let unknown = |revision| at(UNKNOWN_CLUSTER, revision);
        for is_live in [true, false] {
            assert_eq!(doubt.of(HELD, unknown(5), is_live, now), Opinion::Believed);
            assert_eq!(doubt.of(Some(unknown(5)), at(1, 5), is_live, now), Opinion::Believed);
        }
        assert_eq!(doubt.of(HELD, unknown(4), false, now), Opinion::PassedOver);
        assert_eq!(doubt.of(Some(unknown(5)), at(1, 4), true, now), Opinion::Doubted);
    }

    /// It may be cut off without knowing it; once it would know, the cluster was restored.
    #[test]
    fn a_relay_that_is_behind_is_passed_over_until_it_would_know_that_it_is_cut_off() {
        let (mut doubt, begin) = (Doubt::default(), Instant::now());
        doubted(&mut doubt, BEHIND, begin);
        let late = begin + UNTIL_IT_KNOWS;
        assert_eq!(doubt.of(HELD, BEHIND, true, late - Duration::from_millis(1)), Opinion::PassedOver);
        assert_eq!(doubt.of(HELD, BEHIND, true, late), Opinion::BelievedAtLast);
    }

    #[test]
    fn who_is_cut_off_takes_nothing_back_however_often_it_is_asked() {
        let (mut doubt, begin) = (Doubt::default(), Instant::now());
        for turn in 0..100 {
            let now = begin + Duration::from_secs(turn);
            for stands in [BEHIND, ELSEWHERE] {
                assert_eq!(doubt.of(HELD, stands, false, now), Opinion::PassedOver);
            }
        }
        doubted(&mut doubt, ELSEWHERE, begin);
    }

    /// Four doubts once, and one much later, are not five in a row; nor is what goes on after them another cluster.
    #[test]
    fn doubts_that_were_dispelled_do_not_count() {
        for dispelled_by_news in [true, false] {
            let (mut doubt, now) = (Doubt::default(), Instant::now());
            doubted(&mut doubt, BEHIND, now);
            match dispelled_by_news {
                true => assert_eq!(doubt.of(HELD, at(1, 6), true, now), Opinion::Believed),
                false => doubt.dispelled(),
            }
            doubted(&mut doubt, BEHIND, now + UNTIL_IT_KNOWS);
        }
    }
}
