//! `aldis serve` as a process, on the embedded backend, on a file and on another relay.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use rig::eventually_blocking;
use rig::http::Question;
use rig::tls::Certificates;
use serde_json::{Value, json};

use super::{Scratch, text};
use crate::aldis::{Watch, aldis, command};
use crate::served::{SOON, Served, TOKEN};

const ACME: &str = r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":600,"tenant":"acme"}]}"#;

fn publish(served: &Served, body: &'static str) -> u16 {
    let question = Question::put("/v1/directives", body).header("authorization", format!("Bearer {TOKEN}"));
    served.ask(question).status
}

#[test]
fn alone_it_serves_an_embedded_store_that_those_with_a_token_publish_to() {
    let scratch = Scratch::new();
    let served = Served::start(&["--token-file", &scratch.file("tokens", format!("{TOKEN}\n"))]);
    assert!(served.url.starts_with("http://127.0.0.1:"), "{}", served.url);
    let watch = Watch::start(&served.url, &[]);
    assert_eq!(watch.next("applied")["directives"], 0);
    assert_eq!(publish(&served, ACME), 200);
    assert_eq!(watch.next("applied")["revision"], 2);
    let decided = aldis(&["eval", "--source", &served.url, "--tenant", "acme", "--format", "json"]).json();
    assert_eq!((&decided["level"], &decided["revision"]), (&json!("Shape"), &json!(2)));
    let metrics = served.get("/metrics");
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "aldis_store_state{store=\"default\",state=\"live\"} 1",
        "aldis_store_directives{store=\"default\"} 1",
        "# HELP aldis_relay_requests ",
        "aldis_relay_requests{route=\"/v1/directives\",status=\"200\"} 1",
    ] {
        assert!(metrics.text().contains(line), "{line} in {}", metrics.text());
    }
    assert_eq!(served.end("-TERM"), 0);
}

#[test]
fn without_a_token_file_nobody_publishes() {
    let served = Served::start(&[]);
    assert_eq!(publish(&served, ACME), 403);
    assert_eq!(served.get("/readyz").status, 200);
    assert_eq!(served.end("-INT"), 0);
}

