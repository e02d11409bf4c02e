//! Processes that are killed while they write leave a state that loads.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aldis_etcd::EtcdDirectiveStore;
use aldis_etcd::kv::KvWriter;
use tempfile::TempDir;

use super::{KEY, PATIENCE, Switch, document, ids};

/// Where the child writes. Set only for the child.
const DIRECTORY: &str = "ALDIS_TEST_CRASH_DIRECTORY";

/// It must not outlive a parent that was itself killed.
const CHILD_LIMIT: Duration = Duration::from_secs(60);

/// The child: follows a key that changes without end, until it is killed. Without the parent there is nothing to do.
#[tokio::test]
async fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let kv = Switch::new();
    let store = kv.store(Path::new(&directory)).await;
    let began = Instant::now();
    let mut number = 0_u64;
    while began.elapsed() < CHILD_LIMIT {
        number += 1;
        // Of very different lengths, so that a mixture of two would not be whole.
        let padding = " ".repeat(fastrand::usize(..60_000));
        let value = format!("{padding}{}", document(&format!("n{number}"), 600));
        kv.kv.put(&KEY.into(), value.as_bytes()).await.expect("put");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(store);
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("ended");
    }
}

fn start(directory: &Path) -> Running {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "crash::child", "--nocapture"]).env(DIRECTORY, directory);
    Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a process"))
}

async fn from_disk(directory: &Path) -> Option<EtcdDirectiveStore> {
    let down = Switch::new();
    down.off();
    down.builder(directory).start_from_disk(true).connect().await.ok()
}

#[tokio::test]
async fn whenever_it_is_killed_what_it_leaves_loads() {
    let home = TempDir::new().expect("a scratch folder");
    let mut random = fastrand::Rng::with_seed(11);
    let began = Instant::now();
    while from_disk(home.path()).await.is_none() {
        // Until something was written at all.
        let _child = start(home.path());
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(began.elapsed() < PATIENCE);
    }
    for round in 0..15 {
        // Two at a time, as of a proxy that is replaced while it runs.
        let children = [start(home.path()), start(home.path())];
        for child in children {
            tokio::time::sleep(Duration::from_millis(random.u64(50..400))).await;
            drop(child);
        }
        let store = from_disk(home.path()).await.unwrap_or_else(|| panic!("round {round}: nothing loads"));
        let shown = ids(&store);
        assert!(shown.is_empty() || shown.starts_with('n'), "{shown}");
        assert!(store.status().state_refused.is_none());
    }
}
