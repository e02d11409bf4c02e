//! TLS, mutual TLS, user and password.

use std::fs;
use std::path::PathBuf;

use aldis_etcd::kv::etcd::Tls as ClientTls;
use aldis_etcd::{Builder, EtcdDirectiveStore};
use rig::etcd::{Etcd, Tls};

use super::{KEY, SOON, builder, document, shows};

fn pem(path: PathBuf) -> Vec<u8> {
    fs::read(path).expect("a certificate")
}

async fn follows(etcd: &Etcd, builder: Builder) -> EtcdDirectiveStore {
    let store = builder.connect().await.expect("may read");
    etcd.put(KEY, document("one"));
    shows(&store, "one", SOON).await;
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_spoken_and_an_unknown_authority_refused() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).tls(Tls::Server).start();
        let tls = ClientTls::new().ca(pem(etcd.certificates().ca()));
        follows(&etcd, builder(&etcd.endpoint()).tls(tls.clone())).await;
        for refused in
            [builder(&etcd.endpoint()), builder(&etcd.endpoint()).tls(tls.domain("elsewhere.example"))]
        {
            let error = refused.connect().await.expect_err("is not trusted").to_string();
            assert!(error.contains(&etcd.endpoint()), "{version}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutual_tls_shows_a_certificate() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).tls(Tls::Mutual).start();
        let files = etcd.certificates();
        let tls = ClientTls::new().ca(pem(files.ca()));
        let known = tls.clone().identity(pem(files.client_certificate()), pem(files.client_key()));
        follows(&etcd, builder(&etcd.endpoint()).tls(known)).await;
        let error = builder(&etcd.endpoint()).tls(tls).connect().await.expect_err("shows nothing");
        assert!(error.to_string().contains("certificate"), "{version}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_and_password_are_presented_and_never_told() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).root_password("hunter2").start();
        let builder = || builder(&etcd.endpoint());
        follows(&etcd, builder().credentials("root", "hunter2")).await;
        for wrong in [builder().credentials("root", "swordfish"), builder()] {
            let error = wrong.connect().await.expect_err("may not read").to_string();
            assert!(error.contains(&etcd.endpoint()) && !error.contains("swordfish"), "{version}: {error}");
        }
    }
}