#[test]
fn a_file_is_served_as_it_changes() {
    let scratch = Scratch::new();
    let file = scratch.file("d.json", r#"{"directives":[]}"#);
    let served = Served::start(&["--source", &format!("file:{file}")]);
    assert_eq!(served.get("/v1/directives").text(), r#"{"directives":[]}"#);
    // In one step, as a write of its own would be two.
    fs::rename(scratch.file("new.json", ACME), &file).expect("is renamed");
    served.until_revision(3);
    assert!(served.get("/v1/directives").text().contains("acme"));
}

#[test]
fn under_tls_it_is_believed_by_those_who_trust_its_authority() {
    let scratch = Scratch::new();
    let certificates = Certificates::generate(&scratch.path("tls"), "nobody");
    let [cert, key, ca] = [certificates.server_certificate(), certificates.server_key(), certificates.ca()]
        .map(|path| text(&path));
    let served = Served::start(&["--tls-cert", &cert, "--tls-key", &key]);
    assert!(served.url.starts_with("https://"), "{}", served.url);
    let second = Served::start(&["--source", &served.url, "--cacert", &ca]);
    assert_eq!(second.get("/v1/image").header("aldis-state"), "live");
    let distrustful = aldis(&["eval", "--source", &served.url, "--dial-timeout", "5s"]);
    assert_eq!(distrustful.code, 2, "{}", distrustful.out);
    let wrong_name = aldis(&["eval", "--source", &served.url, "--cacert", &ca, "--server-name", "elsewhere"]);
    assert_eq!(wrong_name.code, 2, "{}", wrong_name.out);
    assert!(wrong_name.err.contains("certificate"), "{}", wrong_name.err);
}

/// A relay that shows one certificate, and another that is to come in its place.
struct Certified {
    served: Served,
    old: Certificates,
    new: Certificates,
    /// The files that it was given.
    cert: String,
    key: String,
    _scratch: Scratch,
}

impl Certified {
    fn start() -> Self {
        let scratch = Scratch::new();
        let [old, new] = ["old", "new"].map(|name| Certificates::generate(&scratch.path(name), "nobody"));
        let (cert, key) = (scratch.file("cert.pem", ""), scratch.file("key.pem", ""));
        fs::copy(old.server_certificate(), &cert).expect("is copied");
        fs::copy(old.server_key(), &key).expect("is copied");
        let served = Served::start(&["--tls-cert", &cert, "--tls-key", &key]);
        let certified = Self { served, old, new, cert, key, _scratch: scratch };
        assert!(certified.shows(&certified.old) && !certified.shows(&certified.new));
        certified
    }

    fn shows(&self, certificates: &Certificates) -> bool {
        aldis(&["eval", "--source", &self.served.url, "--cacert", &text(&certificates.ca())]).code == 0
    }

    fn shows_the_new_one_soon(&self) {
        eventually_blocking("the new one is shown", SOON, || self.shows(&self.new));
        assert!(!self.shows(&self.old));
    }
}

/// Files are renewed one after the other, and for a moment do not go together.
#[test]
fn a_certificate_that_is_renewed_is_shown_to_whoever_connects_next() {
    let certified = Certified::start();
    fs::copy(certified.new.server_certificate(), &certified.cert).expect("is copied");
    thread::sleep(Duration::from_millis(1500));
    assert!(certified.shows(&certified.old), "half of it changes nothing");
    fs::copy(certified.new.server_key(), &certified.key).expect("is copied");
    certified.shows_the_new_one_soon();
}

/// What makes a file good need not show in its time: rights that are given, or a write within one tick of the clock.
#[test]
fn a_certificate_that_could_not_be_used_is_tried_again() {
    let certified = Certified::start();
    let written = SystemTime::now();
    let write = |file: &str, bytes: Vec<u8>| {
        fs::write(file, bytes).expect("is written");
        let file = fs::File::options().append(true).open(file).expect("is there");
        file.set_modified(written).expect("is its owner's");
    };
    write(&certified.cert, fs::read(certified.new.server_certificate()).expect("is there"));
    write(&certified.key, b"half of it".to_vec());
    thread::sleep(Duration::from_millis(2500));
    assert!(certified.shows(&certified.old), "what was read before stays");
    write(&certified.key, fs::read(certified.new.server_key()).expect("is there"));
    certified.shows_the_new_one_soon();
}

#[test]
fn what_cannot_work_is_trouble_at_once() {
    let scratch = Scratch::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("is bound").to_string();
    let (file, tokens) = (scratch.file("d.json", "{}"), scratch.file("tokens", TOKEN));
    let (short, source) = (scratch.file("short", "secret"), format!("file:{file}"));
    for (arguments, word) in [
        (&["--listen", &*taken][..], "cannot listen on 127.0.0.1:"),
        (&["--listen", "nowhere"], "invalid"),
        // The port is not looked for before all else is well.
        (&["--token-file", "/nowhere/tokens"], "cannot take tokens from /nowhere/tokens"),
        (&["--token-file", &short], "at least 16 bytes"),
        (&["--source", &source, "--token-file", &tokens], "editing the file"),
        (&["--tls-cert", &file], "--tls-key"),
        (&["--tls-cert", &file, "--tls-key", &file], "no certificates"),
        (&["--source", "http://127.0.0.1:1", "--dial-timeout", "1s"], "http://127.0.0.1:1"),
        (&["--source", "etcd://127.0.0.1:1/k", "--dial-timeout", "1s"], "127.0.0.1:1"),
        (&["--source", "http://127.0.0.1:1", "--state-dir", "/tmp/x"], "keeps no state directory"),
    ] {
        let run = aldis(&[&["serve"], arguments, &["--log", "off"]].concat());
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.out);
        assert!(run.err.contains(word), "{arguments:?}: {}", run.err);
    }
    let run = aldis(&["get", "--source", "http://127.0.0.1:1"]);
    assert!(run.code == 2 && run.err.contains("a relay serves the set"), "{}", run.err);
}

/// An object a line, and nothing of any document: whoever collects logs is not whoever may read directives.
#[test]
fn it_logs_in_json_what_it_does_and_nothing_of_what_it_serves() {
    let scratch = Scratch::new();
    let planted =
        r#"{"directives":[{"id":"planted-id","level":"Shape","ttl_secs":600,"tenant":"planted-tenant"}]}"#;
    let file = scratch.file("d.json", planted);
    let mut command = command(&["serve", "--format", "json", "--listen", "127.0.0.1:0", "--log", "debug"]);
    let mut child = command.args(["--source", &format!("file:{file}")]).spawn().expect("aldis runs");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let mut logged = Vec::new();
    let mut until = |message: &str| {
        for line in &mut lines {
            let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            logged.push(line);
            if said["message"] == message {
                return;
            }
        }
        panic!("no {message} in {logged:?}");
    };
    until("applied");
    until("serving");
    fs::rename(scratch.file("new.json", r#"{"directives":[{"id":"planted-id"}]}"#), &file)
        .expect("is renamed");
    until("refused a document, its last good one stays");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
    until("drained");
    assert!(child.wait().expect("ends").success());
    let logged = logged.join("\n");
    assert!(!logged.contains("planted"), "{logged}");
}
