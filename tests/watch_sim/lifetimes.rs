//! When each directive may be on, by a model that knows true time and every error of the wall clock.
//!
//! Let a document be seen first at `t`, when the wall clock is ahead by `e`. A relative lifetime ends `ttl` after `t`. An
//! absolute end lies as far ahead as the wall clock says at `t`. Later steps forward bring both nearer, by at most as
//! much as the wall clock was ever ahead of `e` since; nothing puts them off. What was on and is not on any more never
//! is again.

use std::collections::BTreeMap;

use aldis_core::{Decision, DirectiveSet, Request, UnixMillis};

use crate::bounds::LIFETIME_SLACK_MS as SLACK;
use crate::documents::{Author, Lifetime};
use crate::time::Hands;

/// What has been seen of each directive.
pub(crate) struct Lifetimes {
    hands: Hands,
    /// By how much the wall clock was ahead, and since when in milliseconds; the latest last.
    errors: Vec<(u64, i64)>,
    lives: BTreeMap<u64, Life>,
}

struct Life {
    seen_at: u64,
    error: i64,
    /// Milliseconds from when it was seen.
    starts: i64,
    ends: i64,
    was_on: bool,
    is_over: bool,
}

impl Lifetimes {
    pub(crate) fn new(hands: Hands) -> Self {
        Self { hands, errors: vec![(0, 0)], lives: BTreeMap::new() }
    }

    /// The wall clock was set.
    pub(crate) fn step(&mut self) {
        self.errors.push((self.hands.elapsed(), self.hands.error()));
    }

    /// A document with this directive has been handed to the mirror.
    pub(crate) fn see(&mut self, number: u64, author: &Author) {
        let (seen_at, error) = (self.hands.elapsed(), self.hands.error());
        let wall = self.hands.wall_time();
        self.lives.entry(number).or_insert_with(|| {
            let (starts, ends) = match author.lifetime(number) {
                Lifetime::Relative(ttl) => (i64::MIN / 2, i64::try_from(ttl.as_millis()).expect("small")),
                Lifetime::Absolute(starts, ends) => {
                    (starts.map_or(i64::MIN / 2, |starts| between(wall, starts)), between(wall, ends))
                }
            };
            Life { seen_at, error, starts, ends, was_on: false, is_over: false }
        });
    }

    /// Compares what a set decides now with what it may.
    pub(crate) fn check(&mut self, set: &DirectiveSet, now: UnixMillis) {
        for directive in set.iter() {
            let request = Request { tenant: Some(&directive.id), ..Request::EMPTY };
            let is_on = set.evaluate(&request, now) != Decision::OFF;
            let number = directive.id.parse().expect("ids are numbers");
            self.check_one(number, is_on);
        }
    }

    fn check_one(&mut self, number: u64, is_on: bool) {
        let elapsed = self.hands.elapsed();
        let life = self.lives.get_mut(&number).expect("what is in force has been seen");
        let since = i64::try_from(elapsed - life.seen_at).expect("small");
        let forward = forward(&self.errors, life.seen_at, life.error);
        let may_be_on = since < life.ends + SLACK && since + forward >= life.starts - SLACK;
        let must_be_on = since + forward < life.ends - SLACK && since >= life.starts + SLACK;
        assert!(
            may_be_on || !is_on,
            "directive {number} is on {since} ms after it was seen: not at that time"
        );
        assert!(
            is_on || !must_be_on,
            "directive {number} is off {since} ms after it was seen: it should be on"
        );
        assert!(!(is_on && life.is_over), "directive {number} has come back");
        life.is_over |= life.was_on && !is_on;
        life.was_on |= is_on;
    }
}

/// By how much the wall clock was ahead of `error`, at most, from `since` on.
fn forward(errors: &[(u64, i64)], since: u64, error: i64) -> i64 {
    let later = errors.iter().rev().take_while(|(at, _)| *at >= since);
    later.map(|(_, later)| later - error).max().unwrap_or(0).max(0)
}

fn between(from: UnixMillis, to: UnixMillis) -> i64 {
    let [from, to] = [from, to].map(|point| i64::try_from(point.as_u64()).expect("a time of ours"));
    to - from
}
