//! How late this machine is: whether what was measured was the machine.
//!
//! A thread of the process ticks and remembers each time at which it came late. What must not take longer than so long
//! may take as much longer as the machine stood still meanwhile, and no more.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(2);

/// Less than that any machine is late now and then.
const NOTABLE: Duration = Duration::from_millis(10);

/// From when on the thread ticks; it does as long as the process lives.
static STALLS: LazyLock<Arc<Mutex<Stalls>>> = LazyLock::new(|| {
    let stalls = Arc::new(Mutex::new(Stalls { due: Instant::now(), late: Vec::new() }));
    let ticking = Arc::clone(&stalls);
    thread::spawn(move || tick(&ticking));
    stalls
});

struct Stalls {
    /// When the next tick is to come.
    due: Instant,
    /// When ticks were due that came late, and when they came.
    late: Vec<(Instant, Instant)>,
}

/// To be called before what is to be measured begins.
pub fn watch() {
    LazyLock::force(&STALLS);
}

/// How long the machine stood still beside this stretch of time: all of each standstill that reaches into it, because
/// what has piled up in one comes right after it.
pub fn beside(from: Instant, to: Instant) -> Duration {
    lock(&STALLS).beside(from, to)
}

/// The same for the time from then until now.
pub fn since(from: Instant) -> Duration {
    beside(from, Instant::now())
}

impl Stalls {
    fn beside(&self, from: Instant, to: Instant) -> Duration {
        // It may stand still right now.
        let now = (self.due, Instant::now());
        let touching = self.late.iter().chain([&now]).filter(|(due, came)| *due <= to && *came >= from);
        let lengths = touching.map(|(due, came)| came.saturating_duration_since(*due));
        lengths.filter(|length| *length >= NOTABLE).sum()
    }

    fn ticked(&mut self, came: Instant) {
        if came.saturating_duration_since(self.due) >= NOTABLE {
            self.late.push((self.due, came));
        }
        self.due = came + TICK;
    }
}

fn tick(stalls: &Mutex<Stalls>) {
    loop {
        thread::sleep(TICK);
        lock(stalls).ticked(Instant::now());
    }
}

fn lock(stalls: &Mutex<Stalls>) -> MutexGuard<'_, Stalls> {
    stalls.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{NOTABLE, Stalls, TICK};
    use std::time::{Duration, Instant};

    #[test]
    fn a_standstill_counts_whole_for_what_it_reaches_into_and_not_for_the_rest() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let far = Duration::from_secs(3_600);
        let mut stalls = Stalls { due: at(100), late: Vec::new() };
        stalls.ticked(at(101));
        stalls.ticked(at(101) + TICK + NOTABLE * 5);
        stalls.due = start + far;
        let whole = NOTABLE * 5;
        assert_eq!(stalls.beside(at(0), at(50)), Duration::ZERO);
        assert_eq!(stalls.beside(at(0), at(105)), whole, "its beginning");
        assert_eq!(stalls.beside(at(150), at(300)), whole, "its end");
        assert_eq!(stalls.beside(at(200), at(300)), Duration::ZERO);
    }
}
