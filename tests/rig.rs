//! The rig under its own test: what the others stand on must hold.

use rig::etcd::{Etcd, Tls};

#[test]
fn each_available_etcd_starts_and_answers() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        etcd.put("key", "value");
        assert_eq!(etcd.etcdctl(&["get", "--print-value-only", "key"]), "value\n", "{version}");
        assert_eq!(etcd.version().to_string(), version.to_string());
        assert_eq!(etcd.revision(), 2, "{version}");
    }
}

#[test]
fn a_restart_keeps_data_and_ports_and_a_wipe_keeps_the_ports() {
    let mut etcd = Etcd::start();
    let endpoint = etcd.endpoint();
    etcd.put("key", "value");
    etcd.kill();
    assert!(!etcd.try_etcdctl(&["get", "key", "--command-timeout=300ms"]).status.success());
    etcd.restart();
    assert_eq!(etcd.etcdctl(&["get", "--print-value-only", "key"]), "value\n");
    etcd.wipe_and_restart();
    assert_eq!(etcd.etcdctl(&["get", "--print-value-only", "key"]), "");
    assert_eq!(etcd.endpoint(), endpoint);
    assert_eq!(etcd.revision(), 1);
}

#[test]
fn a_stopped_etcd_is_silent_until_it_continues() {
    let etcd = Etcd::start();
    etcd.stop();
    assert!(!etcd.try_etcdctl(&["get", "key", "--command-timeout=300ms"]).status.success());
    etcd.cont();
    assert!(etcd.try_etcdctl(&["get", "key"]).status.success());
}

#[test]
fn tls_and_auth_are_demanded_of_clients() {
    for tls in [Tls::Server, Tls::Mutual] {
        let etcd = Etcd::builder().tls(tls).root_password("secret").start();
        assert!(etcd.endpoint().starts_with("https://"));
        etcd.put("key", vec![b'v'; 1 << 20]);
        assert_eq!(etcd.etcdctl(&["get", "--print-value-only", "key"]).len(), (1 << 20) + 1);
        assert!(!etcd.try_etcdctl(&["--user=root:wrong", "get", "key"]).status.success());
    }
}

#[test]
fn a_restored_etcd_is_the_same_cluster_at_an_older_revision_and_under_another_token_another() {
    for version in Etcd::available() {
        let mut etcd = Etcd::builder().version(&version).start();
        let before = etcd.snapshot();
        etcd.put("key", "kept");
        let (snapshot, id) = (etcd.snapshot(), etcd.cluster_id());
        etcd.put("key", "lost");
        etcd.restore(&snapshot);
        assert_eq!(etcd.etcdctl(&["get", "--print-value-only", "key"]), "kept\n", "{version}");
        assert_eq!((etcd.revision(), etcd.cluster_id()), (2, id), "{version}");
        etcd.restore(&before);
        assert_eq!(etcd.etcdctl(&["get", "--print-value-only", "key"]), "", "{version}");
        etcd.wipe_and_restart();
        assert_eq!((etcd.revision(), etcd.cluster_id()), (1, id), "{version}");
        etcd.rename_cluster("another");
        etcd.restore(&snapshot);
        assert_eq!(etcd.etcdctl(&["get", "--print-value-only", "key"]), "kept\n", "{version}");
        assert_ne!(etcd.cluster_id(), id, "{version}");
    }
}
