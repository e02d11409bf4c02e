//! The package in Node.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rig::vectors::{all, differences};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::asked::{Asked, Runtime};

/// The package, as `cargo xtask web` builds it.
pub(crate) fn package() -> PathBuf {
    let web = env::var_os("ALDIS_WEB").expect("run `cargo xtask test`, which builds the package");
    Path::new(&web).join("pkg")
}

/// What runs JavaScript.
pub(crate) fn node() -> Command {
    Command::new(env::var_os("ALDIS_NODE").unwrap_or_else(|| "node".into()))
}

/// A file beside this one.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web").join(name)
}

struct Piped {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    scratch: TempDir,
}

impl Piped {
    fn start() -> Self {
        let mut node = node();
        node.arg(script("node.mjs")).arg(package()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = node.spawn().expect("node is there");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, stdin, stdout, scratch: tempfile::tempdir().expect("a folder") }
    }
}

impl Runtime for Piped {
    fn name(&self) -> &str {
        "the package in node"
    }

    fn hand_over(&mut self, document: &[u8]) -> Value {
        let file = self.scratch.path().join("document");
        std::fs::write(&file, document).expect("is written");
        json!({"file": file})
    }

    fn call(&mut self, call: Value) -> Value {
        writeln!(self.stdin, "{call}").expect("node listens");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("node answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{call}: {error}: {line}"))
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        // A test that failed must not leave it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_vector_holds_in_node() {
    let cases = all();
    assert!(cases.len() >= 400, "only {} vectors", cases.len());
    let differences = differences(&mut Asked(Piped::start()), &cases);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// The scripts beside this file hold what they say with `node:assert`.
fn holds(name: &str) {
    let mut node = node();
    let run = node.arg("--expose-gc").arg(script(name)).arg(package()).output().expect("node is there");
    let said = [run.stdout, run.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(run.status.success(), "{said}");
    print!("{said}");
}

#[test]
fn the_answers_have_the_shapes_that_the_types_say() {
    holds("shapes.mjs");
}

/// What `tsc` says of a program that uses the package.
fn compiled(program: &str) -> (bool, String) {
    let stage = package().with_file_name("stage");
    // Where the package and the compiler are found from.
    let folder = tempfile::tempdir_in(&stage).expect("a folder");
    let settings = fs::read_to_string(stage.join("page/tsconfig.json")).expect("the page has one");
    fs::write(folder.path().join("tsconfig.json"), settings).expect("is written");
    fs::write(folder.path().join("program.ts"), program).expect("is written");
    let mut tsc = node();
    tsc.arg(stage.join("node_modules/typescript/bin/tsc")).arg("--project").arg(folder.path());
    let run = tsc.output().expect("node is there");
    (run.status.success(), String::from_utf8_lossy(&run.stdout).into_owned())
}

/// Each line that must not compile is marked in the program, and a mark where all is well does not compile either.
#[test]
fn the_types_let_through_what_works_and_nothing_else() {
    let program = fs::read_to_string(script("types.ts")).expect("is there");
    assert_eq!(compiled(&program), (true, String::new()));
    for (right, wrong) in
        [("Search", "Serach"), ("\"error\" in set", "set === null"), ("tenant:", "tennant:")]
    {
        let twin = program.replacen(right, wrong, 1);
        assert!(twin != program && !compiled(&twin).0, "{wrong} passes");
    }
}

#[test]
fn a_hundred_thousand_calls_leave_nothing_behind() {
    holds("leaks.mjs");
}

#[test]
fn it_runs_where_there_is_neither_a_file_nor_an_address() {
    holds("worker_like.mjs");
}
