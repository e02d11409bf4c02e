//! The proxy's own process stands still. It is this test's binary again, run as a child that follows etcd and tells
//! each sight in a line.

use std::io::{BufRead, BufReader, Read, Write, stdin, stdout};
use std::process::{self, Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, sleep};
use std::time::Duration;

use aldis_etcd::EtcdDirectiveStore;
use rig::etcd::{Etcd, Version};
use rig::ordeal::{CONVERGED_WITHIN, Figures, Ordeal, SHORT, Sight, Witness, document};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::case::{NUMBER, SCOPE, SHORT_KEY, numbered};
use super::witnesses::sight;

/// What makes this binary a child; an endpoint follows.
const FOLLOW: &str = "--follow";

/// Longer than any patience of the store's.
const PAUSE: Duration = Duration::from_secs(60);

pub(crate) fn own_process_for_60_s(version: &Version) -> Figures {
    let etcd = Etcd::builder().version(version).start();
    let mut shown = put(&etcd, 1);
    etcd.put(SHORT_KEY, document(SHORT));
    let ordeal = Arc::new(Ordeal::new(format!("etcd {version}"), &shown));
    let (follower, witness) = (Follower::of(&etcd), ordeal.witness("the child"));
    follower.shows(&shown, &witness);
    follower.signal(Signal::STOP);
    for number in 2..5 {
        ordeal.publish(&ids(number));
        shown = put(&etcd, number);
    }
    sleep(PAUSE);
    ordeal.stops();
    follower.signal(Signal::CONT);
    follower.shows_live(&shown, &witness);
    ordeal.has_converged();
    ordeal.ends(0)
}

/// Puts the document with this number. Returns all ids that are to show.
fn put(etcd: &Etcd, number: u32) -> String {
    etcd.put(NUMBER, document(&numbered(number)));
    ids(number)
}

fn ids(number: u32) -> String {
    format!("{} {SHORT}", numbered(number))
}

/// What the child tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    sight: Sight,
    /// Of its store.
    state: String,
    /// The server has confirmed it within the last seconds: what was live before the pause may not know yet.
    is_confirmed: bool,
}

/// The child, seen from its parent. It ends when its standard input does.
struct Follower {
    child: Child,
    _end: Option<ChildStdin>,
    lines: Receiver<Line>,
}

impl Follower {
    fn of(etcd: &Etcd) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        command.args([FOLLOW, &etcd.endpoint()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let (end, lines) = (child.stdin.take(), child.stdout.take().expect("piped"));
        let (sender, told) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(lines).lines().map_while(Result::ok);
            for line in lines.map_while(|line| serde_json::from_str(&line).ok()) {
                let _ended = sender.send(line);
            }
        });
        Self { child, _end: end, lines: told }
    }

    /// Waits until it shows these, and has all that it shows until then judged.
    fn shows(&self, ids: &str, witness: &Witness) {
        self.tells(witness, |line| line.sight.ids == ids);
    }

    /// The same, and it says of itself that it is live.
    fn shows_live(&self, ids: &str, witness: &Witness) {
        self.tells(witness, |line| line.sight.ids == ids && line.state == "live" && line.is_confirmed);
    }

    fn tells(&self, witness: &Witness, what: impl Fn(&Line) -> bool) {
        loop {
            let line = self.lines.recv_timeout(CONVERGED_WITHIN * 2).expect("the child tells a sight");
            let is_so = what(&line);
            witness.sees(line.sight);
            if is_so {
                return;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("our own child takes a signal");
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's part, if this process is one; it does not return then.
pub(crate) fn follow_if_asked() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, follow, endpoint] = arguments.as_slice() else { return };
    if follow != FOLLOW {
        return;
    }
    thread::spawn(|| {
        let _ = stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(tell_what_is_seen(endpoint));
}

async fn tell_what_is_seen(endpoint: &str) {
    let store = EtcdDirectiveStore::builder([endpoint]).scope(SCOPE).connect().await.expect("etcd answers");
    let (mut reader, mut last) = (store.reader(), None);
    loop {
        let now = reader.now();
        let status = store.status();
        let confirmed = status.last_confirmed.map(|confirmed| now.saturating_since(confirmed));
        let line = Line {
            sight: sight(reader.snapshot(), now),
            state: status.state.to_string(),
            is_confirmed: confirmed.is_some_and(|age| age < PAUSE / 4),
        };
        if last.as_ref() != Some(&line) {
            writeln!(stdout(), "{}", serde_json::to_string(&line).expect("plain")).expect("heard");
            last = Some(line);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
