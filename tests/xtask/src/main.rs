//! `cargo xtask <task>`: the README's commands, and what stands behind them.
//!
//! Builds with nothing preinstalled but rustup, python3 and a C compiler. What a task lacks it gets through the
//! machine's own package clients into `target/tools`, says so in a line, and reuses the next time.

mod bench;
mod cargo;
mod demo;
mod env;
mod envoy;
mod fuzz;
mod gates;
mod lint;
mod mutants;
mod process;
mod sim;
mod tally;
mod test;
mod tools;
mod web;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// One word after `cargo xtask`. What follows it is handed over as it stands.
struct Task {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace, &[String]) -> Result<()>,
}

const TASKS: &[Task] = &[
    Task { name: "demo", about: "the whole story in one process, on the embedded backend", run: demo::run },
    Task {
        name: "test",
        about: "every test, on the real components (arguments go to cargo test)",
        run: test::run,
    },
    Task { name: "lint", about: "format, clippy and rustdoc, warnings denied: [peers]", run: lint::run },
    Task {
        name: "gates",
        about: "the known-bad twins: each check of ours must be able to fail",
        run: gates::run,
    },
    Task {
        name: "sim",
        about: "the long run of the simulation: [seeds, 100000 or 42..43] [hours, 24]",
        run: sim::run,
    },
    Task {
        name: "fuzz",
        about: "the long run of the fuzz targets: [decode|image|evaluate|guest] [seconds, 60]",
        run: fuzz::run,
    },
    Task {
        name: "mutants",
        about: "breaks one statement about the watch at a time: a test must notice",
        run: mutants::run,
    },
    Task {
        name: "bench",
        about: "Aldis and its peers at the same work, in one run: [workloads, all and the table | envoy]",
        run: bench::run,
    },
    Task {
        name: "envoy",
        about: "examples/envoy, running: etcd, a relay, Envoy with the filter, an upstream: [walk]",
        run: envoy::run,
    },
    Task { name: "ci", about: "lint, gates and test", run: ci },
    Task { name: "web", about: "the package for JavaScript and the page, into target/web", run: web::run },
    Task {
        name: "env",
        about: "exports with which plain cargo works: eval \"$(cargo xtask env)\"",
        run: env::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        bail!("which task?\n\n{}", usage());
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", usage());
        return Ok(());
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        bail!("there is no task `{name}`\n\n{}", usage());
    };
    (task.run)(&Workspace::locate()?, rest)
}

fn ci(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    lint::run(workspace, &[])?;
    gates::run(workspace, &[])?;
    test::run(workspace, &[])
}

fn usage() -> String {
    let tasks = TASKS.iter().map(|task| format!("  {:<6} {}\n", task.name, task.about));
    format!("usage: cargo xtask <task>\n\n{}", tasks.collect::<String>())
}
