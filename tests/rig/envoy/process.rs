//! The life of an Envoy process.

use std::env;
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Envoy;

/// How long it may take to start, on a machine with other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

impl Envoy {
    /// Runs it and waits until it serves; its log if it ends.
    pub(super) fn run(&mut self) -> Result<(), String> {
        let home = self.home.path();
        let log = File::create(home.join("log")).expect("a log file");
        let program = env::var_os("ALDIS_ENVOY").unwrap_or_else(|| "envoy".into());
        let mut command = Command::new(program);
        command.arg("-c").arg(home.join("bootstrap.json"));
        command.arg("--concurrency").arg(self.options.workers.to_string());
        // So that several run beside each other.
        command.args(["--use-dynamic-base-id", "--log-level", "info"]);
        // The access log is written out soon, for a test that waits for it.
        command.args(["--file-flush-interval-msec", "50", "--drain-time-s", "1"]);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = command.spawn().expect("envoy runs; `cargo xtask test` gets one");
        self.child = Some(child);
        self.until_it_serves()
    }

    fn until_it_serves(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        while !self.serves() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok()).flatten();
            if ended.is_some() || begun.elapsed() > PATIENCE {
                self.kill();
                return Err(self.log());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Whether it is live and has a listener: one from a file comes a moment later.
    fn serves(&self) -> bool {
        self.admin("/ready").is_some_and(|said| said.trim() == "LIVE")
            && self.admin("/listeners").is_some_and(|said| said.contains("main::"))
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Its process.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("Envoy runs").id()
    }

    /// The processor time that its threads have taken so far.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn processor_time(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("a process has threads");
        let nanos = threads.flatten().map(|thread| {
            let times = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            times.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0_u64)
        });
        Duration::from_nanos(nanos.sum())
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        self.kill();
    }
}
