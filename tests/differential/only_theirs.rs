//! What only the reference takes: exactly what `tests/vectors/README.md` lists.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use aldis_core::{DecodeError, DirectiveSet, Reason};
use fastrand::Rng;
use proptest::collection::vec;
use rig::generate::{self, NOW, seeded};
use rig::vectors::{self, Request};

use crate::classes::{self, Class};
use crate::document::{Document, LATE, documents};
use crate::mangle::mangle;
use crate::reference::{Reference, decide, with_every_fact};

/// The description and the test hold the same list.
#[test]
fn the_list_is_the_documented_one() {
    let described = include_str!("../vectors/README.md");
    let rows: Vec<String> = described
        .lines()
        .skip_while(|line| !line.starts_with("| refused as |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').skip(1).take(2).map(str::trim).collect::<Vec<_>>().join(" | "))
        .collect();
    assert_eq!(rows, classes::ALL.map(|class| row(&class)));
}

fn row(class: &Class) -> String {
    let reason = class.reason.map_or("its own reason".to_string(), |reason| format!("`{reason}`"));
    format!("{reason} | {}", class.what)
}

/// Nothing is on the list that both refuse, or both take.
#[test]
fn each_class_is_taken_there_and_refused_here_for_its_reason() {
    for class in classes::ALL {
        for seed in 0..if class.is_large() { 1 } else { 300 } {
            assert_eq!(holds(&class, seed), Ok(()));
        }
    }
}

/// Known-bad twins: what the reference refuses as well, for a reason that we do not give, what both take.
#[test]
fn a_class_that_is_none_is_found_out() {
    let [first, ..] = classes::ALL;
    let twins = [
        Class { spoil: |document, _| document.earlier = Some("\"".to_string()), ..first },
        Class { reason: Some(Reason::BadId), ..first },
        Class { spoil: |_, _| (), ..first },
    ];
    for twin in twins {
        assert!((0..20).all(|seed| holds(&twin, seed).is_err()));
    }
}

/// Makes one of the class, shows it to both, and complains if it is not as the class says.
fn holds(class: &Class, seed: u64) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let mut document = rng.choice(start()).expect("there are some").clone();
    (class.spoil)(&mut document, &mut rng);
    let text = document.text();
    let shown = || text.chars().take(500).collect::<String>();
    if let Err(slug) = Reference::decode(text.as_bytes()) {
        return Err(format!("the reference refuses it as {slug}: {}", shown()));
    }
    match DirectiveSet::decode(text.as_bytes(), NOW) {
        Ok(_) => Err(format!("both take it: {}", shown())),
        Err(refusal) if class.covers(text.as_bytes(), &refusal) => Ok(()),
        Err(refusal) => Err(format!("`{}` is refused with {refusal}: {}", class.what, shown())),
    }
}

/// Every vector that only the reference takes is of a class, and every class has a vector.
#[test]
fn the_vectors_show_each_class_and_no_other() {
    let mut shown = Shown::default();
    for case in vectors::all() {
        shown.show(&case.vector.body(), &case.name);
    }
    let (met, unlisted) = shown.sorted(&classes::ALL);
    assert_eq!((unlisted, &shown.misread), (Vec::new(), &Vec::new()));
    assert_eq!(met.len(), classes::ALL.len(), "{met:?}");
}

/// Documents are mangled without regard for the classes. What both take still means the same.
#[test]
fn what_is_mangled_is_of_a_class_or_means_the_same() {
    let (met, unlisted) = MANGLED.sorted(&classes::ALL);
    assert_eq!((unlisted, &MANGLED.misread), (Vec::new(), &Vec::new()));
    for class in classes::ALL.iter().filter(|class| !class.is_large()) {
        assert!(met.get(class.what).is_some_and(|&times| times >= 5), "{}: {met:?}", class.what);
    }
    assert!(MANGLED.taken_by_both > 1000, "only {} documents are taken by both", MANGLED.taken_by_both);
}

/// Known-bad twins: a list from which one class is missing.
#[test]
fn a_class_that_is_not_listed_is_found_out() {
    for missing in classes::ALL.iter().filter(|class| !class.is_large()) {
        let mut listed = classes::ALL.to_vec();
        listed.retain(|class| class.what != missing.what);
        assert!(!MANGLED.sorted(&listed).1.is_empty(), "{}", missing.what);
    }
}

static MANGLED: LazyLock<Shown> = LazyLock::new(|| {
    let mut shown = Shown::default();
    for seed in 0..10_000 {
        let mut rng = Rng::with_seed(seed);
        let mut document = rng.choice(start()).expect("there are some").clone();
        mangle(&mut document, &mut rng);
        let text = document.text();
        shown.show(text.as_bytes(), &text);
    }
    shown
});

/// What came of many documents.
#[derive(Default)]
struct Shown {
    taken_by_both: usize,
    /// What both take, and take for something else, or what we take and the reference cannot for no good reason.
    misread: Vec<String>,
    /// What only the reference takes: its name, its bytes, and why we do not.
    only_theirs: Vec<(String, Vec<u8>, DecodeError)>,
}

impl Shown {
    fn show(&mut self, body: &[u8], name: &str) {
        match (Reference::decode(body), DirectiveSet::decode(body, NOW)) {
            (Ok(_), Err(refusal)) => self.only_theirs.push((name.to_string(), body.to_vec(), refusal)),
            (Ok(theirs), Ok(ours)) => {
                self.taken_by_both += 1;
                let is_same = |(request, late): &(Request, Duration)| {
                    theirs.decide(request, *late) == decide(&ours, request, *late)
                };
                if !asked().iter().all(is_same) {
                    self.misread.push(format!("{name} means something else"));
                }
            }
            // What only we take holds a field that is new, and the reference says so.
            (Err(slug), Ok(_)) if slug != "unknown_field" => {
                self.misread.push(format!("{name} is refused there as {slug}"));
            }
            (Err(_), _) => {}
        }
    }

    /// How many of each class there are, and what is of none.
    fn sorted(&self, classes: &[Class]) -> (BTreeMap<&'static str, usize>, Vec<String>) {
        let (mut met, mut unlisted) = (BTreeMap::new(), Vec::new());
        for (name, body, refusal) in &self.only_theirs {
            match classes.iter().find(|class| class.covers(body, refusal)) {
                Some(class) => *met.entry(class.what).or_default() += 1,
                None => unlisted.push(format!("{name}: {refusal}")),
            }
        }
        (met, unlisted)
    }
}

/// Documents that both take, to be spoilt.
fn start() -> &'static [Document] {
    static START: LazyLock<Vec<Document>> = LazyLock::new(|| seeded(&vec(documents(), 200), 1));
    &START
}

/// Requests, and how late they come.
fn asked() -> &'static [(Request, Duration)] {
    static ASKED: LazyLock<Vec<(Request, Duration)>> = LazyLock::new(|| {
        let requests = seeded(&vec(generate::request(), 20), 2).into_iter().map(with_every_fact);
        requests.zip(LATE.into_iter().cycle()).collect()
    });
    &ASKED
}
