//! The proxy's own process stands still. It is this test's binary again, run as a child that follows etcd and tells
//! each sight in a line.

use std::io::{BufRead, BufReader, Read, Write, stdin, stdout};
use std::process::{self, Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use aldis_etcd::EtcdDirectiveStore;
use rig::etcd::{Etcd, Version};
use rustix::process::{Pid, Signal, kill_process};

use super::case::{CONVERGENCE, Figures};
use super::story::{Judge, NUMBER, SCOPE, SHORT, Sight, Story, numbered, short};

/// What makes this binary a child; an endpoint follows.
const FOLLOW: &str = "--follow";

/// Longer than any patience of the store's.
const PAUSE: Duration = Duration::from_secs(15);

pub(crate) fn own_process_for_15_s(version: &Version) -> Figures {
    let (etcd, story) = (Etcd::builder().version(version).start(), Story::default());
    etcd.put(NUMBER, numbered(story.next(), 0));
    etcd.put(SHORT, short());
    let (follower, mut judge) = (Follower::of(&etcd), Judge::default());
    follower.shows(&story, &mut judge);
    follower.signal(Signal::STOP);
    for _ in 0..3 {
        etcd.put(NUMBER, numbered(story.next(), 0));
    }
    sleep(PAUSE);
    let ended = Instant::now();
    follower.signal(Signal::CONT);
    follower.shows(&story, &mut judge);
    let converged = ended.elapsed();
    assert!(converged < CONVERGENCE, "{converged:?}");
    assert_eq!((judge.violations, judge.decreases), (Vec::new(), 0));
    Figures { noticed: None, converged: Some(converged) }
}

/// The child, seen from its parent. It ends when its standard input does.
struct Follower {
    child: Child,
    _end: Option<ChildStdin>,
    sights: Receiver<Sight>,
}

impl Follower {
    fn of(etcd: &Etcd) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        command.args([FOLLOW, &etcd.endpoint()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let (end, lines) = (child.stdin.take(), child.stdout.take().expect("piped"));
        let (sender, sights) = channel();
        thread::spawn(move || {
            let sights = BufReader::new(lines).lines().map_while(Result::ok);
            for sight in sights.map_while(|line| serde_json::from_str(&line).ok()) {
                let _ended = sender.send(sight);
            }
        });
        Self { child, _end: end, sights }
    }

    /// Waits for the newest document, and judges all sights until then.
    fn shows(&self, story: &Story, judge: &mut Judge) {
        loop {
            let sight: Sight = self.sights.recv_timeout(CONVERGENCE).expect("the child tells a sight");
            judge.see(story, sight);
            if sight.number == story.newest() {
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
        let sight = Sight::of(reader.snapshot(), now);
        if last.replace(sight) != Some(sight) {
            writeln!(stdout(), "{}", serde_json::to_string(&sight).expect("plain")).expect("heard");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
