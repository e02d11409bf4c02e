//! The order of the house: each file imports only from files above it in its list. A new file fails here until it has
//! its place, and so does a place whose file is gone.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot read the sources ends, saying why")]

#[path = "layering/paths.rs"]
mod paths;

use std::fs;
use std::path::{Path, PathBuf};

use self::paths::{Named, named_paths};

/// A crate, and its rooms from the ground up. A room is a file, with the folder of its name unless that has rooms of
/// its own; inside a room everybody may know everybody.
struct House {
    source: &'static str,
    rooms: &'static [&'static str],
    /// What only some rooms may name: `(name, those rooms)`.
    reserved: &'static [(&'static str, &'static [&'static str])],
}

const CORE: House = House {
    source: "core/src",
    rooms: &[
        "limits",
        "error",
        "time",
        "vocabulary",
        "field",
        "directive",
        "hash",
        "decode",
        "image",
        "compile",
        "set",
        "request",
        "traceparent",
        "judge",
        "decision",
        "evaluate",
        "explain",
        "store",
    ],
    reserved: &[],
};

const ANSWER: House = House {
    source: "core/answer/src",
    rooms: &["digest", "warning", "difference", "checked", "decided", "question", "reach", "schema"],
    reserved: &[],
};

const HOST: House = House {
    source: "host-etcd/src",
    rooms: &[
        "duration",
        "wire",
        "kv",
        "kv/etcd",
        "kv/memory",
        "clock",
        "backoff",
        "meter",
        "watch",
        "mirror",
        "status",
        "sink",
        "driver",
        "upstream",
        "store",
        "layer",
        "stream",
        "fetch_cache",
        "on_demand",
        "publish",
        "source",
        "answer",
        "relay",
        "cli",
        "main",
    ],
    reserved: &[
        ("etcd_client", &["kv/etcd"]),
        ("metrics", &["meter"]),
        ("tonic", &["kv/etcd"]),
        ("axum", &["relay"]),
        ("tokio::spawn", &["driver", "upstream", "stream", "relay"]),
        ("tokio::select", &["kv", "driver", "stream", "relay", "cli"]),
        ("tokio::task", &["driver", "relay"]),
    ],
};

const ENVOY: House = House {
    source: "wasm/envoy/src",
    rooms: &[
        "limits",
        "host",
        "block",
        "jitter",
        "needs",
        "wanted",
        "attribute",
        "mapping",
        "outputs",
        "config",
        "lease",
        "record",
        "answer",
        "poller",
        "shared",
        "stats",
        "roll",
        "instance",
        "root",
        "filter",
        "envoy",
        "exports",
    ],
    reserved: &[("serde", &["config", "outputs"]), ("dlmalloc", &["exports"])],
};

#[test]
fn core_is_in_order() {
    assert_eq!(CORE.violations(&CORE.read()), NONE);
}

#[test]
fn answers_are_in_order() {
    assert_eq!(ANSWER.violations(&ANSWER.read()), NONE);
}

#[test]
fn host_is_in_order() {
    assert_eq!(HOST.violations(&HOST.read()), NONE);
}

#[test]
fn filter_is_in_order() {
    assert_eq!(ENVOY.violations(&ENVOY.read()), NONE);
}

const NONE: [String; 0] = [];

/// One source file: its path below `src` without the ending, and its text.
type Source = (String, String);

