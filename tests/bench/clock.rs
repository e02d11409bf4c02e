//! What time is read from.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time that has passed, from a start of its own.
pub trait Clock {
    /// Since that start.
    fn now(&self) -> Duration;
}

/// The processor time of the calling thread: what others do on the machine costs a contender its caches and no more.
/// Reading it costs half a microsecond, so a batch takes hundreds.
#[derive(Clone, Copy, Debug)]
pub struct ThreadTime;

impl Clock for ThreadTime {
    fn now(&self) -> Duration {
        spent(ClockId::ThreadCPUTime)
    }
}

/// Processor time of all threads of this process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessTime;

impl Clock for ProcessTime {
    fn now(&self) -> Duration {
        spent(ClockId::ProcessCPUTime)
    }
}

fn spent(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_and_sleep_does_not() {
        let begun = ThreadTime.now();
        std::thread::sleep(Duration::from_millis(50));
        let slept = ThreadTime.now();
        assert!(slept - begun < Duration::from_millis(40), "asleep for {:?}", slept - begun);
        let mut sum = 0_u64;
        while ThreadTime.now() < slept + Duration::from_millis(1) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(sum > 0);
    }

    #[test]
    fn what_another_thread_spends_is_the_processes_and_not_this_ones() {
        let (mine, everybodys) = (ThreadTime.now(), ProcessTime.now());
        let other = std::thread::spawn(|| {
            let begun = ThreadTime.now();
            while ThreadTime.now() < begun + Duration::from_millis(50) {}
        });
        other.join().expect("it ends");
        assert!(ProcessTime.now() - everybodys >= Duration::from_millis(50));
        assert!(ThreadTime.now() - mine < Duration::from_millis(40));
    }
}
