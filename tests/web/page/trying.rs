//! Trying a request.

use crate::visitor::static_page;

const TWO: &str = r#"{"directives":[
{"id":"quarter","level":"ShapeTiming","ttl_secs":3600,"tenant":"acme","endpoint":"Search","sample_per_mille":250},
{"id":"all","level":"Shape","ttl_secs":7200,"tenant":"acme","ring_buffer":true},
{"id":"other","level":"ShapeRewriteDiff","ttl_secs":7200,"tenant":"bolt","labels":{"tier":"gold"}}]}"#;

#[tokio::test]
async fn a_request_is_decided_and_each_directive_says_why_or_why_not() {
    let (_site, visitor) = static_page().await;
    visitor.pastes(TWO).await;
    visitor.fills("endpoint", "Count").await;
    visitor.reads("decision", "Shape decided by all, ring buffer").await;
    visitor.reads("why", "all applies").await;
    visitor.reads("why", "quarter does not: endpoint").await;
    visitor.reads("sample-text", "1000 Shape of 1000").await;
    visitor.fills("endpoint", "Search").await;
    visitor.reads("sample-text", "ShapeTiming of 1000").await;
    // FNV spreads well: a quarter of a thousand is about a quarter.
    let said = visitor.text("sample-text").await;
    let number = |level: &str| {
        let before = said.split_once(&format!(" {level} of")).expect("is said").0;
        before.rsplit([' ', ',']).next().and_then(|number| number.parse::<u32>().ok()).expect("a number")
    };
    assert!((200..300).contains(&number("ShapeTiming")), "{said}");
    visitor.fills("requests", "{\"tenant\":\"bolt\"}\n{\"tenant\":\"acme\",\"endpoint\":\"Count\"}").await;
    visitor.reads("sample-text", "1 Shape of 2 requests of your own").await;
    visitor.reads("idle", "Matches nothing in the sample: quarter, other.").await;
    visitor.fills("requests", "{\"tenant\"").await;
    visitor.reads("idle", "Line 1 of the requests is not JSON.").await;
    visitor.fills("requests", "").await;
    visitor.fills("tenant", "bolt").await;
    visitor.reads("decision", "Off no directive decides").await;
    visitor.reads("why", "other does not: label tier").await;
    visitor.fills("labels", "region=eu, tier=gold").await;
    visitor.reads("decision", "ShapeRewriteDiff decided by other").await;
    visitor.fills("now", "2020-01-01T00:00:00Z").await;
    visitor.fills("now", "soon").await;
    visitor.reads("decision", "now is RFC 3339").await;
    visitor.fills("now", "2099-01-01T00:00:00Z").await;
    visitor.reads("why", "other does not: expired").await;
    visitor.reads("times-text", "The next to end is quarter").await;
    visitor.has_no_complaints().await;
}

/// Only the first of them ends the name.
#[tokio::test]
async fn the_value_of_a_label_may_hold_an_equals_sign() {
    let (_site, visitor) = static_page().await;
    visitor
        .pastes(
            r#"{"directives":[{"id":"asked","level":"Shape","ttl_secs":3600,"labels":{"q":"a=b","r":"=="}}]}"#,
        )
        .await;
    visitor.fills("labels", "q=a=b, r = ==").await;
    visitor.reads("why", "asked applies").await;
}
