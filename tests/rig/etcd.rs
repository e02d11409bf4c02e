//! A real etcd of one member, on loopback, for one test.

mod process;
mod restore;
mod version;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Output, Stdio};
use std::str::FromStr;
use std::time::Duration;

use tempfile::TempDir;

use self::process::Ports;
pub use self::restore::Snapshot;
pub use self::version::Version;
use crate::eventually_blocking;
use crate::tls::Certificates;

/// How long a healthy etcd may take to answer, on a machine with other things to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// What clients must bring besides the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Nothing: plain text.
    Off,
    /// Trust in the authority of [`Etcd::certificates`].
    Server,
    /// That, and a client certificate of the same authority.
    Mutual,
}

/// A running etcd. Ended and wiped when dropped.
pub struct Etcd {
    options: Builder,
    version: Version,
    ports: Ports,
    home: TempDir,
    certificates: Certificates,
    child: Option<Child>,
    /// Goes into the id of a cluster that is made anew.
    token: String,
}

/// How an [`Etcd`] is to be run.
#[derive(Clone, Debug)]
pub struct Builder {
    version: Option<Version>,
    tls: Tls,
    user: Option<(String, String)>,
    arguments: Vec<String>,
}

impl Etcd {
    /// Every version that can be run here, oldest first.
    ///
    /// # Panics
    ///
    /// When there is none, with the remedy.
    pub fn available() -> Vec<Version> {
        let available = version::available();
        assert!(!available.is_empty(), "no etcd found; run `cargo xtask test`, which gets one");
        available
    }

    /// The newest available, in plain text.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts from the same, to be changed.
    pub const fn builder() -> Builder {
        Builder { version: None, tls: Tls::Off, user: None, arguments: Vec::new() }
    }

    /// `http://127.0.0.1:port`, or `https` under TLS.
    pub fn endpoint(&self) -> String {
        self.options.url(self.ports.client)
    }

