//! The corpus of a target, and a stream of mutations of it: the same for ever, so that a failure comes back.

use std::cell::Cell;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Once;

use fastrand::Rng;

/// Numbers at which lengths, counts and places go wrong.
const NUMBERS: [u32; 10] = [0, 1, 2, 3, 63, 64, 255, 65_536, 0x7fff_ffff, u32::MAX];

/// What JSON is made of: other bytes end in the first token that they are in.
const JSON: &[u8] = br#"{}[]",:\0159-.eEu tnf"#;

/// Inputs of a stream grow no longer than this.
const LONGEST: usize = 4096;

/// The inputs that are kept for a target, with the names of their files: those of its folder, what is golden, and those of
/// the folder that `ALDIS_FUZZ_FOUND` names, which is how a long run has its finds looked at in another engine.
pub(crate) fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept = tests.join("fuzz/corpus").join(target);
    let golden = matches!(target, "decode" | "image").then(|| tests.join("golden"));
    let found = std::env::var_os("ALDIS_FUZZ_FOUND").map(PathBuf::from);
    let folders = [Some(kept), golden, found];
    let mut files: Vec<PathBuf> = folders.into_iter().flatten().flat_map(listed).collect();
    files.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.display().to_string(), bytes)
    };
    files.into_iter().map(read).collect()
}

fn listed(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("a folder can be listed").path()).collect()
}

/// The inputs of the corpus, and then mutations of them without end.
pub(crate) fn inputs(target: &str) -> impl Iterator<Item = Vec<u8>> {
    let corpus: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, input)| input).collect();
    corpus.clone().into_iter().chain(mutations(corpus))
}

/// Runs a target over its corpus and then over `count` mutations, and says on which input it failed.
pub(crate) fn over(target: &str, count: usize, mut run: impl FnMut(&[u8])) {
    let corpus = corpus(target);
    assert!(!corpus.is_empty(), "there is no corpus for {target}");
    let names = corpus.into_iter().map(|(name, _)| name);
    let names = names.chain((1..=count).map(|number| format!("mutation {number} for {target}")));
    for (name, input) in names.zip(inputs(target)) {
        told(&name, &input, &mut run);
    }
}

fn told(name: &str, input: &[u8], run: &mut impl FnMut(&[u8])) {
    // Printed by a panic that unwinds through here, and only then.
    struct Told<'a>(&'a str, &'a [u8]);
    impl Drop for Told<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("{}: {}", self.0, self.1.escape_ascii());
            }
        }
    }
    let _told = Told(name, input);
    run(input);
}

/// What a run says when it fails; `None` if it does not. Unlike other panics, this one is not printed: looking for what a
/// broken subject says takes many, and each would have its backtrace.
pub(crate) fn failure(run: impl FnOnce()) -> Option<String> {
    static HOOK: Once = Once::new();
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    HOOK.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |said| {
            if !QUIET.get() {
                loud(said);
            }
        }));
    });
    QUIET.set(true);
    let ended = panic::catch_unwind(AssertUnwindSafe(run));
    QUIET.set(false);
    let said = ended.err()?;
    let text = said.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| said.downcast_ref::<String>().cloned()).or(Some(String::new()))
}

/// Mutations without end. Now and then noise.
fn mutations(corpus: Vec<Vec<u8>>) -> impl Iterator<Item = Vec<u8>> {
    let mut rng = Rng::with_seed(1);
    std::iter::repeat_with(move || {
        if rng.u8(..16) == 0 {
            let len = rng.usize(..300);
            return noise(&mut rng, len);
        }
        let mut input = rng.choice(&corpus).cloned().unwrap_or_default();
        for _ in 0..rng.usize(1..=4) {
            let other = rng.choice(&corpus).map_or(&[][..], Vec::as_slice);
            mutate(&mut rng, &mut input, other);
        }
        input.truncate(LONGEST);
        input
    })
}

fn noise(rng: &mut Rng, len: usize) -> Vec<u8> {
    std::iter::repeat_with(|| rng.u8(..)).take(len).collect()
}

fn mutate(rng: &mut Rng, input: &mut Vec<u8>, other: &[u8]) {
    let at = rng.usize(..=input.len());
    let end = rng.usize(at..=input.len().min(at + 40));
    match rng.u8(..10) {
        0 => input.truncate(at),
        1 => drop(input.drain(at..end)),
        2 => {
            let len = rng.usize(..8);
            drop(input.splice(at..at, noise(rng, len)));
        }
        3 => {
            let repeated = input[at..end].to_vec();
            drop(input.splice(at..at, repeated));
        }
        4 => drop(input.splice(at.., other.get(at..).unwrap_or_default().iter().copied())),
        5 => {
            let from = rng.usize(..=other.len());
            let part = &other[from..other.len().min(from + 80)];
            drop(input.splice(at..end, part.iter().copied()));
        }
        6 => {
            // Most numbers of an image lie at a multiple of four.
            let at = at / 4 * 4;
            if let Some(room) = input.get_mut(at..at + 4) {
                room.copy_from_slice(&rng.choice(NUMBERS).unwrap_or(0).to_le_bytes());
            }
        }
        kind => {
            let Some(byte) = input.get_mut(at) else { return };
            *byte = match kind {
                7 => *byte ^ (1 << rng.u8(..8)),
                8 => rng.u8(..),
                _ => JSON[rng.usize(..JSON.len())],
            };
        }
    }
}
