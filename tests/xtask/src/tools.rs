//! What Aldis needs and a clean machine may lack: one file per tool.

mod apt;
mod chromium;
mod envoy;
mod etcd;
mod node;
mod pip;
mod protoc;
mod python;
mod targets;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub(crate) use self::node::npm;
pub(crate) use self::targets::{BARE_METAL, WASM, WEB};
use crate::workspace::Workspace;

/// The tools found or fetched, and what could not be had.
pub(crate) struct Toolbox {
    protoc: protoc::Protoc,
    etcds: Vec<PathBuf>,
    envoy: Option<PathBuf>,
    node: Option<PathBuf>,
    chromium: Option<chromium::Chromium>,
    web: PathBuf,
    python_packages: Option<PathBuf>,
    gaps: Vec<String>,
}

impl Toolbox {
    /// Enough to build everything: protoc and the targets.
    pub(crate) fn for_builds(workspace: &Workspace) -> Result<Self> {
        targets::add_missing(workspace)?;
        let protoc = protoc::acquire(workspace)?;
        let web = crate::web::folder(workspace);
        Ok(Self {
            protoc,
            etcds: Vec::new(),
            envoy: None,
            node: None,
            chromium: None,
            web,
            python_packages: None,
            gaps: Vec::new(),
        })
    }

    /// Enough to build the package for JavaScript and the page.
    pub(crate) fn for_web(workspace: &Workspace) -> Result<Self> {
        let node = Some(node::acquire(workspace)?);
        Ok(Self { node, ..Self::for_builds(workspace)? })
    }

    /// Enough to run the filter in Envoy, and the one that it is measured against.
    pub(crate) fn for_envoy(workspace: &Workspace) -> Result<Self> {
        let builds = Self::for_builds(workspace)?;
        Ok(Self { envoy: Some(envoy::acquire(workspace)?), ..builds })
    }

    /// Enough to run the benchmarks, some of which are over a real etcd.
    pub(crate) fn for_benchmarks(workspace: &Workspace) -> Result<Self> {
        let builds = Self::for_builds(workspace)?;
        Ok(Self { etcds: etcd::acquire(workspace)?.bins, ..builds })
    }

    /// Enough to test everything: the same, what hosts guests in other languages, Envoy, and each etcd that the tests are
    /// run against.
    pub(crate) fn full(workspace: &Workspace) -> Result<Self> {
        let builds = Self::for_web(workspace)?;
        let envoy = Some(envoy::acquire(workspace)?);
        let chromium = Some(chromium::acquire()?);
        let python_packages = python::acquire(workspace)?;
        let etcd::Found { bins, gaps } = etcd::acquire(workspace)?;
        for gap in &gaps {
            eprintln!("going on without {gap}");
        }
        Ok(Self { etcds: bins, envoy, chromium, python_packages, gaps, ..builds })
    }

    /// The Node that was found, or the one by that name.
    pub(crate) fn node(&self) -> PathBuf {
        self.node.clone().unwrap_or_else(|| "node".into())
    }

    /// The environment of the inner cargo, and of a shell under `cargo xtask env`.
    pub(crate) fn exports(&self) -> Vec<(&'static str, OsString)> {
        let include = self.protoc.include.as_ref();
        let bins = env::join_paths(&self.etcds).ok().filter(|bins| !bins.is_empty());
        let chromium = self.chromium.as_ref();
        [
            Some(("PROTOC", self.protoc.program.clone().into_os_string())),
            include.map(|include| ("PROTOC_INCLUDE", include.clone().into_os_string())),
            bins.map(|bins| ("ALDIS_ETCD_BINS", bins)),
            self.envoy.as_ref().map(|envoy| ("ALDIS_ENVOY", envoy.clone().into_os_string())),
            self.node.as_ref().map(|node| ("ALDIS_NODE", node.clone().into_os_string())),
            chromium.map(|it| ("ALDIS_CHROMIUM", it.browser.clone().into_os_string())),
            chromium.map(|it| ("ALDIS_CHROMEDRIVER", it.driver.clone().into_os_string())),
            Some(("ALDIS_WEB", self.web.clone().into_os_string())),
            self.python_packages.as_ref().map(|it| ("ALDIS_PYTHONPATH", it.clone().into_os_string())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Envoy, and the newest etcd.
    pub(crate) fn envoy_and_etcd(&self) -> Option<(PathBuf, PathBuf)> {
        Some((self.envoy.clone()?, etcd::newest(&self.etcds, etcd::version_in)?.join("etcd")))
    }

    /// One line for each thing that stays untested because it could not be fetched.
    pub(crate) fn gaps(&self) -> &[String] {
        &self.gaps
    }
}

fn say_fetching(what: &str) {
    eprintln!("fetching {what} into target/tools");
}

/// Fills a scratch folder and gives it its final name only when it is complete, so that an interrupted fetch is
/// never taken for a tool, and two fetches at once do no harm.
fn install(home: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let name = home.file_name().context("a tool has a name")?.to_string_lossy();
    let scratch = home.with_file_name(format!("partial-{name}-{}", std::process::id()));
    fs::create_dir_all(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
    let filled = fill(&scratch).and_then(|()| match fs::rename(&scratch, home) {
        Err(error) if !home.is_dir() => {
            Err(error).with_context(|| format!("cannot create {}", home.display()))
        }
        _ => Ok(()),
    });
    let _ = fs::remove_dir_all(&scratch);
    filled
}
