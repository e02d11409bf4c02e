//! When the relay is asked. Pure: it is told what happened and when, and says whether it is time.

use aldis_core::UnixMillis;

use crate::config::Relay;
use crate::jitter::Jitter;
use crate::limits::{CALL_GRACE_MS, MAX_BACKOFF_MS};

/// The pace of one instance's requests to the relay.
#[derive(Clone, Debug)]
pub(crate) struct Poller {
    wait_ms: u64,
    interval_ms: u64,
    timeout_ms: u64,
    /// Two requests begin at least so far apart, whatever the relay answers.
    spacing_ms: u64,
    jitter: Jitter,
    failures: u32,
    under_way: Option<Call>,
    next_at: UnixMillis,
}

/// A request to the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    token: u32,
    begun: UnixMillis,
    /// Whether it asks for what is newer only.
    pub(crate) conditional: bool,
}

impl Poller {
    pub(crate) fn new(relay: &Relay, spacing_ms: u32, seed: u64) -> Self {
        Self {
            wait_ms: relay.wait_ms,
            interval_ms: relay.interval_ms,
            timeout_ms: relay.timeout_ms,
            spacing_ms: spacing_ms.into(),
            jitter: Jitter::new(seed),
            failures: 0,
            under_way: None,
            next_at: UnixMillis::new(0),
        }
    }

    /// How long a request may take.
    pub(crate) const fn deadline_ms(&self) -> u64 {
        self.wait_ms.saturating_add(self.timeout_ms)
    }

    /// Whether a request is to be sent now.
    pub(crate) fn is_due(&self, now: UnixMillis) -> bool {
        let left = self.next_at.as_u64().saturating_sub(now.as_u64());
        // Longer than any pause: the clock was set back.
        let longest = self.interval_ms.saturating_mul(2).max(MAX_BACKOFF_MS);
        self.under_way.is_none() && (left == 0 || left > longest)
    }

    pub(crate) fn begin(&mut self, token: u32, now: UnixMillis, conditional: bool) {
        self.under_way = Some(Call { token, begun: now, conditional });
    }

    /// Ends the request of this token. `None` if there is none: it was given up, or is somebody else's.
    pub(crate) fn end(&mut self, token: u32) -> Option<Call> {
        self.under_way.take_if(|call| call.token == token)
    }

    /// Gives up a request that should have come to an end long ago. Says whether there was one.
    pub(crate) fn give_up(&mut self, now: UnixMillis) -> bool {
        let longest = self.deadline_ms().saturating_add(CALL_GRACE_MS);
        let begun_too_early = |call: &mut Call| now.saturating_since(call.begun).as_millis() > longest.into();
        self.under_way.take_if(begun_too_early).is_some()
    }

    /// The relay has answered a request well, with another set or with none.
    pub(crate) fn succeeded(&mut self, call: Call, now: UnixMillis, changed: bool) {
        self.failures = 0;
        let held_ms = now.saturating_since(call.begun).as_millis();
        let was_held = held_ms >= u128::from(self.wait_ms / 2);
        if self.wait_ms > 0 && (changed || was_held) {
            return self.pause(call.begun, self.spacing_ms);
        }
        // From three quarters to five quarters of the interval.
        let half = self.interval_ms / 2;
        let jitter = self.jitter.below(half.saturating_add(1));
        self.pause(now, self.interval_ms - half / 2 + jitter);
    }

    /// It has not. Exponential with full jitter from the first time on, so that a fleet does not come back at once.
    pub(crate) fn failed(&mut self, now: UnixMillis) {
        let most = self
            .interval_ms
            .saturating_mul(1 << self.failures.min(16))
            .min(MAX_BACKOFF_MS.max(self.interval_ms));
        self.failures = self.failures.saturating_add(1);
        let pause = self.jitter.below(most.saturating_add(1));
        self.pause(now, pause.max(self.spacing_ms));
    }