    /// The same as an address, for a [`Link`](crate::link::Link) in front of it.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.client).into()
    }

    /// The port that clients dial. It stays the same over restarts.
    pub fn client_port(&self) -> u16 {
        self.ports.client
    }

    /// What runs.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The files to trust and to show under TLS.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Runs `etcdctl` with the address and credentials put in, and returns what it printed.
    ///
    /// # Panics
    ///
    /// When it fails, with what it said.
    pub fn etcdctl(&self, arguments: &[&str]) -> String {
        let output = self.try_etcdctl(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "etcdctl {}: {said}", arguments.join(" "));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The same for calls that may fail.
    pub fn try_etcdctl(&self, arguments: &[&str]) -> Output {
        self.control().args(arguments).output().expect("etcdctl runs")
    }

    /// Puts a value of any bytes and any size that etcd takes. An etcd that had no time for it is asked again: on a machine
    /// with much else to do it sometimes waits seconds for its disk.
    ///
    /// # Panics
    ///
    /// When it fails, with what it said.
    pub fn put(&self, key: &str, value: impl AsRef<[u8]>) {
        const TRIES: usize = 3;
        let mut said = String::new();
        for _ in 0..TRIES {
            match self.try_put(key, value.as_ref()) {
                Ok(()) => return,
                Err(error) => said = error,
            }
            if !said.contains("request timed out") {
                break;
            }
        }
        panic!("etcdctl put {key}: {said}");
    }

    fn try_put(&self, key: &str, value: &[u8]) -> Result<(), String> {
        let mut command = self.control();
        // By stdin: an argument of a process ends at 128 KiB, and must not begin with a dash.
        command.args(["put", "--", key]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("etcdctl runs");
        child.stdin.take().expect("piped").write_all(value).expect("etcdctl reads");
        let output = child.wait_with_output().expect("etcdctl ends");
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Deletes a key.
    pub fn delete(&self, key: &str) {
        self.etcdctl(&["del", "--", key]);
    }

    /// Puts several keys in one transaction; keys and values without blanks.
    pub fn transaction(&self, puts: &[(&str, &str)]) {
        let operations: String = puts.iter().map(|(key, value)| format!("put {key} {value}\n")).collect();
        let mut command = self.control();
        command.arg("txn").stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().expect("etcdctl runs");
        // No conditions; these operations; nothing otherwise.
        let script = format!("\n{operations}\n\n");
        child.stdin.take().expect("piped").write_all(script.as_bytes()).expect("etcdctl reads");
        assert!(child.wait().expect("etcdctl ends").success(), "etcdctl txn failed");
    }

    /// The store's revision now.
    pub fn revision(&self) -> i64 {
        self.status("\"Revision\" : ")
    }

    /// The id of the cluster, which comes from its token and addresses.
    pub fn cluster_id(&self) -> u64 {
        self.status("\"ClusterID\" : ")
    }

    fn status<T: FromStr>(&self, name: &str) -> T {
        let status = self.etcdctl(&["endpoint", "status", "--write-out", "fields"]);
        let number = status.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        number.unwrap_or_else(|| panic!("the status does not say {name}: {status}"))
    }

    /// Forgets everything before the present revision.
    pub fn compact(&self) {
        self.etcdctl(&["compaction", "--physical", &self.revision().to_string()]);
    }

    fn control(&self) -> Command {
        let user = self.options.user.as_ref().map(|(name, password)| format!("{name}:{password}"));
        let mut command = self.bare_control();
        command.args(user.map(|user| format!("--user={user}")));
        command
    }

    /// Before auth is enabled, etcdctl must not present a user.
    fn bare_control(&self) -> Command {
        let mut command = process::without_settings(&self.version.program("etcdctl"));
        command.arg(format!("--endpoints={}", self.endpoint())).arg("--command-timeout=10s");
        if self.options.tls != Tls::Off {
            command.arg("--cacert").arg(self.certificates.ca());
        }
        if self.options.tls == Tls::Mutual {
            command.arg("--cert").arg(self.certificates.client_certificate());
            command.arg("--key").arg(self.certificates.client_key());
        }
        command.stdin(Stdio::null());
        command
    }
}

impl Builder {
    /// One of [`Etcd::available`] instead of the newest.
    pub fn version(mut self, version: &Version) -> Self {
        self.version = Some(version.clone());
        self
    }

    /// With certificates made for this one.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// With auth enabled, and this user as the one with all rights. etcd wants it to be called `root`.
    pub fn root_password(mut self, password: &str) -> Self {
        self.user = Some(("root".to_owned(), password.to_owned()));
        self
    }

    /// A further argument for `etcd`, such as `--auth-token-ttl=1`.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Runs it and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not within half a minute, with the end of its log.
    pub fn start(self) -> Etcd {
        let mut etcd = self.prepare();
        etcd.run_on_free_ports();
        etcd.enable_auth();
        etcd
    }

    /// Has everything ready for it to run.
    pub(crate) fn prepare(self) -> Etcd {
        let newest = || Etcd::available().pop().expect("not empty");
        let version = self.version.clone().unwrap_or_else(newest);
        let home = TempDir::with_prefix("aldis-etcd-").expect("a scratch folder");
        let certificates = Certificates::generate(&home.path().join("tls"), "root");
        let token = "etcd-cluster".to_owned();
        Etcd { options: self, version, ports: Ports::free(), home, certificates, child: None, token }
    }

    fn url(&self, port: u16) -> String {
        let scheme = if self.tls == Tls::Off { "http" } else { "https" };
        format!("{scheme}://127.0.0.1:{port}")
    }
}

impl Etcd {
    fn enable_auth(&self) {
        let Some((name, password)) = &self.options.user else { return };
        let new_user = format!("{name}:{password}");
        let steps: [&[&str]; 3] =
            [&["user", "add", &new_user], &["user", "grant-role", name, "root"], &["auth", "enable"]];
        // The role of all rights is there in 3.5 and must be made in 3.4.
        let _ = self.bare_control().args(["role", "add", "root"]).output();
        for step in steps {
            let output = self.bare_control().args(step).output().expect("etcdctl runs");
            assert!(output.status.success(), "etcdctl {step:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        eventually_blocking("etcd answers its user", PATIENCE, || self.answers());
    }

    fn answers(&self) -> bool {
        self.try_etcdctl(&["get", "aldis-rig-health"]).status.success()
    }
}
