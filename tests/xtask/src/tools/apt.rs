//! Packages of any Debian suite, unpacked and not installed: an apt root of our own, fed from the mirror that this
//! machine is configured for. Nothing of the system is touched, and no root is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{capture, on_path};

/// Debian's own keys: they sign every suite, whichever release this machine runs.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// An apt that knows one suite only.
pub(super) struct Apt {
    configuration: PathBuf,
}

impl Apt {
    /// Reads the suite's lists into `home` (some ten megabytes).
    ///
    /// # Errors
    ///
    /// No apt here, no mirror configured, or none that has the suite.
    pub(super) fn open(home: &Path, suite: &str) -> Result<Self> {
        if on_path("apt-get").is_none() || on_path("dpkg-deb").is_none() {
            bail!("this machine has no apt");
        }
        if !Path::new(KEYRING).is_file() {
            bail!("no {KEYRING}; install debian-archive-keyring");
        }
        let mirrors = mirrors(&capture(Command::new("apt-get").args(["--print-uris", "update"]))?);
        let mut failure = anyhow::anyhow!("apt has no mirror configured");
        for mirror in mirrors {
            match Self::with_mirror(home, suite, &mirror) {
                Ok(apt) => return Ok(apt),
                Err(error) => failure = error,
            }
        }
        Err(failure.context(format!("cannot read Debian's {suite}")))
    }

    fn with_mirror(home: &Path, suite: &str, mirror: &str) -> Result<Self> {
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(home.join(folder))?;
        }
        let home = home.canonicalize()?;
        fs::write(home.join("status"), "")?;
        fs::write(home.join("sources.list"), format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"))?;
        fs::write(home.join("apt.conf"), configuration(&home))?;
        let apt = Self { configuration: home.join("apt.conf") };
        // Without the option a mirror that does not answer is only a warning.
        capture(apt.command("apt-get").args(["-o", "APT::Update::Error-Mode=any", "update"]))?;
        Ok(apt)
    }

    /// The newest version of a package that begins with `series`, as Debian writes it.
    pub(super) fn newest(&self, package: &str, series: &str) -> Result<String> {
        let table = capture(self.command("apt-cache").args(["madison", package]))?;
        let versions = table.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
        let newest = versions.into_iter().find(|version| version.starts_with(series));
        newest.map(str::to_owned).with_context(|| format!("Debian has no {package} {series} here"))
    }

    /// Downloads these packages and unpacks them below `into`.
    pub(super) fn unpack(&self, packages: &[String], into: &Path) -> Result<()> {
        fs::create_dir_all(into)?;
        capture(self.command("apt-get").arg("download").args(packages).current_dir(into))?;
        for entry in fs::read_dir(into)? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                capture(Command::new("dpkg-deb").arg("-x").arg(&file).arg(into))?;
            }
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg(&self.configuration).arg("-q").env("LC_ALL", "C");
        command
    }
}

/// A file and not `-o` options, as only a file can `#clear`: the machine's hooks would clean its own caches.
fn configuration(home: &Path) -> String {
    let home = home.display();
    format!(
        r#"Dir::Etc::sourcelist "{home}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "{home}/lists";
Dir::State::status "{home}/status";
Dir::Cache "{home}/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"#
    )
}

/// The archives among the addresses that `apt-get --print-uris update` prints. apt itself reads the machine's
/// `sources.list` and `*.sources` for us; those for security updates hold other suites.
fn mirrors(uris: &str) -> Vec<String> {
    let mut mirrors = Vec::new();
    for line in uris.lines() {
        let Some((mirror, _)) = line.trim_start_matches('\'').split_once("/dists/") else { continue };
        if !mirror.contains("security") && !mirrors.iter().any(|known| known == mirror) {
            mirrors.push(mirror.to_owned());
        }
    }
    mirrors
}

#[cfg(test)]
mod tests {
    use super::mirrors;

    #[test]
    fn each_archive_is_tried_once_and_security_not_at_all() {
        let uris = "\
'http://mirror.example/debian/dists/stable/InRelease' mirror_InRelease 0 
'http://mirror.example/debian/dists/stable-updates/InRelease' mirror_InRelease 0 
'http://mirror.example/debian-security/dists/stable-security/InRelease' mirror_InRelease 0 
'http://other.example/apt/dists/any/InRelease' other_InRelease 0 
";
        assert_eq!(mirrors(uris), ["http://mirror.example/debian", "http://other.example/apt"]);
    }
}
