//! A running `aldis serve`, and what it answers.

use std::net::SocketAddr;
use std::time::Duration;

use rig::eventually_blocking;
use rig::http::{Answer, Question, ask};

use crate::aldis::{Watch, command};

/// What may publish where a test says so.
pub(crate) const TOKEN: &str = "0123456789abcdef";

/// Long enough for what should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Served {
    process: Watch,
    /// Where it is, as it says.
    pub(crate) url: String,
    address: SocketAddr,
}

impl Served {
    /// Starts it on a free port, with these arguments beside.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = command(&["serve", "--format", "json", "--listen", "127.0.0.1:0", "--log", "off"]);
        let process = Watch::of(command.args(arguments));
        let url = process.next("serving")["url"].as_str().expect("a URL").to_owned();
        let (_, address) = url.split_once("://").expect("a URL");
        Self { process, address: address.parse().expect("an address"), url }
    }

    /// The same, to dial.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The memory that it holds, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).expect("it runs, on Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kibibytes << 10
    }

    /// One question over a connection of its own.
    pub(crate) fn ask(&self, question: Question) -> Answer {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(ask(self.address, question))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(Question::get(path))
    }

    /// Waits until it serves this revision.
    pub(crate) fn until_revision(&self, revision: u64) {
        let has_it = || self.get("/v1/image").header("aldis-revision") == revision.to_string();
        eventually_blocking("the revision is served", SOON, has_it);
    }

    /// Sends a signal and waits for the end: the exit code.
    pub(crate) fn end(self, signal: &str) -> i32 {
        self.process.end(signal)
    }
}
