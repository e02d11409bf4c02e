//! Which etcds this machine has for us.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One etcd to be run: its version, and the folder with `etcd` and `etcdctl`. Ordered by version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    number: Vec<u32>,
    bin: PathBuf,
}

impl Version {
    /// Major, minor and patch.
    #[must_use]
    pub fn number(&self) -> &[u32] {
        &self.number
    }

    /// The path of `etcd` or `etcdctl`.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Asks the binary itself.
    fn of(bin: &Path) -> Option<Self> {
        let output = Command::new(bin.join("etcd")).arg("--version").output().ok()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = said.lines().find_map(|line| line.strip_prefix("etcd Version: "))?;
        let number = version.trim().split('.').map_while(|part| part.parse().ok()).collect();
        bin.join("etcdctl").is_file().then(|| Self { number, bin: bin.to_owned() })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.number.iter().map(u32::to_string).collect();
        write!(f, "{}", parts.join("."))
    }
}

/// What `ALDIS_ETCD_BINS` lists, what lies in `target/tools`, what is on `PATH`; each version once, oldest first.
pub(super) fn available() -> Vec<Version> {
    let mut found: Vec<Version> = Vec::new();
    for bin in candidates() {
        let Some(version) = Version::of(&bin) else { continue };
        if !found.iter().any(|known| known.number == version.number) {
            found.push(version);
        }
    }
    found.sort();
    found
}

fn candidates() -> Vec<PathBuf> {
    let listed =
        |name| env::var_os(name).map(|list| env::split_paths(&list).collect::<Vec<_>>()).unwrap_or_default();
    let fetched = tools().read_dir().into_iter().flatten().flatten();
    let fetched = fetched.filter(|folder| folder.file_name().to_string_lossy().starts_with("etcd-"));
    let mut bins = listed("ALDIS_ETCD_BINS");
    bins.extend(fetched.map(|folder| folder.path()));
    bins.extend(listed("PATH"));
    bins.retain(|bin| bin.join("etcd").is_file());
    bins
}

/// Where `cargo xtask` puts what it fetches.
fn tools() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target));
    target.join("tools")
}
