//! The package in Chromium: every vector.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

#[path = "web/asked.rs"]
mod asked;

use std::env;
use std::path::Path;

use asked::{Asked, Runtime};
use rig::browser::Browser;
use rig::site::Site;
use rig::vectors::{all, differences};
use serde_json::{Value, json};
use tokio::runtime::Handle;

struct Chromium {
    browser: Browser,
    site: Site,
}

impl Chromium {
    async fn start() -> Self {
        let web = env::var_os("ALDIS_WEB").expect("run `cargo xtask test`, which builds the package");
        let site = Site::of(&Path::new(&web).join("pkg")).await;
        site.put("/index.html", "<!doctype html><title>vectors</title>");
        site.put("/engine.mjs", include_str!("web/engine.mjs"));
        let browser = Browser::start().await;
        browser.goto(&site.url("")).await;
        let ready = "const api = await import('/aldis_web.js'); await api.default();
            const { engine } = await import('/engine.mjs'); window.ask = engine(api); return true;";
        assert_eq!(browser.run(ready, Value::Null).await, json!(true));
        Self { browser, site }
    }
}

impl Runtime for Chromium {
    fn name(&self) -> &str {
        "the package in chromium"
    }

    fn hand_over(&mut self, document: &[u8]) -> Value {
        self.site.put("/document", document.to_vec());
        json!({})
    }

    fn call(&mut self, call: Value) -> Value {
        let ask = "return window.ask(given, async () => new Uint8Array(await (await fetch('/document')).arrayBuffer()));";
        Handle::current().block_on(self.browser.run(ask, call))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vector_holds_in_chromium() {
    let chromium = Chromium::start().await;
    let differences = tokio::task::spawn_blocking(move || {
        let cases = all();
        assert!(cases.len() >= 400, "only {} vectors", cases.len());
        differences(&mut Asked(chromium), &cases)
    });
    let differences = differences.await.expect("says what differs");
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
