//! The long run: many seeds on all cores. `cargo xtask sim` builds it for speed and starts it.
//!
//! `aldis-sim [SEEDS] [HOURS]`: seeds as `100000` or `42..43`, hours of virtual time for each.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sim::{Crowd, Failure, run, seeds};

/// Unless another number is given.
const SEEDS: u64 = 100_000;

/// Unless another number is given: a day.
const HOURS: u64 = 24;

/// Between two lines of progress, where nobody sees them replaced.
const TELL_EVERY: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let chosen = arguments.next().map_or(Some(0..SEEDS), |text| seeds(&text));
    let hours = arguments.next().map_or(Some(HOURS), |text| text.parse().ok().filter(|&hours| hours > 0));
    let (Some(chosen), Some(hours)) = (chosen, hours) else {
        eprintln!("usage: aldis-sim [SEEDS, such as 100000 or 42..43] [HOURS]");
        return ExitCode::from(2);
    };
    // What does not hold is told at the end, once.
    std::panic::set_hook(Box::new(|_| {}));
    let work = Work {
        length: Duration::from_secs(hours * 3_600),
        total: chosen.end.saturating_sub(chosen.start),
        next: AtomicU64::new(chosen.start),
        end: chosen.end,
        is_over: AtomicBool::new(false),
        done: AtomicU64::new(0),
        failure: Mutex::new(None),
        began: Instant::now(),
    };
    let crowd = work.run_on_all_cores();
    work.conclude(&crowd, hours)
}

/// What is to be done, and how far it is.
struct Work {
    length: Duration,
    total: u64,
    next: AtomicU64,
    end: u64,
    is_over: AtomicBool,
    done: AtomicU64,
    failure: Mutex<Option<Box<Failure>>>,
    began: Instant,
}

impl Work {
    fn run_on_all_cores(&self) -> Crowd {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let mut crowd = Crowd::default();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..cores).map(|_| scope.spawn(|| self.work())).collect();
            self.tell_progress();
            for worker in workers {
                if let Ok(part) = worker.join() {
                    crowd.merge(&part);
                }
            }
        });
        crowd
    }

    fn work(&self) -> Crowd {
        let mut crowd = Crowd::default();
        while !self.is_over.load(Ordering::Relaxed) {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.end {
                break;
            }
            match run(seed, self.length) {
                Ok(day) => crowd.join(seed, &day),
                Err(failure) => {
                    self.is_over.store(true, Ordering::Relaxed);
                    if let Ok(mut first) = self.failure.lock() {
                        first.get_or_insert(failure);
                    }
                }
            }
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        crowd
    }

    fn tell_progress(&self) {
        let is_seen = std::io::stderr().is_terminal();
        let mut told = Instant::now();
        while !self.is_over.load(Ordering::Relaxed) && self.done.load(Ordering::Relaxed) < self.total {
            thread::sleep(Duration::from_millis(100));
            let every = if is_seen { Duration::from_secs(1) } else { TELL_EVERY };
            if told.elapsed() >= every {
                told = Instant::now();
                let end = if is_seen { "\r" } else { "\n" };
                // Nobody may be listening.
                let _ = write!(
                    std::io::stderr(),
                    "{} of {} seeds{end}",
                    self.done.load(Ordering::Relaxed),
                    self.total
                );
            }
        }
    }

    fn conclude(&self, crowd: &Crowd, hours: u64) -> ExitCode {
        println!("{crowd}");
        println!("took {:.1} s, {hours} h of virtual time each", self.began.elapsed().as_secs_f64());
        let failure = self.failure.lock().ok().and_then(|mut failure| failure.take());
        if let Some(failure) = failure {
            println!("what led to it:\n{}", failure.trace.join("\n"));
            println!("seed {}: {}", failure.seed, failure.what);
            println!("replay with: cargo xtask sim {}..{} {hours}", failure.seed, failure.seed + 1);
            return ExitCode::FAILURE;
        }
        // A single seed need not see everything.
        match crowd.complaint().filter(|_| crowd.runs() >= 50) {
            Some(complaint) => {
                println!("{complaint}");
                ExitCode::FAILURE
            }
            None => ExitCode::SUCCESS,
        }
    }
}
