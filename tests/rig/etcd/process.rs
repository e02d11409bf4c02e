//! The life of an etcd process: started, killed, frozen, thawed, wiped.

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Etcd, PATIENCE, Tls};
use crate::port::free_port;
use crate::wait::eventually_blocking;

/// The two ports of a member, kept over its restarts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) client: u16,
    peer: u16,
}

impl Ports {
    pub(super) fn free() -> Self {
        Self { client: free_port(), peer: free_port() }
    }
}

impl Etcd {
    /// SIGKILL: no goodbye to clients, nothing flushed. Does nothing if it is down already.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGSTOP: connections stay open and silent.
    ///
    /// # Panics
    ///
    /// When it does not freeze.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        // The signal is only sent by now. Until the kernel has stopped each thread, one of them may still answer.
        eventually_blocking("etcd is frozen", PATIENCE, || self.is_frozen());
    }

    /// SIGCONT, after [`Etcd::stop`].
    pub fn cont(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it if it still runs and starts it on the same data and ports.
    ///
    /// # Panics
    ///
    /// When it does not answer again.
    pub fn restart(&mut self) {
        self.kill();
        self.run().unwrap_or_else(|reason| panic!("{reason}"));
    }

    /// The same, but with nothing in it: a cluster with the same id and ports, back at revision 1.
    ///
    /// # Panics
    ///
    /// When it does not answer again.
    pub fn wipe_and_restart(&mut self) {
        self.kill();
        fs::remove_dir_all(self.data()).expect("the data can be removed");
        self.run().unwrap_or_else(|reason| panic!("{reason}"));
        self.enable_auth();
    }

    /// Further arguments, which count more than those before.
    pub(crate) fn join(&mut self, arguments: impl IntoIterator<Item = String>) {
        self.options.arguments.extend(arguments);
    }

    /// The process, while there is one.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Where other members find it.
    pub(crate) fn peer_address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.peer).into()
    }

    /// Between the look for a free port and etcd's own bind somebody else may take it, so this tries again.
    pub(super) fn run_on_free_ports(&mut self) {
        const TRIES: u32 = 5;
        for left in (0..TRIES).rev() {
            match self.run() {
                Ok(()) => return,
                Err(reason) if left == 0 || !reason.contains("address already in use") => panic!("{reason}"),
                Err(_) => self.ports = Ports::free(),
            }
        }
    }

    /// Runs it and waits until it answers.
    pub(super) fn run(&mut self) -> Result<(), String> {
        self.launch();
        self.until_it_answers()
    }

    /// Runs it and waits for nothing: a member of a cluster does not answer before there is a quorum.
    pub(crate) fn launch(&mut self) {
        let log = File::create(self.home.path().join("log")).expect("a log file");
        let mut command = without_settings(&self.version.program("etcd"));
        command.args(self.arguments()).args(&self.options.arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        self.child = Some(command.spawn().expect("etcd runs"));
    }

    /// Waits until it answers; the end of its log if it does not.
    pub(crate) fn until_it_answers(&mut self) -> Result<(), String> {
        let start = Instant::now();
        while !self.answers_anybody() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok()).flatten();
            if ended.is_some() || start.elapsed() > PATIENCE {
                self.kill();
                return Err(format!("etcd {} does not start: {}", self.version, self.end_of_log()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn arguments(&self) -> Vec<String> {
        let client = self.options.url(self.ports.client);
        let peer = format!("http://{}", self.peer_address());
        let mut arguments = vec![
            format!("--data-dir={}", self.data().display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            format!("--initial-cluster-token={}", self.token),
            // A single member elects itself; waiting a second for it would only make the tests slow.
            "--heartbeat-interval=10".to_owned(),
            "--election-timeout=100".to_owned(),
        ];
        if self.options.tls != Tls::Off {
            arguments.push(format!("--cert-file={}", self.certificates.server_certificate().display()));
            arguments.push(format!("--key-file={}", self.certificates.server_key().display()));
        }
        // An authority alone would already make etcd demand certificates.
        if self.options.tls == Tls::Mutual {
            arguments.push(format!("--trusted-ca-file={}", self.certificates.ca().display()));
            arguments.push("--client-cert-auth".to_owned());
        }
        arguments
    }

    /// Whether it serves, be it by refusing us: auth may or may not be enabled in the data.
    fn answers_anybody(&self) -> bool {
        // etcdctl would wait a second and more after a refused connection; a bare connect costs nothing.
        if TcpStream::connect(self.address()).is_err() {
            return false;
        }
        let ask = ["get", "aldis-rig-health", "--command-timeout=2s"];
        let Ok(output) = self.bare_control().args(ask).output() else { return false };
        output.status.success() || String::from_utf8_lossy(&output.stderr).contains("user name is empty")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn end_of_log(&self) -> String {
        let log = fs::read_to_string(self.home.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.iter().rev().take(5).rev().copied().collect::<Vec<_>>().join("\n")
    }

    /// Whether every thread of it is stopped.
    fn is_frozen(&self) -> bool {
        let Some(child) = &self.child else { return true };
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", child.id())) else { return false };
        threads.flatten().all(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // `PID (NAME) STATE …`, and a name may hold anything.
            stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
        })
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("etcd is down; only a running one can be stopped");
        kill_process(Pid::from_child(child), signal).expect("our own child takes a signal");
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program of etcd that hears nothing from the environment but what we say.
pub(super) fn without_settings(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ETCD")) {
        command.env_remove(name);
    }
    command
}