impl House {
    fn read(&self) -> Vec<Source> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(self.source);
        let mut files = Vec::new();
        collect(&source, &mut files);
        files.sort();
        let name = |file: &PathBuf| file.strip_prefix(&source).expect("below src").with_extension("");
        let text = |file: &PathBuf| fs::read_to_string(file).expect("a readable source file");
        files.iter().map(|file| (name(file).to_string_lossy().into_owned(), text(file))).collect()
    }

    /// A line for each import that goes up, each reserved name in the wrong room, and each file without a room.
    fn violations(&self, sources: &[Source]) -> Vec<String> {
        let mut violations = Vec::new();
        // The map of the crate names every room; that is what it is for.
        for (file, text) in sources.iter().filter(|(file, _)| file != "lib") {
            match self.room(&segments(file)) {
                None => violations.push(format!("{}/{file}.rs has no place in the order", self.source)),
                Some(room) => self.check(file, room, text, &mut violations),
            }
        }
        let exists = |room: &&&str| sources.iter().any(|(file, _)| file == **room);
        let gone = self.rooms.iter().filter(|room| !exists(room));
        violations
            .extend(gone.map(|room| format!("{}/{room}.rs is in the order and does not exist", self.source)));
        violations
    }

    fn check(&self, file: &str, room: usize, text: &str, violations: &mut Vec<String>) {
        for Named { path, line, own } in named_paths(&segments(file), text) {
            let place = format!("{}/{file}.rs:{line}", self.source);
            let name = path.join("::");
            if own {
                match self.room(&path) {
                    Some(target) if target <= room => {}
                    Some(_) => violations.push(format!("{place} imports {name}, which comes after it")),
                    None => violations.push(format!("{place} imports {name} from no file of the order")),
                }
            } else if !self.may_name(room, &name) {
                violations.push(format!("{place} names {name}, which is not this room's to name"));
            }
        }
    }

    /// The place in the order: that of the longest room whose path this one begins with.
    fn room(&self, path: &[String]) -> Option<usize> {
        let rooms = self.rooms.iter().enumerate().filter(|(_, room)| path.starts_with(&segments(room)));
        rooms.max_by_key(|(_, room)| room.len()).map(|(place, _)| place)
    }

    fn may_name(&self, room: usize, name: &str) -> bool {
        let concerns = |reserved: &str| name == reserved || name.starts_with(&format!("{reserved}::"));
        let room = self.rooms.get(room).copied().unwrap_or_default();
        self.reserved.iter().all(|(reserved, rooms)| !concerns(reserved) || rooms.contains(&room))
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The known-bad twins: the same walls, with a hole in each.
mod twins {
    use super::{House, Source};

    const TWIN: House = House {
        source: "twin",
        rooms: &["low", "mid", "mid/door", "high"],
        reserved: &[("etcd_client", &["mid/door"]), ("tokio::spawn", &["high"])],
    };

    /// The order is right and every file is there; then one file is replaced.
    fn with(file: &str, text: &str) -> Vec<String> {
        let mut sources: Vec<Source> = [
            ("lib", "mod high; mod low; mod mid; pub use high::High;"),
            ("low", "//! Nothing of crate::high here: \"use crate::high::High;\"\npub struct Low;"),
            ("mid", "pub mod door; use crate::low::Low;"),
            ("mid/door", "use super::Mid; use etcd_client::Client;"),
            ("mid/inner", "use super::super::low::Low; use crate::mid::Mid;"),
            ("high", "use crate::{low::Low, mid::{self, door}}; fn run() { tokio::spawn(async {}); }"),
        ]
        .map(|(file, text)| (file.to_owned(), text.to_owned()))
        .into();
        sources.retain(|(known, _)| known != file);
        sources.push((file.to_owned(), text.to_owned()));
        TWIN.violations(&sources)
    }

    #[test]
    fn the_order_itself_passes() {
        assert_eq!(with("low", "pub struct Low;"), super::NONE);
    }

    #[test]
    fn a_planted_back_edge_is_found_however_it_is_written() {
        for text in [
            "use crate::high::High;",
            "use crate::{low::Low, high::{High, Deep}};",
            "fn f() { crate::high::run() }",
            "fn f() { let x: super::high::High = todo!(); }",
            "mod tests { use super::super::high::High; }",
            "macro_rules! m { () => { $crate::high::run() } }",
        ] {
            let found = with("low", text);
            assert!(found.iter().any(|line| line.contains("comes after it")), "{text}: {found:?}");
        }
        let found = with("mid", "pub mod door;\npub use door::Door;");
        assert_eq!(found, ["twin/mid.rs:2 imports mid::door::Door, which comes after it"]);
    }

    #[test]
    fn a_detour_over_the_crate_root_is_found() {
        let found = with("low", "use crate::High;");
        assert_eq!(found, ["twin/low.rs:1 imports High from no file of the order"]);
    }

    #[test]
    fn a_reserved_name_in_the_wrong_room_is_found() {
        for text in ["use etcd_client::Client;", "fn f() { tokio::spawn(g()); }", "use tokio::{spawn, time};"]
        {
            assert_eq!(with("low", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_file_without_a_place_and_a_place_without_a_file_are_found() {
        assert_eq!(with("attic", ""), ["twin/attic.rs has no place in the order"]);
        let found = TWIN.violations(&[]);
        assert_eq!(found.len(), TWIN.rooms.len(), "{found:?}");
    }
}
