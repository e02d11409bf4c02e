//! Documents by people who mean no good.

use rig::vectors::all;
use serde_json::{Value, json};

use crate::live::Served;
use crate::visitor::{Visitor, static_page};

const MARKUP: &str = r#"{"directives":[
{"id":"<img src=x onerror=window.pwned=1>","level":"Shape","ttl_secs":600,"tenant":"</script><script>window.pwned=1</script>"},
{"id":"\"><svg onload=window.pwned=1>","level":"Shape","ttl_secs":600,"labels":{"<b>":"javascript:window.pwned=1"}},
{"id":"\u202eevil","level":"Shape","ttl_secs":600,"index":"${window.pwned=1}{{constructor.constructor('window.pwned=1')()}}"}]}"#;

#[tokio::test]
async fn markup_is_text_everywhere() {
    let served = Served::start().await;
    served.put(MARKUP).await;
    let visitor = Visitor::at(&served.url()).await;
    visitor.reads("reach", "<img src=x onerror=window.pwned=1>").await;
    visitor.reads("reach", "\\u{202e}evil").await;
    visitor.reads("times-text", "the last is \\u{202e}evil, in").await;
    visitor.fills("tenant", "</script><script>window.pwned=1</script>").await;
    visitor.reads("decision", "decided by <img src=x").await;
    served
        .put(r#"{"directives":[{"id":"<img src=y onerror=window.pwned=1>","level":"Shape","ttl_secs":600}]}"#)
        .await;
    visitor.reads("changes", "− <img src=y").await;
    visitor.pastes(r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"<img src=x onerror=window.pwned=1>":1}]}"#).await;
    visitor.reads("problems", "<img src=x").await;
    visitor.browser.picture("hostile").await;
    let made = "return [window.pwned ?? null, document.querySelectorAll('body img, body script, #reach svg').length]";
    assert_eq!(visitor.browser.run(made, Value::Null).await, json!([null, 0]));
    visitor.has_no_complaints().await;
}

/// Whatever the vectors refuse, and what is as large as it may be: the page says so, and goes on.
#[tokio::test]
async fn no_document_breaks_the_page() {
    let (site, visitor) = static_page().await;
    let hostile = all().into_iter().filter(|case| case.vector.refused.is_some());
    // What is no text cannot be pasted.
    let is_text = |body: &[u8]| std::str::from_utf8(body).is_ok_and(|text| !text.starts_with('\u{feff}'));
    let hostile = hostile.filter(|case| case.name.starts_with("hostile") || case.name.starts_with("limits"));
    let mut bodies: Vec<_> = hostile.map(|case| (case.name.clone(), case.vector.body())).collect();
    bodies.retain(|(_, body)| is_text(body));
    assert!(bodies.len() > 10, "only {}", bodies.len());
    bodies.push(("16 MiB of brackets".to_owned(), vec![b'['; 16 << 20]));
    bodies.push((
        "16 MiB on one line".to_owned(),
        [b"{\"directives\":\"".as_slice(), &vec![b'x'; (16 << 20) - 17], b"\"}"].concat(),
    ));
    for (name, body) in bodies {
        site.put("/hostile", body);
        visitor.pastes_from("/hostile").await;
        visitor
            .sees(&name, "return document.getElementById('verdict').textContent.startsWith('Refused')")
            .await;
        visitor.pastes(r#"{"directives":[]}"#).await;
        visitor.reads("verdict", "Valid: 0 directives").await;
    }
    visitor.has_no_complaints().await;
}
