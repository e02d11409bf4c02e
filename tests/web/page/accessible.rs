//! For everybody: axe finds nothing, in both themes and at phone width, and the keyboard suffices.

use std::fs;

use rig::browser::key;
use serde_json::{Value, json};

use crate::live::Served;
use crate::visitor::{Visitor, built, static_page};

const WARNED: &str = r#"{"directives":[{"id":"why-slow","level":"ShapeTiming","ttl_secs":1380,"tenant":"acme","endpoint":"Search","sample_per_mille":250},
{"id":"wide","level":"Shape","ttl_secs":600,"capture":true},{"id":"later","level":"Off","suppress":true,"not_before":"2039-01-01T00:00:00Z","expires_at":"2039-01-02T00:00:00Z","index":"orders"}]}"#;

impl Visitor {
    /// What axe finds: the rule and the element.
    async fn violations(&self) -> Vec<String> {
        // Its source is run by the driver, which no policy of the page concerns.
        let axe =
            fs::read_to_string(built("stage/node_modules/axe-core/axe.min.js")).expect("npm fetched it");
        self.browser
            .client
            .execute(&format!("{axe}; window.axe = axe;"), Vec::new())
            .await
            .expect("axe loads");
        let run = "const found = await axe.run(document, {resultTypes: ['violations']});
            return [found.passes.length, found.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)} ${node.any.map((it) => it.message)}`))];";
        let found = self.browser.run(run, Value::Null).await;
        assert!(found[0].as_u64().is_some_and(|passes| passes > 10), "axe looked at next to nothing");
        serde_json::from_value(found[1].clone()).expect("lines")
    }

    async fn is_accessible(&self, name: &str) {
        self.browser.picture(name).await;
        assert_eq!(self.violations().await, Vec::<String>::new(), "{name}");
        let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(
            self.browser.run(overflow, Value::Null).await,
            json!(0),
            "{name} is wider than the window"
        );
    }
}

#[tokio::test]
async fn axe_finds_nothing_in_either_theme_and_at_phone_width() {
    let served = Served::start().await;
    served.put(WARNED).await;
    let mut visitor = Visitor::at(&served.url()).await;
    visitor.reads("freshness", "live").await;
    visitor.reads("reach", "every request of the fleet").await;
    visitor.pastes(&WARNED.replace("ShapeTiming", "ShapeRewriteDiff")).await;
    visitor.reads("changes", "~ why-slow: level").await;
    for theme in ["light", "dark"] {
        visitor.browser.prefer(theme).await;
        for (width, height) in [(1280, 1700), (360, 3000)] {
            visitor.browser.resize(width, height).await;
            visitor.is_accessible(&format!("{theme}-{width}")).await;
        }
    }
    visitor.browser.resize(1280, 900).await;
    visitor.fills("token", "0123456789abcdef").await;
    visitor.clicks("#ask").await;
    visitor.is_accessible("dialog").await;
    visitor.clicks("#no").await;
    visitor.pastes(r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"tennant":"acme"}]}"#).await;
    visitor.reads("verdict", "Refused").await;
    visitor.is_accessible("refused").await;
    // The known-bad twin: axe would have said so.
    let spoil =
        "document.querySelector('#token').closest('label').replaceWith(document.querySelector('#token'))";
    visitor.browser.run(spoil, Value::Null).await;
    assert!(visitor.violations().await.iter().any(|line| line.starts_with("label")));
}

/// Nothing but keys: to the editor, out of it, through the form, to a problem.
#[tokio::test]
async fn the_keyboard_suffices() {
    let (_site, visitor) = static_page().await;
    let tab = key::TAB.to_string();
    visitor.browser.strike(&tab).await;
    visitor
        .sees("first comes a way past the head", "return document.activeElement.className === 'skip'")
        .await;
    visitor.browser.strike(&key::ENTER.to_string()).await;
    let in_editor = "return document.activeElement.id === 'editor'";
    for _ in 0..4 {
        if visitor.browser.run(in_editor, Value::Null).await == json!(true) {
            break;
        }
        visitor.browser.strike(&tab).await;
    }
    visitor.sees("the editor has the focus", in_editor).await;
    visitor.browser.chord(key::CONTROL, 'a').await;
    visitor
        .browser
        .strike(r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"tennant":"acme"}]}"#)
        .await;
    visitor.reads("verdict", "Refused: unknown field").await;
    // F8 selects the problem, and typing takes its place.
    visitor.browser.strike(&key::F8.to_string()).await;
    visitor.browser.strike("\"tenant\"").await;
    visitor.reads("verdict", "Valid: 1 directive").await;
    visitor.browser.strike(&format!("{}{tab}", key::ESCAPE)).await;
    visitor.sees("the editor is left", "return document.activeElement.id !== 'editor'").await;
    for _ in 0..12 {
        if visitor.browser.run("return document.activeElement.name === 'tenant'", Value::Null).await
            == json!(true)
        {
            break;
        }
        visitor.browser.strike(&tab).await;
    }
    visitor.browser.chord(key::CONTROL, 'a').await;
    visitor.browser.strike("bolt").await;
    visitor.reads("decision", "Off no directive decides").await;
    visitor.browser.chord(key::SHIFT, key::TAB).await;
    visitor.sees("and back", "return document.activeElement.name !== 'tenant'").await;
}
