//! A relay for one test.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::EtcdDirectiveStore;
use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Key, KvWriter, Scope};
use aldis_etcd::relay::{Limits, Publishing, Relay, Tokens};
use rig::http::{Answer, Client, Question, ask};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What may publish.
pub(crate) const TOKEN: &str = "0123456789abcdef";
/// The key that is followed.
pub(crate) const KEY: &str = "aldis/directives";
/// Nothing.
pub(crate) const EMPTY: &str = r#"{"directives":[]}"#;
/// One directive, until 2040.
pub(crate) const ONE: &str =
    r#"{"directives":[{"id":"a","level":"Shape","expires_at":"2040-01-01T00:00:00Z","tenant":"acme"}]}"#;
/// Another.
pub(crate) const OTHER: &str = r#"{"directives":[{"id":"b","level":"ShapeTiming","expires_at":"2040-01-01T00:00:00Z","tenant":"acme"}]}"#;
/// None at all.
pub(crate) const MALFORMED: &str = r#"{"directives":[{"id":"a","levl":"Shape"}]}"#;

/// Long enough for what should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A relay that serves, over a backend that the test can write to.
pub(crate) struct Served {
    pub(crate) kv: MemoryKv,
    pub(crate) store: EtcdDirectiveStore,
    pub(crate) address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    serving: JoinHandle<std::io::Result<()>>,
    tokens: TempDir,
}

/// How it differs from the usual.
pub(crate) struct Setting {
    pub(crate) limits: Limits,
    pub(crate) scope: &'static str,
    pub(crate) publishes: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self { limits: Limits::STANDARD, scope: KEY, publishes: true }
    }
}

impl Served {
    pub(crate) async fn start() -> Self {
        Self::with(Setting::default()).await
    }

    pub(crate) async fn limited(limits: Limits) -> Self {
        Self::with(Setting { limits, ..Setting::default() }).await
    }

    pub(crate) async fn with(setting: Setting) -> Self {
        let kv = MemoryKv::new();
        let store = EtcdDirectiveStore::over(Arc::new(kv.clone())).scope(setting.scope).connect().await;
        Self::over(store.expect("starts"), kv, setting).await
    }

    /// Serves what this store follows.
    pub(crate) async fn over(store: EtcdDirectiveStore, kv: MemoryKv, setting: Setting) -> Self {
        let tokens = tempfile::tempdir().expect("a folder");
        let file = tokens.path().join("tokens");
        fs::write(&file, format!("{TOKEN}\n")).expect("can be written");
        let mut relay =
            Relay::new(store.clone()).limits(setting.limits).metrics(Arc::new(|| "counted 1\n".to_owned()));
        if setting.publishes {
            let tokens = Tokens::open(file).expect("holds a token");
            relay =
                relay.publishing(Publishing::new(Arc::new(kv.clone()), Scope::parse(setting.scope), tokens));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("is bound");
        let (end, ended) = oneshot::channel::<()>();
        let serving = tokio::spawn(relay.serve(listener, async {
            let _ = ended.await;
        }));
        Self { kv, store, address, end: Some(end), serving, tokens }
    }

    /// `http://127.0.0.1:port`
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One question over a connection of its own.
    pub(crate) async fn ask(&self, question: Question) -> Answer {
        ask(self.address, question).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Question::get(path)).await
    }

    /// Writes past the relay, as somebody with access to etcd would, and waits for the relay to have seen it.
    pub(crate) async fn put(&self, body: &str) {
        self.put_under(KEY, body).await;
    }

    pub(crate) async fn put_under(&self, key: &str, body: &str) {
        let mut changes = self.store.changes();
        self.kv.put(&Key::from(key), body.as_bytes()).await.expect("is written");
        let seen = tokio::time::timeout(SOON, changes.next()).await;
        seen.expect("is seen").expect("the store lives");
    }

    /// The tokens are these from now on.
    pub(crate) fn set_tokens(&self, text: &str) {
        fs::write(self.tokens.path().join("tokens"), text).expect("can be written");
    }

    /// Tells it to end.
    pub(crate) fn tell_to_end(&mut self) {
        self.end.take();
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) {
        let ended = tokio::time::timeout(SOON, &mut self.serving).await;
        ended.expect("ends").expect("does not panic").expect("had its address");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// With the right to publish.
pub(crate) fn allowed(question: Question) -> Question {
    question.header("authorization", format!("Bearer {TOKEN}"))
}
