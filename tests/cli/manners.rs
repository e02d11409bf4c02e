//! How the command behaves whatever it is asked.

use std::process::Stdio;

use super::Scratch;
use crate::aldis::{aldis, command};

#[test]
fn help_and_version_are_a_yes_and_misuse_is_trouble() {
    for arguments in [&["--help"][..], &["help", "publish"], &["eval", "-h"], &["--version"]] {
        let run = aldis(arguments);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{arguments:?}");
    }
    assert!(aldis(&["--help"]).out.contains("Exit codes: 0 yes; 1"));
    for arguments in
        [&[][..], &["chek"], &["check", "--nope"], &["--format", "xml", "check"], &["clear", "x"]]
    {
        let run = aldis(arguments);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{arguments:?}");
    }
}

#[test]
fn completions_are_there_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = aldis(&["completions", shell]);
        assert!(run.code == 0 && run.out.contains("publish") && run.out.contains("if-revision"), "{shell}");
    }
}

#[test]
fn colours_are_for_terminals_and_those_who_ask() {
    let scratch = Scratch::new();
    let file = scratch.file("d.json", "{}");
    assert!(!aldis(&["check", &file]).out.contains('\u{1b}'));
    let out = |name: &str| command(&["check", &file]).env(name, "1").output().expect("aldis runs").stdout;
    assert!(out("CLICOLOR_FORCE").contains(&0x1b));
    assert!(!out("NO_COLOR").contains(&0x1b));
}

#[test]
fn a_closed_pipe_is_no_drama() {
    for (arguments, code) in
        [(&["completions", "bash"][..], 0), (&["--help"], 0), (&["check", "/dev/null"], 1)]
    {
        let mut child = command(arguments).stdout(Stdio::piped()).spawn().expect("aldis runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("aldis ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), &*said),
            (Some(code), ""),
            "{arguments:?}: the answer stays what it is"
        );
    }
}

#[test]
fn settings_may_come_from_the_environment() {
    let scratch = Scratch::new();
    let file = scratch.file("d.json", r#"{"directives":[]}"#);
    let run = command(&["get"]).env("ALDIS_SOURCE", format!("file:{file}")).output().expect("aldis runs");
    assert_eq!(run.stdout, b"{\"directives\":[]}\n");
    let mut wrong = command(&["get", "--source", "etcds://127.0.0.1:1/k"]);
    let run = wrong.env("ETCDCTL_CACERT", "/nowhere").output().expect("aldis runs");
    assert_eq!(
        String::from_utf8_lossy(&run.stderr),
        "error: cannot read /nowhere: no such file or directory\n"
    );
}
