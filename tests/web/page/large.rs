//! Ten thousand directives, while somebody types.

use std::fmt::Write;
use std::time::Duration;

use rig::browser::key;
use serde_json::{Value, json};

use crate::visitor::static_page;

/// 1.1 MB.
fn ten_thousand() -> String {
    let mut text = String::from("{\"directives\":[\n");
    for place in 0..10_000 {
        let comma = if place == 0 { "" } else { ",\n" };
        write!(
            text,
            r#"{comma}{{"id":"directive-{place}","level":"ShapeTiming","ttl_secs":86400,"tenant":"tenant-{place}","endpoint":"Search","sample_per_mille":500}}"#
        )
        .expect("into memory");
    }
    text.push_str("\n]}\n");
    text
}

#[tokio::test]
async fn typing_in_a_large_document_is_never_held_up() {
    let (site, visitor) = static_page().await;
    let ready = visitor.browser.run("return performance.now()", Value::Null).await;
    let interactive = "return performance.getEntriesByType('navigation')[0].domInteractive";
    println!(
        "interactive after {} ms, ready before {ready} ms",
        visitor.browser.run(interactive, Value::Null).await
    );
    let text = ten_thousand();
    assert!(text.len() > 1_100_000);
    site.put("/large", text);
    visitor.pastes_from("/large").await;
    visitor.reads("verdict", "Valid: 10000 directives").await;
    visitor.reads("reach-place", "1 to 20 of 10000").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let watch = "window.long = []; new PerformanceObserver((list) => window.long.push(...list.getEntries().map((it) => Math.round(it.duration)))).observe({type: 'longtask'})";
    visitor.browser.run(watch, Value::Null).await;
    visitor.enters_the_editor().await;
    visitor.browser.chord(key::CONTROL, key::DOWN).await;
    for letter in "[misspelt".chars() {
        visitor.browser.strike(&letter.to_string()).await;
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    visitor.reads("verdict", "Refused").await;
    visitor.browser.chord(key::CONTROL, 'z').await;
    visitor.reads("verdict", "10000 directives").await;
    visitor.clicks("#reach-on").await;
    visitor.reads("reach-place", "21 to 40 of 10000").await;
    visitor.browser.picture("large").await;
    let long = visitor.browser.run("return window.long", Value::Null).await;
    println!("tasks of the page's thread over 50 ms: {long}");
    // On a machine that does nothing else there is none; here others run beside it.
    let worst = long.as_array().into_iter().flatten().filter_map(Value::as_u64).max().unwrap_or(0);
    assert!(worst < 500, "{long}");
    assert_ne!(json!(null), long);
}
