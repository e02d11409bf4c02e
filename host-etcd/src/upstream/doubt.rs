//! Whether to follow a relay that is behind what is in force.

use crate::kv::Header;

/// How often in a row a relay that is behind, or of another cluster, is asked again before it is believed.
const DOUBTS: u32 = 4;

/// What to make of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opinion {
    /// It goes on from what is in force.
    Believed,
    /// It does not; ask again.
    Doubted,
    /// It still does not: the cluster was restored, wiped or replaced.
    BelievedAtLast,
}

/// How often a relay has been doubted in a row.
#[derive(Debug, Default)]
pub(super) struct Doubt(u32);

impl Doubt {
    /// Where a relay stands, held against where what is in force does.
    pub(super) fn of(&mut self, held: Option<Header>, stands: Header) -> Opinion {
        let goes_on =
            held.is_none_or(|held| stands.cluster_id == held.cluster_id && stands.revision >= held.revision);
        match (goes_on, self.0 < DOUBTS) {
            (true, _) => {
                self.dispelled();
                Opinion::Believed
            }
            (false, true) => {
                self.0 += 1;
                Opinion::Doubted
            }
            (false, false) => {
                self.dispelled();
                Opinion::BelievedAtLast
            }
        }
    }

    /// A relay has what is in force.
    pub(super) fn dispelled(&mut self) {
        self.0 = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::Revision;

    fn at(cluster_id: u64, revision: u64) -> Header {
        Header { cluster_id, revision: Revision::new(revision) }
    }

    #[test]
    fn what_goes_on_is_believed_and_what_does_not_only_in_the_end() {
        let mut doubt = Doubt::default();
        assert_eq!(doubt.of(None, at(1, 5)), Opinion::Believed);
        assert_eq!(doubt.of(Some(at(1, 5)), at(1, 5)), Opinion::Believed);
        for behind in [at(1, 4), at(2, 9)] {
            for _ in 0..DOUBTS {
                assert_eq!(doubt.of(Some(at(1, 5)), behind), Opinion::Doubted);
            }
            assert_eq!(doubt.of(Some(at(1, 5)), behind), Opinion::BelievedAtLast);
        }
    }

    /// Four doubts once, and one much later, are not five in a row; nor is what goes on after them another cluster.
    #[test]
    fn doubts_that_were_dispelled_do_not_count() {
        for dispelled_by_news in [true, false] {
            let mut doubt = Doubt::default();
            for _ in 0..DOUBTS {
                assert_eq!(doubt.of(Some(at(1, 5)), at(1, 4)), Opinion::Doubted);
            }
            match dispelled_by_news {
                true => assert_eq!(doubt.of(Some(at(1, 5)), at(1, 6)), Opinion::Believed),
                false => doubt.dispelled(),
            }
            assert_eq!(doubt.of(Some(at(1, 6)), at(1, 4)), Opinion::Doubted);
        }
    }
}
