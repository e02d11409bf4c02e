//! The page of a relay: what is live, following it, and publishing.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use aldis_etcd::EtcdDirectiveStore;
use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Key, KvReader, KvWriter, Scope};
use aldis_etcd::relay::{Page, Publishing, Relay, Tokens};
use rig::etcd::Etcd;
use rig::eventually;
use rig::http::{Question, ask};
use rig::link::Link;
use rig::site::Site;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::visitor::{PATIENCE, Visitor, built};

const TOKEN: &str = "0123456789abcdef";
const KEY: &str = "aldis/directives";
const ONE: &str =
    r#"{"directives":[{"id":"one","level":"Shape","expires_at":"2040-01-01T00:00:00Z","tenant":"acme"}]}"#;
const TWO: &str = r#"{"directives":[{"id":"two","level":"ShapeTiming","expires_at":"2040-01-01T00:00:00Z","tenant":"bolt"}]}"#;

/// A relay with the page.
pub(crate) struct Served {
    pub(crate) kv: MemoryKv,
    pub(crate) address: SocketAddr,
    serving: JoinHandle<std::io::Result<()>>,
    _tokens: TempDir,
}

impl Served {
    /// Over the embedded backend, with publishing.
    pub(crate) async fn start() -> Self {
        let kv = MemoryKv::new();
        let store = EtcdDirectiveStore::over(Arc::new(kv.clone())).scope(KEY).connect().await;
        Self::over(store.expect("starts"), kv).await
    }

