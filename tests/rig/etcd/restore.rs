//! An etcd that is brought back to an earlier state, as after a disaster; or made anew as another cluster.

use std::fs;
use std::path::PathBuf;

use super::Etcd;

/// What an etcd held at one moment. The file goes with the etcd that it was taken from.
#[derive(Clone, Debug)]
pub struct Snapshot {
    file: PathBuf,
}

impl Etcd {
    /// Saves all that it holds now.
    ///
    /// # Panics
    ///
    /// When etcdctl cannot.
    pub fn snapshot(&self) -> Snapshot {
        let file = self.home.path().join(format!("snapshot-at-{}", self.revision()));
        self.etcdctl(&["snapshot", "save", path(&file)]);
        Snapshot { file }
    }

    /// Kills it and starts it with what the snapshot holds, on the same ports. etcd makes a new cluster of it, whose id
    /// comes from its token and addresses: it is the old one's, unless [`Etcd::rename_cluster`] came between. Restored
    /// revisions are handed out once more, for other writes.
    ///
    /// # Panics
    ///
    /// When the snapshot is not of this etcd, or it does not answer again.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        self.kill();
        fs::remove_dir_all(self.data()).expect("the data can be removed");
        let peer = format!("http://{}", self.peer_address());
        let data = self.data();
        // In 3.5 this has moved to etcdutl, which not every package brings; here it is still there.
        self.etcdctl(&[
            "snapshot",
            "restore",
            path(&snapshot.file),
            &format!("--data-dir={}", path(&data)),
            &format!("--initial-cluster=default={peer}"),
            &format!("--initial-advertise-peer-urls={peer}"),
            &format!("--initial-cluster-token={}", self.token),
        ]);
        self.run().unwrap_or_else(|reason| panic!("{reason}"));
    }

    /// Another token for the clusters to come: what is wiped or restored from now on has another id.
    pub fn rename_cluster(&mut self, token: &str) {
        token.clone_into(&mut self.token);
    }
}

fn path(file: &std::path::Path) -> &str {
    file.to_str().expect("scratch folders have plain names")
}
