//! Chromium and its driver, in which the page is tested. It needs more of the system than can be unpacked beside it, so
//! where it is missing apt installs it, and that takes root.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{capture, on_path};

/// The browser, and the program through which tests drive it.
pub(super) struct Chromium {
    pub(super) browser: PathBuf,
    pub(super) driver: PathBuf,
}

/// `ALDIS_CHROMIUM` and `ALDIS_CHROMEDRIVER` where they are set, else those on `PATH`, else Debian's.
pub(super) fn acquire() -> Result<Chromium> {
    if let Some(found) = found() {
        return Ok(found);
    }
    let packages = "chromium chromium-driver";
    if on_path("apt-get").is_none() {
        bail!("no chromium and chromedriver on PATH; install both, of one version");
    }
    eprintln!("fetching {packages} by apt-get install, into the system");
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        capture(apt.arg("-q").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C"))
    };
    let install = ["install", "--yes", "--no-install-recommends", "chromium", "chromium-driver"];
    let installed = apt(&["update"]).and_then(|_| apt(&install));
    installed.with_context(|| format!("no Chromium to be had; as root: apt-get install {packages}"))?;
    found().context("Debian's packages of Chromium bring no chromium and chromedriver")
}

fn found() -> Option<Chromium> {
    let program = |variable, name| env::var_os(variable).map(PathBuf::from).or_else(|| on_path(name));
    Some(Chromium {
        browser: program("ALDIS_CHROMIUM", "chromium")?,
        driver: program("ALDIS_CHROMEDRIVER", "chromedriver")?,
    })
}
