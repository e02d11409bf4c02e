//! Who polls: one plugin instance of all in the proxy, by a lease in shared data. Each change is a compare-and-swap, so of
//! two who see a lease run out only one takes it.

use aldis_core::UnixMillis;

/// Who may poll, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// The ticket of the holder; zero: nobody.
    pub(crate) holder: u64,
    /// The holder is to renew it before.
    pub(crate) until: UnixMillis,
    /// For how long it was granted: holders may have configurations that differ.
    pub(crate) length_ms: u64,
}

/// What an instance is to do about a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It holds the lease.
    Lead,
    /// It leads if this can be put in place of what was read.
    Put(Lease),
    /// Somebody else leads.
    Follow,
}

impl Lease {
    /// Nobody's.
    pub(crate) const VACANT: Self = Self { holder: 0, until: UnixMillis::new(0), length_ms: 0 };
    const BYTES: usize = 24;

    /// What the instance with the ticket `me` does now, whose own leases have this length.
    pub(crate) fn step(self, me: u64, now: UnixMillis, length_ms: u64) -> Step {
        let left = self.until.as_u64().saturating_sub(now.as_u64());
        // What runs much longer than it was granted for was granted before the clock was set back: it has run out. A little
        // longer runs what its holder renewed after this instance had read the clock.
        let runs = self.holder != 0 && left > 0 && left <= self.length_ms.saturating_mul(2);
        match (runs, self.holder == me) {
            (true, false) => Step::Follow,
            // A third of it is left to make up for a tick that comes late.
            (true, true) if left > self.length_ms / 3 * 2 => Step::Lead,
            _ => {
                let until = UnixMillis::new(now.as_u64().saturating_add(length_ms));
                Step::Put(Self { holder: me, until, length_ms })
            }
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let numbers = [self.holder, self.until.as_u64(), self.length_ms];
        for (place, number) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(numbers) {
            *place = number.to_le_bytes();
        }
        bytes
    }

    /// Bytes that are no lease are nobody's.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let number = |at| {
            let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk::<8>());
            u64::from_le_bytes(bytes.copied().unwrap_or_default())
        };
        Self { holder: number(0), until: UnixMillis::new(number(8)), length_ms: number(16) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);

    const LENGTH: u64 = 3_000;

    fn at(millis: u64) -> UnixMillis {
        UnixMillis::new(NOW.as_u64() + millis)
    }

    fn held_by(holder: u64) -> Lease {
        Lease { holder, until: at(LENGTH), length_ms: LENGTH }
    }

    #[test]
    fn a_vacant_lease_is_taken_and_then_held() {
        assert_eq!(Lease::VACANT.step(7, NOW, LENGTH), Step::Put(held_by(7)));
        assert_eq!(held_by(7).step(7, NOW, LENGTH), Step::Lead);
        assert_eq!(held_by(7).step(8, NOW, LENGTH), Step::Follow);
    }

    #[test]
    fn the_holder_renews_in_time_and_others_take_over_only_afterwards() {
        let renewed = Step::Put(Lease { holder: 7, until: at(2 * LENGTH - 500), length_ms: LENGTH });
        assert_eq!(held_by(7).step(7, at(LENGTH - 500), LENGTH), renewed);
        assert_eq!(held_by(7).step(8, at(LENGTH - 1), LENGTH), Step::Follow);
        assert_eq!(
            held_by(7).step(8, at(LENGTH), LENGTH),
            Step::Put(Lease { holder: 8, until: at(2 * LENGTH), length_ms: LENGTH })
        );
    }

    #[test]
    fn each_lease_runs_as_long_as_its_holder_needs() {
        let Step::Put(long) = Lease::VACANT.step(7, NOW, 10 * LENGTH) else { panic!("is vacant") };
        assert_eq!(long.step(8, at(10 * LENGTH - 1), LENGTH), Step::Follow);
        assert_eq!(long.step(7, at(3 * LENGTH), 10 * LENGTH), Step::Lead);
        let short = Lease { holder: 8, until: at(11 * LENGTH), length_ms: LENGTH };
        assert_eq!(long.step(8, at(10 * LENGTH), LENGTH), Step::Put(short));
        assert_eq!(
            short.step(7, at(11 * LENGTH), 10 * LENGTH),
            Step::Put(Lease { holder: 7, until: at(21 * LENGTH), length_ms: 10 * LENGTH })
        );
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out() {
        let lease = Lease { holder: 7, until: at(3_600_000), length_ms: LENGTH };
        assert_eq!(lease.step(8, NOW, LENGTH), Step::Put(held_by(8)));
    }

    #[test]
    fn a_lease_granted_after_this_instance_read_the_clock_runs() {
        let read_before = UnixMillis::new(NOW.as_u64() - 50);
        assert_eq!(held_by(7).step(8, read_before, LENGTH), Step::Follow);
        assert_eq!(held_by(7).step(7, read_before, LENGTH), Step::Lead);
    }

    #[test]
    fn bytes_keep_a_lease_and_what_is_none_is_vacant() {
        assert_eq!(Lease::from_bytes(&held_by(7).to_bytes()), held_by(7));
        for bytes in [&[][..], &[0; 3], &[0; 24]] {
            assert_eq!(Lease::from_bytes(bytes), Lease::VACANT);
        }
    }
}
