//! `aldis precompile`.

use aldis_etcd::sink::guest::{GuestEngine, GuestLimits, embedded_module};

use super::Scratch;
use super::precompiled::{load, target};
use crate::aldis::{aldis, command};

fn code(arguments: &[&str]) -> Vec<u8> {
    let output = command(arguments).output().expect("aldis runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    output.stdout
}

#[test]
fn what_it_prints_is_a_guest_for_another_process() {
    let scratch = Scratch::new();
    let module = scratch.file("guest.wasm", embedded_module());
    let target = target("unknown-linux-gnu");
    let embedded = code(&["precompile"]);
    assert_eq!(code(&["precompile", &module, "--format", "json"]), embedded);
    for code in [embedded, code(&["precompile", "--target", &target])] {
        let engine = load(&code, GuestLimits::STANDARD).expect("fits");
        assert_eq!(engine.instantiate().expect("starts").info().expect("answers").directives, 0);
    }
    let here = GuestEngine::embedded(GuestLimits::STANDARD).expect("compiles").serialize();
    assert!(here.expect("is compiled") == code(&["precompile"]), "the same code each time");
}

#[test]
fn what_is_no_guest_is_not_compiled() {
    let scratch = Scratch::new();
    let empty = scratch.file("empty.wasm", b"\0asm\x01\0\0\0");
    let text = scratch.file("text.wasm", "text");
    for (arguments, said) in [
        (&["precompile", &empty][..], "error: the module does not export `memory`\n"),
        (&["precompile", &text], "error: not a WebAssembly module: "),
        (&["precompile", "--target", "abacus"], "error: guests cannot be compiled for the target `abacus`: "),
        (&["precompile", "/nowhere"], "error: cannot read /nowhere: no such file or directory\n"),
    ] {
        let run = aldis(arguments);
        assert!(
            run.code == 2 && run.out.is_empty() && run.err.starts_with(said),
            "{arguments:?}: {}",
            run.err
        );
    }
}
