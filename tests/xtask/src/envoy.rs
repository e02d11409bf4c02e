//! `cargo xtask envoy`: `examples/envoy`, running. etcd, a relay that follows it, Envoy with the filter, and an upstream that
//! echoes, until Enter is pressed; with `walk` the way that its README goes, and then the end.

mod children;
mod placed;
mod walk;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use self::children::Children;
use self::placed::placed;
use crate::cargo::cargo;
use crate::process;
use crate::tools::{Toolbox, WASM};
use crate::workspace::Workspace;

/// What listens where; the files of the example say the same.
const PORTS: &[(&str, u16)] = &[
    ("etcd", 12379),
    ("the relay", 7117),
    ("the upstream", 10001),
    ("Envoy, fed by the relay", 10000),
    ("Envoy, fed by a file", 10002),
    ("Envoy's administration", 9901),
];
const SOURCE: &str = "etcd://127.0.0.1:12379/aldis/directives";

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let walks = match arguments {
        [] => false,
        [word] if word == "walk" => true,
        _ => bail!("`envoy` takes no argument, or `walk`"),
    };
    let tools = Toolbox::full(workspace)?;
    let example = Example::build(workspace, &tools)?;
    let mut children = example.start()?;
    if walks {
        return walk::walk(&example);
    }
    for (what, port) in PORTS {
        println!("{what}: 127.0.0.1:{port}");
    }
    println!("examples/envoy/README.md says what to try, with\n  export ALDIS_SOURCE={SOURCE}");
    println!("Enter ends it all.");
    children.until_enter()
}

/// The example, built.
struct Example {
    root: PathBuf,
    /// What it writes.
    scratch: PathBuf,
    filter: PathBuf,
    aldis: PathBuf,
    etcd: PathBuf,
    envoy: PathBuf,
}

impl Example {
    fn build(workspace: &Workspace, tools: &Toolbox) -> Result<Self> {
        let filter = ["build", "--package", "aldis-envoy", "--target", WASM, "--profile", "guest"];
        process::show(&mut cargo(workspace, tools, &filter))?;
        let aldis = ["build", "--package", "aldis-etcd", "--features", "cli", "--bin", "aldis"];
        process::show(&mut cargo(workspace, tools, &aldis))?;
        let (envoy, etcd) = tools.envoy_and_etcd().context("both were fetched")?;
        let scratch = workspace.target().join("example-envoy");
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir_all(&scratch)?;
        let filter = workspace.target().join(WASM).join("guest/aldis_envoy.wasm");
        let aldis = workspace.target().join("debug/aldis");
        Ok(Self { root: workspace.root().to_owned(), scratch, filter, aldis, etcd, envoy })
    }

    /// Starts everything in its order, and waits for each to listen.
    fn start(&self) -> Result<Children> {
        children::must_be_free(PORTS)?;
        self.place("quiet.yaml", &self.scratch.join("filter.yaml"))?;
        let mut children = Children::new(&self.scratch);
        let mut etcd = self.command(&self.etcd);
        etcd.arg("--data-dir").arg(self.scratch.join("etcd"));
        etcd.args([
            "--listen-client-urls=http://127.0.0.1:12379",
            "--advertise-client-urls=http://127.0.0.1:12379",
        ]);
        etcd.args([
            "--listen-peer-urls=http://127.0.0.1:12380",
            "--initial-advertise-peer-urls=http://127.0.0.1:12380",
        ]);
        children.start("etcd", etcd.arg("--initial-cluster=default=http://127.0.0.1:12380"), 12379)?;
        children.start("relay", self.aldis().arg("serve"), 7117)?;
        children.start("upstream", self.command("python3").arg("examples/envoy/echo.py"), 10001)?;
        let configuration = self.scratch.join("envoy.yaml");
        self.place("envoy.yaml", &configuration)?;
        let mut envoy = self.command(&self.envoy);
        envoy.arg("-c").arg(configuration).args(["--concurrency", "2", "--use-dynamic-base-id"]);
        children.start("envoy", envoy.args(["--file-flush-interval-msec", "100"]), 10000)?;
        Ok(children)
    }

    /// Copies a file of the example, with the paths that hold here.
    fn place(&self, file: &str, to: &Path) -> Result<()> {
        let text = fs::read_to_string(self.root.join("examples/envoy").join(file))?;
        Ok(fs::write(to, placed(&text, &self.filter, &self.scratch))?)
    }

    fn aldis(&self) -> Command {
        let mut aldis = self.command(&self.aldis);
        aldis.env("ALDIS_SOURCE", SOURCE);
        aldis
    }

    /// At the root, from where the files of the example are named.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_of_the_example_names_a_folder_where_nothing_need_be_built() {
        let workspace = Workspace::locate().expect("is a workspace");
        for file in ["envoy.yaml", "quiet.yaml", "watched.yaml"] {
            let text =
                fs::read_to_string(workspace.root().join("examples/envoy").join(file)).expect("is there");
            let placed = placed(&text, Path::new("/built/aldis_envoy.wasm"), Path::new("/scratch"));
            assert!(text.contains("target/") && !placed.contains("target/"), "{placed}");
        }
    }
}
