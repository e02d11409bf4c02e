//! The `aldis` command on every real etcd at hand.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

#[allow(dead_code, reason = "the other tests of the command use the rest")]
#[path = "cli/aldis.rs"]
mod aldis;

#[allow(dead_code, reason = "the other tests of the command use the rest")]
#[path = "cli/served.rs"]
mod served;

use rig::etcd::{Etcd, Tls};
use rig::eventually_blocking;
use rig::http::Question;
use serde_json::{Value, json};

use crate::aldis::{Run, Watch, aldis, aldis_reading, command};
use crate::served::{SOON, Served, TOKEN};

const KEY: &str = "aldis/directives";
const ACME: &str = r#"{"directives":[{"id":"acme","level":"Shape","ttl_secs":600,"tenant":"acme"}]}"#;
const BETA: &str = r#"{"directives":[{"id":"beta","level":"ShapeTiming","ttl_secs":600,"tenant":"beta"}]}"#;

fn each_etcd(test: impl Fn(Etcd)) {
    for version in Etcd::available() {
        test(Etcd::builder().version(&version).start());
    }
}

fn source(etcd: &Etcd, key: &str) -> String {
    format!("{}/{key}", etcd.endpoint().replace("http://", "etcd://").replace("https://", "etcds://"))
}

fn on(etcd: &Etcd, arguments: &[&str]) -> Run {
    aldis(&[arguments, &["--source", &source(etcd, KEY), "--format", "json"]].concat())
}

fn publish(etcd: &Etcd, document: &str, arguments: &[&str]) -> Run {
    let source = source(etcd, KEY);
    let all = [&["publish", "-", "--source", &source, "--format", "json"], arguments].concat();
    aldis_reading(document.as_bytes(), &all)
}

/// What both engines decide, which must be the same.
fn decide(etcd: &Etcd, tenant: &str) -> Value {
    let with = |engine| on(etcd, &["eval", "--tenant", tenant, "--engine", engine]).json();
    let (native, wasm) = (with("native"), with("wasm"));
    assert_eq!(native, wasm);
    native
}

