//! A run: storms and calm, until the day is over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::bounds::{CONVERGENCE, PROMPT, SLOWEST, STEPS_PER_HOUR, VERIFICATION};
use crate::link::{Until, What, millis};
use crate::tally::{Fault, Tally};
use crate::trace::Trace;
use crate::weather::{self, Happening};
use crate::world::World;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Day {
    /// The longest that it took to converge from the end of the faults.
    pub slowest: Duration,
    /// The longest where nothing but a verifying read could tell that something was wrong.
    pub slowest_with_a_read: Duration,
    /// The delay of the first retry after the first calm.
    pub first_delay: Option<Duration>,
    /// Steps of the simulation.
    pub steps: u64,
    /// What has happened.
    pub tally: Tally,
}

/// Something did not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What did not hold.
    pub what: String,
    /// What led to it, the latest last.
    pub trace: Vec<String>,
}

/// Runs a seed for so long.
///
/// # Errors
///
/// What did not hold, with what led to it: the seed is run a second time for that.
pub fn run(seed: u64, length: Duration) -> Result<Day, Box<Failure>> {
    attempt(seed, length, false).map_err(|(what, _)| {
        let trace = attempt(seed, length, true).err().map(|(_, trace)| trace);
        Box::new(Failure { seed, what, trace: trace.unwrap_or_default() })
    })
}

/// The last lines of what happens with this seed.
#[must_use]
pub fn traced(seed: u64, length: Duration) -> Vec<String> {
    let mut world = world(seed, length, true);
    world.day(length);
    world.trace.into_lines()
}

/// Seeds as people write them: `200` for the first 200, `42..43` for those.
#[must_use]
pub fn seeds(text: &str) -> Option<std::ops::Range<u64>> {
    let text = text.replace('_', "");
    match text.split_once("..") {
        Some((from, to)) => Some(from.parse().ok()?..to.parse().ok()?),
        None => Some(0..text.parse().ok()?),
    }
}

fn attempt(seed: u64, length: Duration, is_traced: bool) -> Result<Day, (String, Vec<String>)> {
    let mut world = world(seed, length, is_traced);
    catch_unwind(AssertUnwindSafe(|| world.day(length))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        (text.unwrap_or_else(|| "a panic without words".to_owned()), world.trace.into_lines())
    })
}

fn world(seed: u64, length: Duration, is_traced: bool) -> World {
    let hours = length.as_secs().div_ceil(3_600);
    World::new(seed, hours * STEPS_PER_HOUR, Trace::new(is_traced))
}

impl World {
    fn day(&mut self, length: Duration) -> Day {
        let (mut slowest, mut slowest_with_a_read) = (Duration::ZERO, Duration::ZERO);
        let (mut first_delay, mut has_been_calm) = (None, false);
        self.wake_up_to_trouble();
        self.obey();
        while self.elapsed() < length {
            self.storm();
            first_delay = first_delay.or(self.client.first_delay.filter(|_| has_been_calm));
            has_been_calm = true;
            let (took, needed_a_read) = self.converge();
            match needed_a_read {
                true => slowest_with_a_read = slowest_with_a_read.max(took),
                false => slowest = slowest.max(took),
            }
            self.calm(length);
        }
        Day { slowest, slowest_with_a_read, first_delay, steps: self.steps(), tally: self.tally.clone() }
    }

    /// A start may come at a bad time, too.
    fn wake_up_to_trouble(&mut self) {
        for endpoint in 0..self.endpoints {
            let until = Until::new(self.now + millis(self.random.u64(0..20_000)));
            match self.random.u8(0..4) {
                0 => self.troubles.silent[endpoint] = until,
                1 => self.troubles.refusing[endpoint] = until,
                _ => {}
            }
        }
    }

    fn storm(&mut self) {
        let end = self.now + millis(self.random.u64(30_000..240_000));
        self.client.is_settled = false;
        self.is_calm = false;
        while self.now < end {
            // Bursts and lulls.
            let is_burst = self.random.u8(0..3) == 0;
            let pause = if is_burst { self.random.u64(0..30) } else { self.random.u64(0..4_000) };
            self.until(self.now + millis(pause), |_| false);
            let happening = weather::next(&mut self.random);
            self.happen(happening);
        }
    }

    /// The faults stop; how long it takes until the copy is the present state, and whether only a read could tell.
    fn converge(&mut self) -> (Duration, bool) {
        self.calm_down();
        let (calm, needs_a_read) = (self.now, self.client.needs_a_read());
        let limit = if needs_a_read { CONVERGENCE + VERIFICATION } else { CONVERGENCE };
        // The link is slow until what it has delayed is there.
        let stopped = self.delayed_until().unwrap_or(calm).max(calm);
        let converged = self.until(stopped + limit, |world| world.client.is_up_to_date(&world.server));
        assert!(converged, "has not converged {limit:?} after the faults have stopped");
        let took = self.now - calm;
        // Nothing is left that could still end this watch: a link that died before the calm is noticed by now, even if
        // something that was slow on its way has arrived over it since.
        self.until(stopped + limit + SLOWEST, |_| false);
        self.client.is_settled = true;
        self.client.verified_at = self.now;
        self.client.first_delay = None;
        (took, needs_a_read)
    }

    /// The faults stop, except that all endpoints but one may stay as they are, until the next storm.
    fn calm_down(&mut self) {
        (self.is_calm, self.panics) = (true, false);
        let endpoints = std::mem::take(&mut self.troubles);
        self.troubles.behind = endpoints.behind;
        self.troubles.lagging = vec![Default::default(); self.endpoints];
        (self.troubles.refusing, self.troubles.silent) = (endpoints.refusing, endpoints.silent);
        self.watch().into_iter().for_each(|watch| watch.loses_next = false);
        self.connection.iter_mut().for_each(|connection| connection.is_denied = false);
        // A leader has been found before this watch would have ended.
        self.parcels.retain(|_, parcel| !matches!(parcel.what, What::NoLeader(_)));
        let for_good = Until::new(self.now + Duration::from_secs(48 * 3_600));
        let healthy = self.random.usize(0..self.endpoints);
        for endpoint in 0..self.endpoints {
            let (refuses, silent) = (self.random.bool(), self.random.bool());
            let is_healthy = endpoint == healthy;
            self.troubles.refusing[endpoint] =
                if refuses && !is_healthy { for_good } else { Until::default() };
            self.troubles.silent[endpoint] = if silent && !is_healthy { for_good } else { Until::default() };
        }
    }

    /// Nothing goes wrong but the wall clock, every change is seen at once, and a read verifies it again and again.
    fn calm(&mut self, length: Duration) {
        let rest = length.saturating_sub(self.elapsed()).min(length / 6);
        let end = self.now
            + millis(self.random.u64(0..=u64::try_from(rest.as_millis()).expect("small")).max(60_000));
        while self.now < end {
            let pause = millis(self.random.u64(0..120_000));
            self.until(self.now + pause, |_| false);
            match self.random.u8(0..16) {
                0 => self.step_clock(Fault::ClockForward, 0..5_000),
                1 => self.step_clock(Fault::ClockBack, -5_000..0),
                2 => self.set_clock(Fault::ClockBack, 0),
                3..6 => self.happen(Happening::ForeignWrite),
                6 => self.server.compact(self.server.header().revision.as_u64()),
                _ => self.happen(Happening::Write),
            }
            let heard = self.until(self.now + PROMPT, |world| world.client.is_up_to_date(&world.server));
            assert!(heard, "is deaf to a change in calm weather");
            self.client.check_lifetimes();
        }
    }
}
