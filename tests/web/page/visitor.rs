//! Somebody who looks at the page.

use std::env;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rig::browser::{Browser, key};
use rig::site::Site;
use serde_json::{Value, json};

/// Long enough for what should happen at once, on a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A browser with the page open.
pub(crate) struct Visitor {
    pub(crate) browser: Browser,
}

/// A folder that `cargo xtask web` has built.
pub(crate) fn built(folder: &str) -> PathBuf {
    let web = env::var_os("ALDIS_WEB").expect("run `cargo xtask test`, which builds the page");
    Path::new(&web).join(folder)
}

/// The page on a host that only has files.
pub(crate) async fn static_page() -> (Site, Visitor) {
    let site = Site::of(&built("page")).await;
    let visitor = Visitor::at(&site.url("")).await;
    (site, visitor)
}

impl Visitor {
    pub(crate) async fn at(url: &str) -> Self {
        let visitor = Self { browser: Browser::start().await };
        visitor.goes_to(url).await;
        visitor
    }

    pub(crate) async fn goes_to(&self, url: &str) {
        self.browser.goto(url).await;
        self.sees("the page is ready", "return document.documentElement.dataset.ready === 'true'").await;
    }

    /// Waits until the page answers true.
    pub(crate) async fn sees(&self, what: &str, condition: &str) {
        let begun = Instant::now();
        while self.browser.run(condition, Value::Null).await != json!(true) {
            if begun.elapsed() > PATIENCE {
                let page = self.browser.run("return document.body.innerText", Value::Null).await;
                panic!(
                    "not seen: {what}\n{}\n{:?}",
                    page.as_str().unwrap_or(""),
                    self.browser.complaints().await
                );
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Waits until an element says something with these words in it.
    pub(crate) async fn reads(&self, id: &str, words: &str) {
        let (id, words) = (json!(id), json!(words));
        let what = format!("#{id} says {words}");
        self.sees(&what, &format!("return document.getElementById({id}).textContent.includes({words})"))
            .await;
    }

    pub(crate) async fn text(&self, id: &str) -> String {
        let text = self.browser.run("return document.getElementById(given).textContent", json!(id)).await;
        text.as_str().expect("is text").to_owned()
    }

    pub(crate) async fn clicks(&self, selector: &str) {
        self.browser.run("document.querySelector(given).click()", json!(selector)).await;
    }

    /// Puts the cursor into the editor.
    pub(crate) async fn enters_the_editor(&self) {
        self.browser
            .run(
                "document.querySelector('#editor').shadowRoot.querySelector('.cm-content').focus()",
                Value::Null,
            )
            .await;
    }

    /// Replaces all that stands in the editor by typing.
    pub(crate) async fn types(&self, text: &str) {
        self.enters_the_editor().await;
        self.browser.chord(key::CONTROL, 'a').await;
        self.browser.strike(&key::BACKSPACE.to_string()).await;
        self.browser.strike(text).await;
    }

    /// Replaces all that stands in the editor by what is on the clipboard.
    pub(crate) async fn pastes(&self, text: &str) {
        self.enters_the_editor().await;
        self.browser.chord(key::CONTROL, 'a').await;
        self.browser.run(PASTE, json!({"text": text})).await;
    }

    /// The same with what lies at an address of the page's own host.
    pub(crate) async fn pastes_from(&self, path: &str) {
        self.enters_the_editor().await;
        self.browser.chord(key::CONTROL, 'a').await;
        self.browser.run(PASTE, json!({"path": path})).await;
    }

    /// What stands in a field of a form, by its name.
    pub(crate) async fn fills(&self, name: &str, value: &str) {
        let fill = "const field = document.querySelector(`[name=${given.name}], #${given.name}`);
            field.value = given.value; field.dispatchEvent(new Event('input', {bubbles: true}));";
        self.browser.run(fill, json!({"name": name, "value": value})).await;
    }

    /// All the text of the editor that is in view.
    pub(crate) async fn document(&self) -> String {
        let read = "return [...document.querySelector('#editor').shadowRoot.querySelectorAll('.cm-line')].map((line) => line.textContent).join('\\n')";
        self.browser.run(read, Value::Null).await.as_str().expect("is text").to_owned()
    }

    /// Nothing was complained of, by the page or by its policy.
    pub(crate) async fn has_no_complaints(&self) {
        let mut complaints = self.browser.complaints().await;
        // A host without a relay says so by a 404.
        complaints.retain(|line| !line.contains("v1/directives"));
        assert_eq!(complaints, Vec::<String>::new());
    }
}

/// Puts what is given, as text or by its address, where the cursor is.
pub(crate) const PASTE: &str = "
    const text = given.text ?? await (await fetch(given.path)).text();
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', text);
    document.querySelector('#editor').shadowRoot.querySelector('.cm-content')
        .dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true, cancelable: true}));";
