//! The built `aldis`, run as an operator runs it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// How long a line of `aldis watch` may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a run came to.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The answer as JSON, which must be one line.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "one line: {}{}", self.out, self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// The command, deaf to the environment of whoever runs the tests.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aldis"));
    for name in ["CACERT", "CERT", "KEY", "USER", "PASSWORD"] {
        command.env_remove(format!("ETCDCTL_{name}"));
    }
    for name in ["SOURCE", "LISTEN", "TOKEN_FILE", "LOG"] {
        command.env_remove(format!("ALDIS_{name}"));
    }
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
pub(crate) fn aldis(arguments: &[&str]) -> Run {
    ended(command(arguments).output().expect("aldis runs"))
}

/// The same with something on standard input.
pub(crate) fn aldis_reading(input: &[u8], arguments: &[&str]) -> Run {
    let mut child = command(arguments).stdin(Stdio::piped()).spawn().expect("aldis runs");
    let mut stdin = child.stdin.take().expect("piped");
    // It may stop reading at what it refuses.
    let _ = stdin.write_all(input);
    drop(stdin);
    ended(child.wait_with_output().expect("aldis ends"))
}

fn ended(output: Output) -> Run {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!err.contains("panicked"), "{err}");
    Run { code: output.status.code().expect("was not killed"), out, err }
}

/// A running `aldis watch --format json`, or another that goes on.
pub(crate) struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    /// Starts it on a source.
    pub(crate) fn start(source: &str, arguments: &[&str]) -> Self {
        Self::of(command(&["watch", "--format", "json", "--source", source]).args(arguments))
    }

    /// Starts any command that goes on and tells of it in JSON.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("aldis runs");
        let lines = lines_of(child.stdout.take().expect("piped"));
        Self { child, lines }
    }

    /// The next line of this kind; those of other kinds in between are passed over.
    pub(crate) fn next(&self, event: &str) -> Value {
        self.next_with(event, |_| true)
    }

    /// The next line of this kind that is so; all others in between are passed over.
    pub(crate) fn next_with(&self, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("no such line `{event}`: {error}"));
            let value: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if value["event"] == event && wanted(&value) {
                return value;
            }
        }
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal and waits for the end: the exit code.
    pub(crate) fn end(mut self, signal: &str) -> i32 {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
        self.child.wait().expect("aldis ends").code().expect("was not killed by the signal")
    }

    /// Stops listening to it.
    pub(crate) fn hang_up(&mut self) {
        self.lines = channel().1;
    }

    /// Waits for its end: the exit code.
    pub(crate) fn wait(mut self) -> i32 {
        self.child.wait().expect("aldis ends").code().expect("was not killed")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A test that failed must not leave it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines as they come; ends when nobody listens any more, which closes the pipe.
fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
