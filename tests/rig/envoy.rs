//! A real Envoy on loopback with the filter in it, for one test.

mod bootstrap;
mod process;
mod stats;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

use serde_json::Value;
use tempfile::TempDir;

use crate::port::free_port;
use crate::tls::Certificates;
use crate::wire::{self, Connection};

/// How the filter's configuration reaches Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It stands in the bootstrap: Envoy does not start with one that is refused.
    Static,
    /// The listener comes from a file (LDS).
    Listener,
    /// The filter alone comes from a file (ECDS).
    Extension,
}

/// What Envoy does once a VM has trapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTrap {
    /// Goes on without the filter, the request at which it trapped included: the field `fail_open`, which Envoy calls
    /// deprecated.
    Open,
    /// The same, but that request is answered with 503: the policy `FAIL_OPEN`.
    OpenAfterwards,
    /// Answers with 503 for about a second, and then makes another VM: the policy `FAIL_RELOAD`.
    Reload,
}

/// How an [`Envoy`] is to be run.
#[derive(Clone, Debug)]
pub struct Builder {
    module: Option<PathBuf>,
    configuration: String,
    delivery: Delivery,
    on_trap: OnTrap,
    upstream: u16,
    relay: Option<u16>,
    guarded: bool,
    logs_access: bool,
    workers: u32,
    mutual_tls: Option<Certificates>,
}

/// A running Envoy. Ended when dropped.
pub struct Envoy {
    options: Builder,
    ports: Ports,
    home: TempDir,
    child: Option<Child>,
    /// How many versions of a file it was given.
    versions: u32,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    listener: u16,
    admin: u16,
}

impl Builder {
    /// This module with this configuration, in front of this upstream; under the recommended policy.
    pub fn new(module: &Path, configuration: &Value, upstream: u16) -> Self {
        Self {
            module: Some(module.to_owned()),
            configuration: configuration.to_string(),
            ..Self::without_filter(upstream)
        }
    }

    /// Nothing but a way to this upstream.
    pub fn without_filter(upstream: u16) -> Self {
        Self {
            module: None,
            configuration: String::new(),
            delivery: Delivery::Static,
            on_trap: OnTrap::Open,
            upstream,
            relay: None,
            guarded: false,
            logs_access: true,
            workers: 2,
            mutual_tls: None,
        }
    }

    /// With the cluster `relay`, where somebody listens or not.
    pub fn relay(mut self, port: u16) -> Self {
        self.relay = Some(port);
        self
    }

    /// By another way than in the bootstrap.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Another policy than the recommended one.
    pub fn on_trap(mut self, on_trap: OnTrap) -> Self {
        self.on_trap = on_trap;
        self
    }

    /// With the filter before it that the README recommends: it removes what clients send under our names, even while the
    /// module is gone.
    pub fn guarded(mut self) -> Self {
        self.guarded = true;
        self
    }

    /// With so many workers instead of two, whatever the machine has.
    pub fn workers(mut self, workers: u32) -> Self {
        self.workers = workers;
        self
    }

    /// Under TLS, for clients that show a certificate of the same authority.
    pub fn mutual_tls(mut self, certificates: &Certificates) -> Self {
        self.mutual_tls = Some(certificates.clone());
        self
    }

    /// Without an access log, which costs each request something.
    pub fn without_access_log(mut self) -> Self {
        self.logs_access = false;
        self
    }

    /// Runs it and waits until it serves.
    ///
    /// # Panics
    ///
    /// When it does not, with the end of its log.
    pub fn start(self) -> Envoy {
        self.try_start().unwrap_or_else(|log| panic!("Envoy does not start: {log}"))
    }

    /// The same for one that may end at once.
    ///
    /// # Errors
    ///
    /// Its log, if it ends.
    pub fn try_start(self) -> Result<Envoy, String> {
        let home = TempDir::with_prefix("aldis-envoy-").expect("a scratch folder");
        let ports = Ports { listener: free_port(), admin: free_port() };
        let mut envoy = Envoy { options: self, ports, home, child: None, versions: 0 };
        envoy.write_files();
        envoy.run()?;
        Ok(envoy)
    }
}

impl Envoy {
    /// A connection to the listener, which is kept.
    ///
    /// # Panics
    ///
    /// When there is none to be had.
    pub fn connect(&self) -> Connection {
        Connection::open(self.ports.listener).expect("Envoy listens")
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.ports.listener
    }

    /// Has the filter configured anew, by the file that it comes from.
    ///
    /// # Panics
    ///
    /// When the configuration stands in the bootstrap.
    pub fn reconfigure(&mut self, configuration: &Value) {
        self.options.configuration = configuration.to_string();
        self.write_files();
    }

    /// The lines of the access log so far. Envoy writes them once a second.
    pub fn access_log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.home.path().join("access.log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    fn admin(&self, path: &str) -> Option<String> {
        let answer = wire::get(self.ports.admin, path).ok()?;
        String::from_utf8(answer.body).ok()
    }

    /// Puts each file in place by a rename, which is all that Envoy notices.
    fn write_files(&mut self) {
        self.versions += 1;
        let home = self.home.path();
        for (name, content) in bootstrap::files(&self.options, self.ports, home, self.versions) {
            let draft = home.join(format!("{name}.draft"));
            fs::write(&draft, content.to_string()).expect("a file is written");
            fs::rename(&draft, home.join(name)).expect("a file is renamed");
        }
    }
}
