//! Chromium, driven as a person would: a fresh profile for each, which is gone with it.

use std::env;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::port::free_port;

/// How long Chromium may take to start, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// Without a sandbox, which root cannot have; without anything that would call home.
const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
];

/// A Chromium with one window, and the driver it is spoken to through.
pub struct Browser {
    /// What drives it.
    pub client: Client,
    driver: Child,
    profile: TempDir,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// If there is none: `cargo xtask test` gets what is missing.
    pub async fn start() -> Self {
        let program = |name: &str, otherwise: &str| env::var_os(name).unwrap_or_else(|| otherwise.into());
        let profile = tempfile::tempdir().expect("a scratch folder");
        let port = free_port();
        let mut driver = Command::new(program("ALDIS_CHROMEDRIVER", "chromedriver"));
        driver.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = driver.spawn().unwrap_or_else(|error| {
            panic!("no chromedriver ({error}); run `cargo xtask test`, which gets what is missing")
        });
        let data = format!("--user-data-dir={}", profile.path().display());
        let arguments: Vec<_> = ARGUMENTS.iter().copied().chain([data.as_str()]).collect();
        let chromium = program("ALDIS_CHROMIUM", "chromium");
        let capabilities = json!({
            "goog:chromeOptions": {"binary": chromium.to_string_lossy(), "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let mut browser = Self { client: connect(port, &capabilities).await, driver, profile };
        browser.resize(1280, 900).await;
        browser
    }

    /// Gives the window this size, in pixels of CSS; phones come as narrow as they are.
    ///
    /// # Panics
    ///
    /// If the browser is gone.
    pub async fn resize(&mut self, width: u32, height: u32) {
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}),
        )
        .await;
    }

    /// Says what the person prefers: `dark` or `light`.
    ///
    /// # Panics
    ///
    /// If the browser is gone.
    pub async fn prefer(&mut self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.cdp("Emulation.setEmulatedMedia", features).await;
    }

    /// Goes there.
    ///
    /// # Panics
    ///
    /// If the browser is gone.
    pub async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// What a function body returns, or its promise.
    ///
    /// # Panics
    ///
    /// If it throws.
    pub async fn run(&self, body: &str, arguments: Value) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; const given = arguments[0];
             (async () => {{ {body} }})().then((ok) => done({{ok: ok ?? null}}), (error) => done({{error: String(error.stack ?? error)}}));"
        );
        let answer = self.client.execute_async(&script, vec![arguments]).await;
        let answer = answer.unwrap_or_else(|error| panic!("{body}: {error}"));
        assert!(answer["error"].is_null(), "{body}: {}", answer["error"]);
        answer["ok"].clone()
    }

    /// Strikes keys one after the other, wherever the focus is.
    ///
    /// # Panics
    ///
    /// If the browser is gone.
    pub async fn strike(&self, keys: &str) {
        let strokes: Vec<_> =
            keys.chars().flat_map(|key| [stroke("keyDown", key), stroke("keyUp", key)]).collect();
        self.perform(strokes).await;
    }

    /// Strikes a key while another is held.
    ///
    /// # Panics
    ///
    /// If the browser is gone.
    pub async fn chord(&self, held: char, key: char) {
        let strokes = [("keyDown", held), ("keyDown", key), ("keyUp", key), ("keyUp", held)];
        self.perform(strokes.map(|(kind, key)| stroke(kind, key)).to_vec()).await;
    }

    /// Moves the mouse there, in pixels of the window.
    ///
    /// # Panics
    ///
    /// If the browser is gone.
    pub async fn point(&self, x: &Value, y: &Value) {
        let to = json!({"type": "pointerMove", "duration": 50, "x": x, "y": y});
        let mouse = json!({"type": "pointer", "id": "mouse", "actions": [to]});
        self.command("actions", json!({"actions": [mouse]})).await;
    }

    async fn perform(&self, strokes: Vec<Value>) {
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes});
        self.command("actions", json!({"actions": [keyboard]})).await;
    }

    /// Writes a picture of the window, if `ALDIS_SCREENSHOTS` names a folder for them.
    ///
    /// # Panics
    ///
    /// If the picture cannot be written.
    pub async fn picture(&self, name: &str) {
        let Some(folder) = env::var_os("ALDIS_SCREENSHOTS") else { return };
        let picture = self.client.screenshot().await.expect("a picture");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(Path::new(&folder).join(format!("{name}.png")), picture).expect("is written");
    }

    /// What the page has complained of since this was last asked: errors, refusals of its policy, requests that failed.
    ///
    /// # Panics
    ///
    /// If the browser is gone.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.command("se/log", json!({"type": "browser"})).await;
        let severe = log.as_array().into_iter().flatten().filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| entry["message"].to_string()).collect()
    }

    /// A command of the protocol under WebDriver.
    async fn cdp(&self, command: &str, parameters: Value) -> Value {
        self.command("goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    async fn command(&self, path: &'static str, body: Value) -> Value {
        let answer = self.client.issue_cmd(Extension { path, body }).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Ends it.
    pub async fn end(self) {
        // It may be gone already.
        let _ = self.client.clone().close().await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        // A driver that is killed leaves its Chromium behind, and so does a test that fails.
        end_all_with(self.profile.path());
    }
}

/// Ends every process that was started with this profile: Chromium has one for each task, in groups of their own.
fn end_all_with(profile: &Path) {
    let profile = profile.as_os_str().as_bytes();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let id = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let told = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if let Some(id) = id.filter(|_| told.windows(profile.len()).any(|part| part == profile)) {
            // It may have ended meanwhile.
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

fn stroke(kind: &str, key: char) -> Value {
    json!({"type": kind, "value": key.to_string()})
}

/// Keys without a letter, as WebDriver names them.
pub mod key {
    #![allow(missing_docs, reason = "they are named by what stands on them")]
    pub const BACKSPACE: char = '\u{e003}';
    pub const TAB: char = '\u{e004}';
    pub const ENTER: char = '\u{e007}';
    pub const SHIFT: char = '\u{e008}';
    pub const CONTROL: char = '\u{e009}';
    pub const ESCAPE: char = '\u{e00c}';
    pub const DOWN: char = '\u{e015}';
    pub const F8: char = '\u{e038}';
}

/// What only this driver knows, or only this rig.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl fantoccini::wd::WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _url: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// A driver that has just been started does not listen yet.
async fn connect(port: u16, capabilities: &Value) -> Client {
    let begun = std::time::Instant::now();
    let capabilities = capabilities.as_object().cloned().unwrap_or_default();
    loop {
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.clone());
        match builder.connect(&format!("http://127.0.0.1:{port}")).await {
            Ok(client) => return client,
            Err(error) if begun.elapsed() > PATIENCE => panic!("Chromium does not start: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
