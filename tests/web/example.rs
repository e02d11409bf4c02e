//! `examples/node-check`: what its README shows, and the hook in a repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::node::{node, package};

const GOOD: &str =
    r#"{"directives":[{"id":"why-slow","level":"ShapeTiming","ttl_secs":600,"tenant":"acme"}]}"#;

/// A project with the package in it, and the files of the example.
struct Project(TempDir);

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let project = Self(folder);
        let modules = project.path("node_modules/aldis-web");
        fs::create_dir_all(&modules).expect("a folder");
        for entry in fs::read_dir(package()).expect("was built") {
            let file = entry.expect("can be listed").path();
            fs::copy(&file, modules.join(file.file_name().expect("has a name"))).expect("is copied");
        }
        for file in ["check.mjs", "pre-commit"] {
            fs::copy(example(file), project.path(file)).expect("is copied");
        }
        fs::write(project.path("good-directives.json"), GOOD).expect("is written");
        fs::write(project.path("bad-directives.json"), GOOD.replace("tenant", "tennant"))
            .expect("is written");
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn runs(&self, command: &mut Command) -> Output {
        command.current_dir(self.0.path()).output().expect("runs")
    }

    fn git(&self, arguments: &[&str]) -> Output {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=test", "-c", "user.email=test@localhost"]).args(arguments);
        // A hook or a test run may have set what means another repository.
        for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"] {
            git.env_remove(name);
        }
        self.runs(&mut git)
    }
}

fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/node-check").join(file)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn the_readme_is_true() {
    let project = Project::new();
    let readme = fs::read_to_string(example("README.md")).expect("is there");
    let shown =
        readme.split_once("```console\n").and_then(|(_, rest)| rest.split_once("```")).expect("is shown").0;
    let mut lines = shown.lines().peekable();
    let mut ran = 0;
    while let Some(command) = lines.next() {
        let words: Vec<_> = command.split(' ').skip(2).collect();
        let run = project.runs(node().args(&words));
        let expected = lines.next().expect("is answered");
        assert_eq!(said(&run), format!("{expected}\n"), "{command}");
        assert_eq!(run.status.code(), Some(if expected.contains(": valid") { 0 } else { 1 }));
        ran += 1;
    }
    assert_eq!(ran, 2);
    assert_eq!(project.runs(node().args(["check.mjs", "none.json"])).status.code(), Some(2));
}

#[test]
fn a_commit_that_breaks_a_set_is_not_made() {
    let project = Project::new();
    assert!(project.git(&["init", "--quiet", "."]).status.success(), "git is there");
    fs::copy(project.path("pre-commit"), project.path(".git/hooks/pre-commit")).expect("is copied");
    project.git(&["add", "bad-directives.json"]);
    let refused = project.git(&["commit", "--quiet", "-m", "break it"]);
    assert!(!refused.status.success() && said(&refused).contains("unknown_field"), "{}", said(&refused));

    // What counts is what is staged.
    project.git(&["rm", "--quiet", "--cached", "bad-directives.json"]);
    project.git(&["add", "good-directives.json"]);
    fs::write(project.path("good-directives.json"), "not JSON").expect("is written");
    let made = project.git(&["commit", "--quiet", "-m", "a good one"]);
    assert!(made.status.success(), "{}", said(&made));
    fs::write(project.path("good-directives.json"), GOOD.replace(r#","tenant":"acme""#, ""))
        .expect("is written");
    project.git(&["add", "good-directives.json"]);
    let warned = project.git(&["commit", "--quiet", "-m", "a wide one"]);
    assert!(!warned.status.success() && said(&warned).contains("fleet_wide"), "{}", said(&warned));
}
