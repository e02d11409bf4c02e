//! Credentials that are demanded, expire, do not suffice.

use std::thread::sleep;
use std::time::Duration;

use rig::etcd::{Etcd, Version};
use rig::ordeal::Figures;

use super::case::{Case, SCOPE};

const ROOT: &str = "--user=root:secret";

/// An open watch does not suffer from any of these: what notices is the verifying read, here each two seconds.
const VERIFY_EVERY: Duration = Duration::from_secs(2);

/// The store has credentials that nobody asked for so far.
pub(crate) fn enabled_while_running(version: &Version) -> Figures {
    let etcd = Etcd::builder().version(version).start();
    let mut case =
        Case::with(etcd, |builder| builder.credentials("root", "secret").verify_every(VERIFY_EVERY));
    enable(&mut case);
    case.notices();
    case.publish();
    case.converges();
    case.end()
}

/// The store has none; it goes on trying, and says why.
pub(crate) fn enabled_and_disabled_again(version: &Version) -> Figures {
    let etcd = Etcd::builder().version(version).start();
    let mut case = Case::with(etcd, |builder| builder.verify_every(VERIFY_EVERY));
    enable(&mut case);
    case.notices();
    case.publish();
    sleep(Duration::from_secs(5));
    let error = case.status().last_error.unwrap_or_default();
    assert!(error.contains("not permitted"), "{error}");
    case.etcd.etcdctl(&[ROOT, "auth", "disable"]);
    case.converges();
    case.end()
}

fn enable(case: &mut Case) {
    case.etcd.etcdctl(&["user", "add", "root:secret"]);
    // The role of all rights is there in 3.5 and must be made in 3.4.
    case.etcd.try_etcdctl(&["role", "add", "root"]);
    case.etcd.etcdctl(&["user", "grant-role", "root", "root"]);
    case.etcd.etcdctl(&["auth", "enable"]);
    case.user = Some(ROOT);
}

/// Tokens last two seconds.
pub(crate) fn expired_token(version: &Version) -> Figures {
    let builder = Etcd::builder().version(version).root_password("secret");
    let etcd = builder.argument("--auth-token-ttl=2").start();
    let mut case =
        Case::with(etcd, |builder| builder.credentials("root", "secret").verify_every(VERIFY_EVERY * 2));
    for _ in 0..3 {
        sleep(Duration::from_secs(3));
        case.publish();
        case.converges();
    }
    assert!(case.status().reconnects >= 1, "the verifying read has noticed: {:?}", case.status());
    case.end()
}

pub(crate) fn revoked_and_given_back(version: &Version) -> Figures {
    let etcd = Etcd::builder().version(version).root_password("secret").start();
    etcd.etcdctl(&["user", "add", "proxy:secret"]);
    etcd.etcdctl(&["role", "add", "reader"]);
    let grant = ["role", "grant-permission", "--prefix=true", "reader", "read", SCOPE];
    etcd.etcdctl(&grant);
    etcd.etcdctl(&["user", "grant-role", "proxy", "reader"]);
    let mut case =
        Case::with(etcd, |builder| builder.credentials("proxy", "secret").verify_every(VERIFY_EVERY));
    case.etcd.etcdctl(&["role", "revoke-permission", "--prefix=true", "reader", SCOPE]);
    case.notices();
    case.publish();
    sleep(Duration::from_secs(5));
    let error = case.status().last_error.unwrap_or_default();
    assert!(error.contains("permi"), "{error}");
    case.etcd.etcdctl(&grant);
    case.converges();
    case.end()
}