#[test]
fn an_etcdctl_put_reaches_a_running_watch_and_flips_both_engines() {
    each_etcd(|etcd| {
        let watch = Watch::start(&source(&etcd, KEY), &[]);
        assert_eq!(watch.next("applied")["directives"], 0);
        watch.next("live");
        assert_eq!(decide(&etcd, "acme")["level"], "Off");
        etcd.put(KEY, ACME);
        let (applied, decision) = (watch.next("applied"), decide(&etcd, "acme"));
        assert_eq!((&applied["revision"], &applied["directives"]), (&json!(2), &json!(1)));
        assert_eq!((&decision["level"], &decision["decided_by"]), (&json!("Shape"), &json!("acme")));
        assert_eq!((&decision["revision"], &decision["digest"]), (&applied["revision"], &applied["digest"]));
        etcd.put(KEY, r#"{"directives":[{"id":"acme","level":"Shap","ttl_secs":600}]}"#);
        let refused = watch.next("refused");
        let told = (&refused["revision"], &refused["key"], &refused["error"]["reason"]);
        assert_eq!(told, (&json!(3), &json!(KEY), &json!("unknown_level")));
        let run = on(&etcd, &["eval", "--tenant", "acme"]);
        assert_eq!((run.code, run.json()["error"]["reason"].as_str()), (1, Some("unknown_level")));
        etcd.delete(KEY);
        assert_eq!(watch.next("applied")["directives"], 0);
        assert_eq!(decide(&etcd, "acme")["level"], "Off");
        assert_eq!(watch.end("-INT"), 0);
    });
}

#[test]
fn publish_compares_and_swaps_and_writes_ends_as_points_in_time() {
    each_etcd(|etcd| {
        let watch = Watch::start(&source(&etcd, KEY), &[]);
        watch.next("live");
        let first = publish(&etcd, ACME, &[]).json();
        assert_eq!((&first["revision"], &first["replaced"]), (&json!(2), &json!(0)));
        assert_eq!(watch.next("applied")["revision"], 2);
        assert_eq!(decide(&etcd, "acme")["level"], "Shape");
        let written = etcd.etcdctl(&["get", "--print-value-only", KEY]);
        assert!(written.contains("\"expires_at\":\"20") && !written.contains("ttl_secs"), "{written}");
        let stale = publish(&etcd, BETA, &["--if-revision", "1"]);
        assert_eq!((stale.code, stale.json()["error"]["reason"].as_str()), (1, Some("conflict")));
        assert!(stale.err.contains("at revision 2, not 1"), "{}", stale.err);
        assert_eq!(decide(&etcd, "acme")["revision"], 2, "nothing was changed");
        let second = publish(&etcd, BETA, &["--if-revision", "2"]).json();
        let difference = json!({"added": ["beta"], "removed": ["acme"], "changed": []});
        assert_eq!((&second["revision"], &second["difference"]), (&json!(3), &difference));
        assert_eq!(publish(&etcd, ACME, &["--dry-run"]).json()["revision"], Value::Null);
        assert_eq!(decide(&etcd, "beta")["level"], "ShapeTiming");
        assert_eq!(publish(&etcd, ACME, &["--compat"]).code, 0);
        assert_eq!(etcd.etcdctl(&["get", "--print-value-only", KEY]), format!("{ACME}\n"));
    });
}

#[test]
fn what_get_shows_publishes_again_unchanged_and_clear_turns_it_off() {
    let etcd = Etcd::start();
    publish(&etcd, ACME, &[]);
    let shown = aldis(&["get", "--source", &source(&etcd, KEY)]);
    assert!(shown.err.starts_with("aldis/directives: revision 2, 1 directive, digest "), "{}", shown.err);
    let again = publish(&etcd, &shown.out, &["--if-revision", "2"]).json();
    assert_eq!(again["difference"], json!({"added": [], "removed": [], "changed": []}));
    assert_eq!(aldis(&["get", "--source", &source(&etcd, KEY)]).out, shown.out);
    assert_eq!(on(&etcd, &["clear", "--if-revision", "2"]).code, 1);
    let cleared = on(&etcd, &["clear"]).json();
    assert_eq!(
        (&cleared["revision"], &cleared["replaced"], &cleared["removed"]),
        (&json!(4), &json!(3), &json!(1))
    );
    assert_eq!(decide(&etcd, "acme")["level"], "Off");
    assert_eq!(on(&etcd, &["get"]).json()["document"], json!({"directives": []}));
}

#[test]
fn documents_under_a_prefix_are_merged_and_named() {
    let etcd = Etcd::start();
    let prefix = source(&etcd, "fleet/");
    let run = |arguments: &[&str]| aldis(&[arguments, &["--source", &prefix, "--format", "json"]].concat());
    let watch = Watch::start(&prefix, &[]);
    watch.next("live");
    for (name, document) in [("b", BETA), ("a", ACME)] {
        let arguments = ["publish", "-", "--name", name, "--source", &prefix];
        assert_eq!(aldis_reading(document.as_bytes(), &arguments).code, 0);
    }
    // Two changes at hand at once are one snapshot.
    let applied = watch.next_with("applied", |applied| applied["directives"] == 2);
    let decision = run(&["eval", "--tenant", "beta"]).json();
    assert_eq!((&applied["directives"], &applied["digest"]), (&json!(2), &decision["digest"]));
    assert_eq!(decision["decided_by"], "beta");
    assert_eq!(run(&["get", "--name", "a"]).json()["key"], "fleet/a");
    assert_eq!(run(&["get"]).out.lines().count(), 2);
    assert!(run(&["publish", "-"]).err.contains("--name") && run(&["clear"]).err.contains("--all"));
    assert_eq!(run(&["clear", "--all"]).out.lines().count(), 2);
    assert_eq!(run(&["eval", "--tenant", "beta"]).json()["level"], "Off");
}

#[test]
fn an_outage_is_told_as_stale_and_its_end_as_live() {
    let mut etcd = Etcd::start();
    etcd.put(KEY, ACME);
    let watch = Watch::start(&source(&etcd, KEY), &["--dial-timeout", "5s"]);
    watch.next("live");
    etcd.kill();
    assert!(watch.next("stale")["for_ms"].is_u64());
    etcd.restart();
    watch.next("live");
    publish(&etcd, BETA, &[]);
    assert_eq!(watch.next("applied")["revision"], 3);
    assert_eq!(watch.end("-INT"), 0);
}

#[test]
fn mutual_tls_and_a_user_are_shown_as_etcdctl_shows_them() {
    let etcd = Etcd::builder().tls(Tls::Mutual).root_password("hunter2").start();
    let files = etcd.certificates();
    let paths = [files.ca(), files.client_certificate(), files.client_key()];
    let [ca, certificate, key] = paths.each_ref().map(|path| path.to_str().expect("a plain path"));
    let source = source(&etcd, KEY);
    let known =
        ["--source", &source, "--cacert", ca, "--cert", certificate, "--key", key, "--format", "json"];
    let user = ["--user", "root:hunter2"];
    let run = aldis_reading(ACME.as_bytes(), &[&["publish", "-"], &known[..], &user].concat());
    assert_eq!(run.code, 0, "{}", run.err);
    let watch = Watch::start(&source, &[&known[2..8], &user].concat());
    assert_eq!(watch.next("applied")["directives"], 1);
    let mut by_environment = command(&[&["get"], &known[..2]].concat());
    by_environment.env("ETCDCTL_CACERT", ca).env("ETCDCTL_CERT", certificate).env("ETCDCTL_KEY", key);
    by_environment.env("ETCDCTL_USER", "root").env("ETCDCTL_PASSWORD", "hunter2");
    assert!(by_environment.output().expect("aldis runs").status.success());
    let wrong = aldis(&[&["get", "--user", "root:swordfish"], &known[..]].concat());
    assert!(
        wrong.code == 2 && wrong.err.contains("not permitted") && !wrong.err.contains("swordfish"),
        "{}",
        wrong.err
    );
    let unknown = aldis(&["get", "--source", &source, "--cacert", ca]);
    assert!(unknown.code == 2 && unknown.err.contains("client certificate"), "{}", unknown.err);
}

#[test]
fn a_relay_gives_on_what_etcd_has_and_publishes_to_it() {
    each_etcd(|etcd| {
        let folder = tempfile::tempdir().expect("a folder");
        let tokens = folder.path().join("tokens");
        std::fs::write(&tokens, TOKEN).expect("is written");
        let tokens = tokens.to_str().expect("plain characters");
        let served = Served::start(&["--source", &source(&etcd, KEY), "--token-file", tokens]);
        etcd.put(KEY, ACME);
        served.until_revision(2);
        let etag = served.get("/v1/directives").header("etag").to_owned();
        let put = Question::put("/v1/directives", BETA).header("if-match", etag.clone());
        let answer = served.ask(put.clone().header("authorization", format!("Bearer {TOKEN}")));
        assert_eq!((answer.status, &answer.json()["revision"]), (200, &json!(3)), "{}", answer.text());
        assert_eq!(decide(&etcd, "beta")["level"], "ShapeTiming");
        let answer = served.ask(put.header("authorization", format!("Bearer {TOKEN}")));
        assert_eq!((answer.status, answer.reason()), (412, "conflict".to_owned()));
        // One that nobody saw coming: straight to etcd, between the reading and the writing.
        let digest = on(&etcd, &["get"]).json()["digest"].clone();
        assert_eq!(served.get("/v1/image").header("aldis-digest"), digest.as_str().expect("is text"));
        assert_eq!(served.end("-TERM"), 0);
    });
}

#[test]
fn while_etcd_is_down_a_relay_serves_what_was_good_also_after_a_restart() {
    let mut etcd = Etcd::start();
    let state = tempfile::tempdir().expect("a folder");
    let state = state.path().to_str().expect("plain characters");
    let tokens = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(tokens.path(), TOKEN).expect("is written");
    let tokens = tokens.path().to_str().expect("plain characters");
    let source = source(&etcd, KEY);
    let source = ["--source", &source, "--token-file", tokens];
    let arguments =
        [&source[..], &["--state-dir", state, "--stale-after", "1s", "--dial-timeout", "1s"]].concat();
    let served = Served::start(&arguments);
    etcd.put(KEY, ACME);
    served.until_revision(2);
    let document = served.get("/v1/directives").text().to_owned();
    etcd.kill();
    eventually_blocking("it is no longer ready", SOON, || served.get("/readyz").status == 503);
    assert_eq!(served.get("/v1/directives").text(), document);
    assert_eq!(served.get("/v1/image").header("aldis-state"), "stale");
    assert_eq!(served.end("-TERM"), 0);

    let served = Served::start(&arguments);
    let again = served.get("/v1/directives");
    assert_eq!((again.text(), again.header("aldis-state")), (&*document, "stale"));
    assert_eq!(served.get("/readyz").status, 503, "nothing was confirmed yet");
    etcd.restart();
    eventually_blocking("it is ready", SOON, || served.get("/readyz").status == 200);
    etcd.put(KEY, BETA);
    served.until_revision(3);
    assert_eq!(served.end("-INT"), 0);
}