    async fn over(store: EtcdDirectiveStore, kv: MemoryKv) -> Self {
        let tokens = tempfile::tempdir().expect("a folder");
        fs::write(tokens.path().join("tokens"), format!("{TOKEN}\n")).expect("can be written");
        let known = Tokens::open(tokens.path().join("tokens")).expect("holds a token");
        let relay = Relay::new(store)
            .publishing(Publishing::new(Arc::new(kv.clone()), Scope::parse(KEY), known))
            .page(Page::open(&built("page")).expect("is built"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("is bound");
        let serving = tokio::spawn(relay.serve(listener, std::future::pending()));
        Self { kv, address, serving, _tokens: tokens }
    }

    pub(crate) async fn put(&self, body: &str) {
        self.kv.put(&Key::from(KEY), body.as_bytes()).await.expect("is written");
    }

    async fn holds(&self) -> String {
        let (_, entry) = self.kv.get(&Key::from(KEY)).await.expect("answers");
        entry.map(|entry| String::from_utf8_lossy(&entry.value).into_owned()).unwrap_or_default()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[tokio::test]
async fn a_flip_in_etcd_is_seen_through_the_relay() {
    let etcd = Etcd::start();
    etcd.put(KEY, ONE);
    let store =
        EtcdDirectiveStore::builder([etcd.endpoint()]).scope(KEY).connect().await.expect("etcd answers");
    let served = Served::over(store, MemoryKv::new()).await;
    let visitor = Visitor::at(&served.url()).await;
    visitor.reads("freshness", "live").await;
    visitor.reads("standing", "revision 2").await;
    visitor.reads("reach", "every request of tenant acme").await;
    visitor.reads("difference", "The document is what is live.").await;
    etcd.put(KEY, TWO);
    visitor.reads("standing", "revision 3").await;
    // The editor keeps what the person has; the difference says what is between.
    visitor.reads("difference", "1 directive comes, 1 directive goes.").await;
    visitor.clicks("#load-live").await;
    visitor.reads("reach", "every request of tenant bolt").await;
    visitor.reads("difference", "The document is what is live.").await;
    etcd.put(KEY, r#"{"directives":[{"id":"x","levl":"Shape"}]}"#);
    visitor.reads("published", "revision 4 is refused: unknown field").await;
    visitor.reads("standing", "revision 3").await;
    visitor.has_no_complaints().await;
}

#[tokio::test]
async fn a_document_is_published_after_a_confirmation_and_over_nothing_newer() {
    let served = Served::start().await;
    served.put(ONE).await;
    let visitor = Visitor::at(&served.url()).await;
    visitor.reads("freshness", "live").await;
    visitor.pastes(&ONE.replace("Shape", "ShapeTiming")).await;
    visitor.reads("changes", "~ one: level").await;
    let is_off = "return document.getElementById('ask').disabled";
    visitor.sees("nobody publishes without a token", is_off).await;
    visitor.fills("token", "a wrong token that is long").await;
    visitor.clicks("#ask").await;
    visitor.reads("confirm-text", "1 directive changes.").await;
    visitor.browser.picture("confirm").await;
    visitor.clicks("#no").await;
    assert_eq!(served.holds().await, ONE, "nothing is published before somebody says yes");
    visitor.clicks("#ask").await;
    visitor.clicks("#yes").await;
    visitor.reads("published", "[unauthorized]").await;
    assert_eq!(served.holds().await, ONE);
    visitor.fills("token", TOKEN).await;
    visitor.clicks("#ask").await;
    visitor.clicks("#yes").await;
    visitor.reads("published", "Published as revision 3.").await;
    visitor.reads("standing", "revision 3").await;
    visitor.reads("difference", "The document is what is live.").await;
    assert!(served.holds().await.contains("ShapeTiming"));

    // Somebody else is faster, while the question still stands: what was said yes to is no longer what would happen.
    visitor.pastes(&ONE.replace("acme", "bolt")).await;
    visitor.reads("changes", "~ one:").await;
    visitor.clicks("#ask").await;
    visitor
        .sees("nothing is published by a key struck too often", "return document.activeElement.id === 'no'")
        .await;
    served.put(TWO).await;
    visitor.reads("standing", "revision 4").await;
    visitor.reads("changes", "− two").await;
    visitor.clicks("#yes").await;
    visitor.reads("published", "[conflict]").await;
    assert_eq!(served.holds().await, TWO);
}

#[tokio::test]
async fn everybody_is_only_reached_by_whoever_says_so() {
    let served = Served::start().await;
    let visitor = Visitor::at(&served.url()).await;
    visitor.reads("freshness", "live").await;
    visitor.pastes(r#"{"directives":[{"id":"wide","level":"Shape","ttl_secs":600}]}"#).await;
    visitor.reads("changes", "+ wide").await;
    visitor.fills("token", TOKEN).await;
    visitor.clicks("#ask").await;
    visitor
        .sees(
            "it must be said",
            "return !document.getElementById('fleet').hidden && document.getElementById('yes').disabled",
        )
        .await;
    visitor.clicks("#fleet-wide").await;
    visitor.sees("it is said", "return !document.getElementById('yes').disabled").await;
    visitor.clicks("#yes").await;
    visitor.reads("published", "Published as revision").await;
    assert!(served.holds().await.contains("expires_at"), "lifetimes are absolute");
}

/// Whether every request of the fleet is met is no matter of how many warnings are shown.
#[tokio::test]
async fn everybody_is_asked_for_behind_a_hundred_warnings_too() {
    let served = Served::start().await;
    let visitor = Visitor::at(&served.url()).await;
    visitor.reads("freshness", "live").await;
    let warned =
        |place| format!(r#"{{"id":"w{place}","level":"Shape","ttl_secs":600,"capture":true,"index":"i"}},"#);
    let warned: String = (0..100).map(warned).collect();
    let wide = r#"{"id":"wide","level":"Shape","ttl_secs":600}"#;
    visitor.pastes(&format!(r#"{{"directives":[{warned}{wide}]}}"#)).await;
    visitor.reads("difference", "101 directives come.").await;
    visitor.fills("token", TOKEN).await;
    visitor.clicks("#ask").await;
    visitor.sees("the question stands", "return document.getElementById('confirm').open").await;
    visitor.sees("it must be said", "return !document.getElementById('fleet').hidden").await;
}

/// Loses the answers from the moment on at which the relay has published: those to later questions, or to that one as well.
/// Until `window.answersCome`.
const LOSE: &str = "
    const fetched = window.fetch;
    let isPublished = false;
    window.fetch = async (...asked) => {
        const isPut = (asked[0].method ?? asked[1]?.method) === 'PUT';
        if (isPublished && !isPut && !window.answersCome) throw new TypeError('Failed to fetch');
        const answer = await fetched(...asked);
        isPublished ||= isPut && answer.ok;
        if (isPut && given === 'all') throw new TypeError('Failed to fetch');
        return answer;
    };";

#[tokio::test]
async fn what_is_published_is_not_unsaid_by_answers_that_are_lost() {
    for (lost, said) in
        [("later", "Published as revision 3."), ("all", "No answer: it may have been published.")]
    {
        let served = Served::start().await;
        served.put(ONE).await;
        let visitor = Visitor::at(&served.url()).await;
        visitor.reads("freshness", "live").await;
        visitor.browser.run(LOSE, json!(lost)).await;
        visitor.pastes(&ONE.replace("Shape", "ShapeTiming")).await;
        visitor.reads("changes", "~ one: level").await;
        visitor.fills("token", TOKEN).await;
        visitor.clicks("#ask").await;
        visitor.clicks("#yes").await;
        let is_said =
            "return !['', 'Publishing…'].includes(document.getElementById('published').textContent)";
        visitor.sees("something is said", is_said).await;
        visitor.reads("freshness", "the relay does not answer").await;
        assert!(served.holds().await.contains("ShapeTiming"));
        let published = visitor.text("published").await;
        assert!(published.starts_with(said), "{published}");
        // Nothing happens at the relay any more: the page asks by itself.
        visitor.browser.run("window.answersCome = true", json!(null)).await;
        visitor.reads("freshness", "live").await;
        visitor.reads("standing", "revision 3").await;
        visitor.reads("difference", "The document is what is live.").await;
    }
}

/// Of a stream that goes on the relay tells what was missed, so nothing if nothing was.
#[tokio::test]
async fn a_relay_that_is_there_again_is_live_again() {
    let served = Served::start().await;
    served.put(ONE).await;
    let link = Link::to(served.address);
    let visitor = Visitor::at(&link.endpoint()).await;
    visitor.reads("freshness", "live").await;
    visitor.reads("standing", "revision 2").await;
    link.cut();
    visitor.reads("freshness", "the relay does not answer").await;
    link.listen();
    visitor.reads("freshness", "live").await;
    link.cut();
    visitor.reads("freshness", "the relay does not answer").await;
    served.put(TWO).await;
    link.listen();
    visitor.reads("freshness", "live").await;
    visitor.reads("standing", "revision 3").await;
}

/// Keeps the next answer that has come, until `window.letGo()`.
const KEEP: &str = "
    const fetched = window.fetch;
    window.fetch = async (...asked) => {
        window.fetch = fetched;
        const answer = await fetched(...asked);
        await new Promise((yes) => { window.letGo = yes; });
        return answer;
    };";

#[tokio::test]
async fn a_late_answer_does_not_unsay_that_the_source_is_lost() {
    let mut etcd = Etcd::start();
    etcd.put(KEY, ONE);
    let store =
        EtcdDirectiveStore::builder([etcd.endpoint()]).scope(KEY).connect().await.expect("etcd answers");
    let served = Served::over(store, MemoryKv::new()).await;
    let link = Link::to(served.address);
    let visitor = Visitor::at(&link.endpoint()).await;
    visitor.reads("freshness", "live").await;
    link.cut();
    visitor.reads("freshness", "the relay does not answer").await;
    visitor.browser.run(KEEP, json!(null)).await;
    link.listen();
    visitor.sees("an answer is kept", "return window.letGo !== undefined").await;
    etcd.kill();
    visitor.reads("freshness", "source").await;
    let told = "window.letGo(); await new Promise((yes) => setTimeout(yes, 500));
        return document.getElementById('freshness').textContent.includes('source')";
    assert_eq!(visitor.browser.run(told, json!(null)).await, json!(true));
}

/// After an answer that is an error, as a proxy gives one for a relay that starts anew, the browser does not connect again.
#[tokio::test]
async fn a_relay_that_others_answered_for_is_live_again() {
    let served = Served::start().await;
    served.put(ONE).await;
    let other = Site::of(&built("page")).await;
    let link = Link::to(served.address);
    let visitor = Visitor::at(&link.endpoint()).await;
    visitor.reads("freshness", "live").await;
    link.lead_to(other.address);
    link.close_existing();
    let is_refused = || other.asked().iter().any(|line| line == "GET /v1/events");
    eventually("the stream is asked for, and refused", PATIENCE, is_refused).await;
    visitor.reads("freshness", "the relay does not answer").await;
    served.put(TWO).await;
    link.lead_to(served.address);
    link.close_existing();
    visitor.reads("freshness", "live").await;
    visitor.reads("standing", "revision 3").await;
}

/// A token that cannot stand in a header is never sent.
#[tokio::test]
async fn what_was_not_sent_is_not_published() {
    let served = Served::start().await;
    let visitor = Visitor::at(&served.url()).await;
    visitor.reads("freshness", "live").await;
    visitor.pastes(ONE).await;
    visitor.reads("changes", "+ one").await;
    visitor.fills("token", "пароль").await;
    visitor.clicks("#ask").await;
    visitor.clicks("#yes").await;
    visitor.reads("published", "Not published: TypeError").await;
}

#[tokio::test]
async fn the_relay_serves_the_files_and_nothing_beside_them() {
    let served = Served::start().await;
    let get = |path: &'static str| ask(served.address, Question::get(path));
    let index = get("/").await;
    assert_eq!(index.status, 200);
    let policy = index.header("content-security-policy").to_owned();
    for part in ["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe-inline") && !policy.contains("http"));
    // A static host cannot say it, so the page says the same of itself; but for frames, which only a header can.
    let meta =
        index.text().split_once("http-equiv=\"Content-Security-Policy\" content=\"").expect("is there").1;
    let meta = meta.split_once('"').expect("ends").0;
    assert_eq!(policy, format!("{meta}; frame-ancestors 'none'"));
    assert_eq!(index.header("x-content-type-options"), "nosniff");
    let etag = index.header("etag").to_owned();
    let again = ask(served.address, Question::get("/").header("if-none-match", etag)).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    for (path, kind) in [
        ("/main.js", "text/javascript"),
        ("/aldis_web_bg.wasm", "application/wasm"),
        ("/style.css", "text/css"),
    ] {
        let file = get(path).await;
        assert_eq!(file.status, 200, "{path}");
        assert!(file.header("content-type").starts_with(kind), "{path}");
    }
    for path in [
        "/index.html",
        "/../pkg/package.json",
        "/%2e%2e/pkg/package.json",
        "//main.js",
        "/main.js/",
        "/stage",
    ] {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
    assert_eq!(ask(served.address, Question::post("/main.js", "x")).await.status, 405);
}
