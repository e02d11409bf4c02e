//! `cargo xtask test`: gets what is missing, builds what must build without `std`, and runs every test.
//!
//! What could not be got is not tested, and then not all has passed: that fails unless it is allowed in so many words.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cargo::cargo;
use crate::process;
use crate::tally::Tally;
use crate::tools::{BARE_METAL, Toolbox, WASM};
use crate::web;
use crate::workspace::Workspace;

/// What must build beside the tests: the proof that core needs neither `std` nor an operating system, and the modules.
const BUILDS: &[(&str, &[&str])] = &[
    (
        "core without std, bare metal",
        &["--package", "aldis-core", "--no-default-features", "--target", BARE_METAL],
    ),
    ("core without std, wasm", &["--package", "aldis-core", "--no-default-features", "--target", WASM]),
    ("the guest", &["--package", "aldis-guest", "--target", WASM, "--profile", "guest"]),
    ("the filter for Envoy", &["--package", "aldis-envoy", "--target", WASM, "--profile", "guest"]),
];

/// Set where a generation of etcd is not to be had and the rest is worth knowing.
const ALLOW_GAPS: &str = "ALDIS_ALLOW_GAPS";

/// With arguments: `cargo test` with them and nothing else, for one test at hand.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let tools = Toolbox::full(workspace)?;
    let web = web::build(workspace, &tools);
    if !arguments.is_empty() {
        web?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        return process::show(cargo(workspace, &tools, &["test"]).args(arguments));
    }
    let mut broken = build_all(workspace, &tools);
    if let Err(error) = web {
        eprintln!("the package for JavaScript does not build: {error:#}");
        broken.push("the package for JavaScript");
    }
    let mut all = cargo(workspace, &tools, &["test", "--workspace", "--all-features", "--no-fail-fast"]);
    let (tally, succeeded) = run_tests(&mut all)?;
    if !succeeded && tally.failed == 0 {
        broken.push("cargo test");
    }
    let may_have_gaps = env::var_os(ALLOW_GAPS).is_some();
    conclude(tally, &broken, tools.gaps(), may_have_gaps)
}

fn build_all<'b>(workspace: &Workspace, tools: &Toolbox) -> Vec<&'b str> {
    let mut broken = Vec::new();
    for (what, arguments) in BUILDS {
        if let Err(error) = process::show(cargo(workspace, tools, &["build"]).args(*arguments)) {
            eprintln!("{what} does not build: {error:#}");
            broken.push(*what);
        }
    }
    broken
}

/// Hands every line on as it comes, and adds up on the way.
fn run_tests(command: &mut Command) -> Result<(Tally, bool)> {
    process::announce(command);
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let output = child.stdout.take().context("cargo's output is piped")?;
    let mut tally = Tally::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        writeln!(std::io::stdout(), "{line}")?;
        tally.read(&line);
    }
    Ok((tally, child.wait()?.success()))
}

/// The closing line. A build that broke counts as one that failed.
fn conclude(tally: Tally, broken: &[&str], gaps: &[String], may_have_gaps: bool) -> Result<()> {
    for gap in gaps {
        println!("not tested, as it could not be fetched: {gap}");
    }
    for what in broken {
        println!("broken: {what}");
    }
    let failed = tally.failed + u64::try_from(broken.len())?;
    println!("{} passed, {failed} failed", tally.passed);
    if tally.passed == 0 {
        bail!("no test ran");
    }
    if failed > 0 {
        bail!("{failed} failed");
    }
    if !gaps.is_empty() && !may_have_gaps {
        bail!("not all was tested; {ALLOW_GAPS}=1 accepts that");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::conclude;
    use crate::tally::Tally;

    #[test]
    fn only_a_run_in_which_all_passed_succeeds() {
        let passed = Tally { passed: 3, failed: 0 };
        assert!(conclude(passed, &[], &[], false).is_ok());
        assert!(conclude(passed, &["the guest"], &[], true).is_err());
        assert!(conclude(Tally { passed: 3, failed: 1 }, &[], &[], true).is_err());
        assert!(conclude(Tally::default(), &[], &[], true).is_err(), "nothing ran");
    }

    #[test]
    fn a_generation_of_etcd_that_is_missing_fails_unless_that_is_allowed() {
        let (passed, gaps) = (Tally { passed: 3, failed: 0 }, ["etcd 3.4.x: no mirror".to_owned()]);
        assert!(conclude(passed, &[], &gaps, false).is_err());
        assert!(conclude(passed, &[], &gaps, true).is_ok());
    }
}
