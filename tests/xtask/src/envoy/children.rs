//! Programs that run beside each other, and end together.

use std::fs::File;
use std::io::stdin;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a program may take until it listens.
const PATIENCE: Duration = Duration::from_secs(60);

/// Complains of the first port that somebody else has.
pub(super) fn must_be_free(ports: &[(&str, u16)]) -> Result<()> {
    for (what, port) in ports {
        TcpListener::bind((Ipv4Addr::LOCALHOST, *port))
            .with_context(|| format!("port {port} is taken, and {what} needs it"))?;
    }
    Ok(())
}

/// Running programs, ended in the reverse order when dropped.
pub(super) struct Children {
    running: Vec<(&'static str, Child)>,
    logs: PathBuf,
}

impl Children {
    pub(super) fn new(logs: &Path) -> Self {
        Self { running: Vec::new(), logs: logs.to_owned() }
    }

    /// Starts one and waits until it listens on this port. What it says goes to a file of its name.
    pub(super) fn start(&mut self, name: &'static str, command: &mut Command, port: u16) -> Result<()> {
        let path = self.logs.join(format!("{name}.log"));
        let log = File::create(&path)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        self.running.push((name, child));
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if begun.elapsed() > PATIENCE || self.ended().is_some() {
                bail!("{name} does not start; see {}", path.display());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Waits for Enter, or for one of them to end by itself.
    pub(super) fn until_enter(&mut self) -> Result<()> {
        let (enter, entered) = mpsc::channel();
        thread::spawn(move || {
            let _ = stdin().read_line(&mut String::new());
            let _ = enter.send(());
        });
        loop {
            if entered.recv_timeout(Duration::from_millis(200)).is_ok() {
                return Ok(());
            }
            if let Some(name) = self.ended() {
                bail!("{name} has ended; see {}/{name}.log", self.logs.display());
            }
        }
    }

    /// The first that no longer runs.
    fn ended(&mut self) -> Option<&'static str> {
        self.running.iter_mut().find_map(|(name, child)| child.try_wait().ok().flatten().map(|_| *name))
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for (_, child) in self.running.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
