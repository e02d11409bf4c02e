//! Disks and files that are not as they should be never keep a store from working, nor put anything wrong in force.

use std::fs;
use std::path::{Path, PathBuf};

use aldis_etcd::State;
use rig::eventually;
use tempfile::TempDir;

use super::{PATIENCE, Switch, document, ids, shows};

fn state_file(directory: &Path) -> PathBuf {
    let mut files = fs::read_dir(directory).expect("readable").flatten().map(|entry| entry.path());
    files.find(|path| path.extension().is_some_and(|ending| ending == "state")).expect("was written")
}

#[tokio::test]
async fn no_prefix_and_no_flipped_bit_of_a_state_is_ever_in_force() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    kv.put(document("stored", 600)).await;
    drop(kv.store(home.path()).await);
    let file = state_file(home.path());
    let whole = fs::read(&file).expect("readable");
    kv.put(document("present", 600)).await;
    let mut random = fastrand::Rng::with_seed(3);
    let mut broken: Vec<Vec<u8>> = (0..whole.len()).step_by(29).map(|end| whole[..end].to_vec()).collect();
    for _ in 0..30 {
        let mut flipped = whole.clone();
        flipped[random.usize(..whole.len())] ^= 1 << random.u8(..8);
        broken.push(flipped);
    }
    for bytes in broken {
        fs::write(&file, &bytes).expect("written");
        let refused = home.path().join("refused");
        let copy = |name: &Path| fs::copy(name, &refused).expect("copied");
        copy(&file);
        kv.off();
        kv.builder(home.path()).start_from_disk(true).connect().await.expect_err("there is nothing to use");
        let aside = file.with_extension("state.refused");
        assert_eq!(fs::read(&aside).expect("set aside"), bytes);
        fs::rename(&refused, &file).expect("put back");
        kv.on();
        let store = kv.store(home.path()).await;
        assert_eq!(ids(&store), "present");
        assert!(store.status().state_refused.is_some());
    }
    // And the whole one does work.
    fs::write(&file, &whole).expect("written");
    kv.off();
    let store = kv.builder(home.path()).start_from_disk(true).connect().await.expect("from disk");
    assert_eq!(ids(&store), "stored");
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_counted_and_nothing_else() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    let file = home.path().join("file");
    fs::write(&file, "mine").expect("written");
    for path in [file.as_path(), Path::new("/dev/full"), Path::new("/proc/aldis")] {
        kv.put(document("one", 600)).await;
        let store = kv.store(path).await;
        eventually("the failure is counted", PATIENCE, || store.status().sink_failures > 0).await;
        kv.put(document("two", 600)).await;
        shows(&store, "two").await;
        let status = store.status();
        assert_eq!(status.state, State::Live);
        assert!(status.last_error.is_some_and(|error| error.starts_with("state directory: ")));
    }
    assert_eq!(fs::read(&file).expect("still there"), b"mine");
}

#[tokio::test]
async fn stores_of_several_scopes_and_two_of_one_share_a_directory() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    let other = |scope: &str| kv.builder(home.path()).scope(scope);
    let stores = [
        kv.store(home.path()).await,
        kv.store(home.path()).await,
        other("aldis/").connect().await.expect("memory answers"),
        other("elsewhere/").connect().await.expect("memory answers"),
    ];
    for number in 0..50 {
        kv.put(document(&number.to_string(), 600)).await;
    }
    for store in stores.iter().take(3) {
        shows(store, "49").await;
    }
    assert!(stores.iter().all(|store| store.status().sink_failures == 0));
    drop(stores);
    kv.off();
    for (scope, expected) in [(super::KEY, "49"), ("aldis/", "49"), ("elsewhere/", "")] {
        let store = other(scope).start_from_disk(true).connect().await.expect("from disk");
        assert_eq!(ids(&store), expected, "{scope}");
    }
}

#[tokio::test]
async fn a_file_that_the_system_does_not_let_us_read_is_not_overwritten() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    kv.put(document("one", 600)).await;
    drop(kv.store(home.path()).await);
    let file = state_file(home.path());
    // A link into itself: it cannot be read, by whoever it is tried.
    fs::remove_file(&file).expect("removed");
    std::os::unix::fs::symlink(&file, &file).expect("a link");
    let store = kv.store(home.path()).await;
    assert!(store.status().state_refused.is_some_and(|cause| cause.contains("cannot be read")));
    drop(store);
    let aside = file.with_extension("state.unread");
    assert_eq!(fs::read_link(&aside).expect("is kept"), file);
    assert!(fs::symlink_metadata(&file).expect("is written").is_file());
    assert!(kv.store(home.path()).await.status().state_refused.is_none());
}