    fn pause(&mut self, from: UnixMillis, millis: u64) {
        self.next_at = UnixMillis::new(from.as_u64().saturating_add(millis));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: u64 = 1_800_000_000_000;

    fn at(millis: u64) -> UnixMillis {
        UnixMillis::new(BEGIN + millis)
    }

    fn poller(wait_ms: u64) -> Poller {
        let relay = Relay {
            cluster: String::new(),
            authority: String::new(),
            path: String::new(),
            wait_ms,
            interval_ms: 1_000,
            timeout_ms: 5_000,
        };
        Poller::new(&relay, 100, 7)
    }

    /// The first point at which it asks again, to ten milliseconds.
    fn due(poller: &Poller, from: u64) -> u64 {
        (0..).map(|step| from + step * 10).find(|&millis| poller.is_due(at(millis))).expect("some time")
    }

    /// A request that was begun at zero and has come to an end.
    fn call(poller: &mut Poller) -> Call {
        poller.begin(1, at(0), true);
        poller.end(1).expect("was begun")
    }

    #[test]
    fn it_asks_at_once_and_never_twice_at_a_time() {
        let mut poller = poller(30_000);
        assert!(poller.is_due(at(0)));
        poller.begin(4, at(0), true);
        assert!(!poller.is_due(at(20_000)));
        assert_eq!(poller.end(5), None, "somebody else's");
        assert_eq!(poller.end(4).map(|call| call.conditional), Some(true));
        assert_eq!(poller.end(4), None, "only once");
    }

    #[test]
    fn what_was_held_or_brought_news_is_followed_at_once_but_for_the_spacing() {
        let mut held = poller(30_000);
        let call = self::call(&mut held);
        held.succeeded(call, at(30_000), false);
        assert_eq!(due(&held, 30_000), 30_000);

        let mut news = poller(30_000);
        let call = self::call(&mut news);
        news.succeeded(call, at(10), true);
        assert_eq!(due(&news, 10), 100);
    }

    #[test]
    fn a_relay_that_does_not_hold_is_not_asked_in_a_loop() {
        for mut poller in [poller(30_000), poller(0)] {
            let call = call(&mut poller);
            poller.succeeded(call, at(2), false);
            assert!((750..=1_260).contains(&due(&poller, 0)), "{}", due(&poller, 0));
        }
    }

    #[test]
    fn failures_are_followed_later_and_later_and_not_all_at_one_time() {
        let pauses = |seed| {
            let mut poller = Poller { jitter: Jitter::new(seed), ..poller(30_000) };
            let pause = |_| {
                call(&mut poller);
                poller.failed(at(0));
                due(&poller, 0)
            };
            (0..40).map(pause).collect::<Vec<_>>()
        };
        let seeds: Vec<_> = (0..50).map(pauses).collect();
        let range = |nth: usize| {
            let pauses = seeds.iter().map(|pauses| pauses[nth]);
            (pauses.clone().min().expect("some"), pauses.max().expect("some"))
        };
        assert!(range(0).1 <= 1_000 && range(0).1 - range(0).0 > 500, "{:?}", range(0));
        assert!(range(2).1 <= 4_000 && range(2).1 > 2_000, "{:?}", range(2));
        assert!(range(39).1 <= 10_000 && range(39).1 > 8_000, "{:?}", range(39));
        assert!(seeds.iter().flatten().all(|&pause| pause >= 100));
    }

    #[test]
    fn a_success_begins_the_backoff_anew() {
        let mut poller = poller(30_000);
        for _ in 0..20 {
            poller.failed(at(0));
        }
        let call = call(&mut poller);
        poller.succeeded(call, at(0), false);
        poller.failed(at(0));
        assert!(due(&poller, 0) <= 1_000);
    }

    #[test]
    fn a_request_that_never_ends_is_given_up() {
        let mut poller = poller(30_000);
        poller.begin(1, at(0), false);
        assert!(!poller.give_up(at(40_000)));
        assert!(poller.give_up(at(40_001)));
        assert!(!poller.give_up(at(40_002)), "once");
        assert_eq!(poller.end(1), None);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_silence_it() {
        let mut poller = poller(30_000);
        poller.failed(at(3_600_000));
        assert!(poller.is_due(at(0)));
    }
}
