//! `cargo xtask fuzz [TARGET] [SECONDS]`: the long run of the fuzz targets, guided by coverage.
//!
//! libFuzzer comes with the crate `libfuzzer-sys` and is built by the machine's C++ compiler. What it guides itself by is
//! put in by a pass of LLVM that a stable compiler takes as well, so no nightly is needed. No sanitizer of memory: there
//! is no `unsafe` in what is fuzzed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::cargo;
use crate::process;
use crate::tools::Toolbox;
use crate::workspace::Workspace;

/// Edges, how often each is taken, and what numbers are compared with.
const INSTRUMENTED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Seconds for each target, where none are said.
const SECONDS: u32 = 60;

/// Inputs grow no longer, and take no longer: what is quadratic shows, and what is minimised stays small.
const LIMITS: &[&str] = &["-max_len=4096", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"];

/// `fuzz` for a minute of each target, `fuzz decode 3600` for an hour of one.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let tools = Toolbox::for_builds(workspace)?;
    let fuzz = Fuzz { workspace, tools, home: workspace.target().join("fuzz") };
    let (targets, seconds) = chosen(&fuzz.targets()?, arguments)?;
    let binary = fuzz.build()?;
    for target in &targets {
        fuzz.fuzz(&binary, target, seconds)?;
    }
    match targets.iter().any(|target| target == "guest") {
        true => fuzz.replay_in_the_module(),
        false => Ok(()),
    }
}

/// The targets to run, and for how long each.
fn chosen(all: &[String], arguments: &[String]) -> Result<(Vec<String>, u32)> {
    let (mut targets, mut seconds) = (Vec::new(), SECONDS);
    for argument in arguments {
        match argument.parse() {
            Ok(number) => seconds = number,
            Err(_) if all.contains(argument) => targets.push(argument.clone()),
            Err(_) => bail!("there is no target `{argument}`, but {}", all.join(", ")),
        }
    }
    Ok((if targets.is_empty() { all.to_vec() } else { targets }, seconds))
}

struct Fuzz<'w> {
    workspace: &'w Workspace,
    tools: Toolbox,
    /// Builds, grown corpora and finds.
    home: PathBuf,
}

impl Fuzz<'_> {
    /// Each has its corpus, and the corpora have their names.
    fn targets(&self) -> Result<Vec<String>> {
        let corpora = self.workspace.root().join("tests/fuzz/corpus");
        let entries = fs::read_dir(&corpora).with_context(|| format!("no {}", corpora.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn build(&self) -> Result<PathBuf> {
        let host = process::capture(&mut cargo(self.workspace, &self.tools, &["-vV"]))?;
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).context("cargo has no host")?;
        // With a target named, the flags are not for build scripts and macros, which libFuzzer is not linked to.
        let arguments = ["build", "--release", "--locked", "--features", "link", "--target", host];
        let mut build = cargo(self.workspace, &self.tools, &arguments);
        build.args(["--manifest-path", "tests/fuzz/Cargo.toml", "--target-dir"]).arg(&self.home);
        process::show(build.env("RUSTFLAGS", INSTRUMENTED))?;
        Ok(self.home.join(host).join("release/aldis-fuzz"))
    }

    /// The corpus that grows lies below `target`; the one that is kept is only read.
    fn fuzz(&self, binary: &PathBuf, target: &str, seconds: u32) -> Result<()> {
        let grown = self.home.join("corpus").join(target);
        let found = self.home.join("found");
        fs::create_dir_all(&grown)?;
        fs::create_dir_all(&found)?;
        let tests = self.workspace.root().join("tests");
        let kept = [tests.join("fuzz/corpus").join(target), tests.join("golden")];
        let mut fuzzer = Command::new(binary);
        fuzzer.env("ALDIS_FUZZ_TARGET", target).arg(&grown).args(kept).args(LIMITS);
        fuzzer.arg(format!("-max_total_time={seconds}"));
        fuzzer.arg(format!("-artifact_prefix={}/{target}-", found.display()));
        process::show(&mut fuzzer).with_context(|| {
            format!(
                "{target} does not hold: the input lies in {}. Make it small (`-minimize_crash=1`), put it into \
                 tests/fuzz/corpus/{target} under a name that says what it is, see `cargo xtask test -p aldis-tests \
                 --test fuzz` fail, then mend it",
                found.display()
            )
        })
    }

    /// What was found in the guest's code, in the module that it is compiled to.
    fn replay_in_the_module(&self) -> Result<()> {
        let tools = Toolbox::full(self.workspace)?;
        let arguments = ["test", "-p", "aldis-tests", "--test", "guest_noise", "noise_gets_statuses"];
        let mut replay = cargo(self.workspace, &tools, &arguments);
        process::show(replay.env("ALDIS_FUZZ_FOUND", self.home.join("corpus/guest")))
    }
}

#[cfg(test)]
mod tests {
    use super::{SECONDS, chosen};

    #[test]
    fn a_target_and_a_time_may_be_named_or_not() {
        let all = ["decode", "guest"].map(String::from);
        let chosen =
            |arguments: &[&str]| chosen(&all, &arguments.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(chosen(&[]).is_ok_and(|it| it == (all.to_vec(), SECONDS)));
        assert!(chosen(&["guest", "5"]).is_ok_and(|it| it == (vec!["guest".to_string()], 5)));
        assert!(chosen(&["7"]).is_ok_and(|it| it == (all.to_vec(), 7)));
        assert!(chosen(&["decoder"]).is_err_and(|error| error.to_string().contains("decode, guest")));
    }
}
