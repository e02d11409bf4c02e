//! Writing a document.

use rig::browser::key;
use serde_json::{Value, json};

use crate::visitor::{PASTE, static_page};

const MISSPELT: &str = r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"tennant":"acme"}]}"#;

#[tokio::test]
async fn a_mistake_is_shown_where_it_is_and_mended() {
    let (_site, visitor) = static_page().await;
    visitor.types(MISSPELT).await;
    visitor.reads("verdict", "Refused: unknown field").await;
    visitor.reads("problems", "directives[0].tennant").await;
    visitor.reads("problems", "did you mean `tenant`?").await;
    visitor
        .sees(
            "exactly the field is underlined",
            "return [...document.querySelector('#editor').shadowRoot.querySelectorAll('.cm-lintRange-error')].map((it) => it.textContent).join('|') === '\"tennant\"'",
        )
        .await;
    visitor
        .sees("what was said before says so", "return !document.getElementById('reach-stale').hidden")
        .await;
    visitor.browser.picture("mistake").await;
    // The problem leads to its place, and what is typed there takes it.
    visitor.clicks("#problems button").await;
    visitor.browser.strike("\"tenant\"").await;
    visitor.reads("verdict", "Valid: 1 directive").await;
    visitor.reads("reach", "every request of tenant acme, until").await;
    assert_eq!(visitor.document().await, MISSPELT.replace("tennant", "tenant"));
    visitor.has_no_complaints().await;
}

/// Places count as editors do, whatever stands before them.
#[tokio::test]
async fn the_place_is_right_behind_characters_of_two_units() {
    let (_site, visitor) = static_page().await;
    visitor.pastes("{\"directives\":[\n{\"id\":\"😀é\",\"level\":\"Shap\",\"ttl_secs\":1}]}").await;
    visitor
        .sees(
            "exactly the value is underlined",
            "return document.querySelector('#editor').shadowRoot.querySelector('.cm-lintRange-error')?.textContent === '\"Shap\"'",
        )
        .await;
    visitor.reads("verdict", "line 2").await;
}

/// The page as it comes, before anything was judged.
#[tokio::test]
async fn nothing_is_called_off_before_it_is_known() {
    let (_site, visitor) = static_page().await;
    let says = "const page = await (await fetch('index.html')).text();
        return !new DOMParser().parseFromString(page, 'text/html').getElementById('reach-none').hidden";
    assert_eq!(visitor.browser.run(says, json!(null)).await, json!(false));
}

/// Who turns the page before a document is found to be refused asks about a set that is gone by then.
#[tokio::test]
async fn a_refused_document_is_not_called_off() {
    let (_site, visitor) = static_page().await;
    let directive = |place| format!(r#"{{"id":"d{place}","level":"Shape","ttl_secs":3600,"tenant":"t"}}"#);
    let directives: Vec<_> = (0..21).map(directive).collect();
    visitor.pastes(&format!(r#"{{"directives":[{}]}}"#, directives.join(","))).await;
    visitor.reads("reach-place", "1 to 20 of 21").await;
    visitor.enters_the_editor().await;
    visitor.browser.chord(key::CONTROL, 'a').await;
    let both = format!("{PASTE} document.getElementById('reach-on').click();");
    visitor.browser.run(&both, json!({"text": MISSPELT})).await;
    // What is tried is asked last.
    visitor.reads("decision", "Nothing is decided while the document is refused.").await;
    visitor.sees("what was said stays", "return document.getElementById('reach-none').hidden").await;
    visitor.reads("reach-place", "1 to 20 of 21").await;
    visitor.has_no_complaints().await;
}

#[tokio::test]
async fn a_field_under_the_mouse_is_explained() {
    let (_site, visitor) = static_page().await;
    let place = "const line = document.querySelector('#editor').shadowRoot.querySelectorAll('.cm-line')[1];
        const name = [...line.querySelectorAll('span')].find((it) => it.textContent === '\"ttl_secs\"').getBoundingClientRect();
        return [Math.round(name.x + name.width / 2), Math.round(name.y + name.height / 2)]";
    let place = visitor.browser.run(place, Value::Null).await;
    visitor.browser.point(&place[0], &place[1]).await;
    let told = "return (document.querySelector('#editor').shadowRoot.querySelector('.cm-tooltip-hover')?.textContent ?? '').includes('Seconds until it ends')";
    visitor.sees("the field is explained", told).await;
    visitor.browser.picture("hover").await;
}

#[tokio::test]
async fn fields_and_values_are_completed_and_explained() {
    let (_site, visitor) = static_page().await;
    visitor.types(r#"{"directives":[{"#).await;
    let offered = "return [...document.querySelector('#editor').shadowRoot.querySelectorAll('.cm-tooltip-autocomplete li')].map((it) => it.textContent)";
    visitor.browser.strike("\"").await;
    visitor.sees("fields are offered", &format!("{offered}.includes('expires_at')")).await;
    visitor.browser.strike("lev").await;
    visitor.sees("those that fit", &format!("{offered}.join() === 'level'")).await;
    visitor.browser.picture("completion").await;
    // Completions take no key in their first moment, so that nobody takes one by mistake.
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    visitor.browser.strike(&key::ENTER.to_string()).await;
    visitor.sees("the field is written", "return document.querySelector('#editor').shadowRoot.querySelector('.cm-content').textContent.includes('\"level\": \"\"')").await;
    visitor.browser.strike("Sh").await;
    visitor
        .sees("levels are offered", &format!("{offered}.join() === 'Shape,ShapeTiming,ShapeRewriteDiff'"))
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    visitor.browser.strike(&format!("{}{}", key::DOWN, key::ENTER)).await;
    visitor
        .sees(
            "the level is written once",
            "return document.querySelector('#editor').shadowRoot.querySelector('.cm-content').textContent.includes('{\"level\": \"ShapeTiming\"}')",
        )
        .await;
    visitor.has_no_complaints().await;
}

#[tokio::test]
async fn warnings_lead_to_their_directives() {
    let (_site, visitor) = static_page().await;
    visitor
        .pastes(
            r#"{"directives":[{"id":"narrow","level":"Shape","ttl_secs":60,"index":"i"},
{"id":"wide","level":"Shape","ttl_secs":60,"capture":true},{"id":"again","level":"Shape","ttl_secs":60,"index":"i"}]}"#,
        )
        .await;
    visitor.reads("verdict", "Valid: 3 directives, 3 warnings").await;
    for words in ["fleet_wide wide", "capture_without_tenant wide", "shadowed again"] {
        visitor.reads("problems", words).await;
    }
    visitor.reads("reach", "every request of the fleet").await;
    visitor.clicks("#problems button").await;
    visitor.browser.strike("x").await;
    visitor.sees("it was selected whole", "return document.querySelector('#editor').shadowRoot.querySelectorAll('.cm-line')[1].textContent.startsWith('x,{\"id\":\"again\"')").await;
}

/// What is typed is nobody's business.
#[tokio::test]
async fn what_is_typed_stays_in_the_page() {
    let (site, visitor) = static_page().await;
    let before = site.asked();
    visitor.types(MISSPELT).await;
    visitor.reads("verdict", "Refused").await;
    visitor.fills("tenant", "somebody").await;
    visitor.clicks("#format").await;
    assert_eq!(site.asked(), before);
    for line in &before {
        assert!(line.starts_with("GET /") && !line.contains('?'), "{line}");
    }
    let stored =
        "return [localStorage.length, sessionStorage.length, document.cookie.length, location.hash.length]";
    assert_eq!(visitor.browser.run(stored, Value::Null).await, json!([0, 0, 0, 0]));
    // And nothing else would get out: the policy forbids it.
    let leak = "return fetch('http://127.0.0.1:9/', {mode: 'no-cors'}).then(() => 'sent', () => 'kept')";
    assert_eq!(visitor.browser.run(leak, Value::Null).await, json!("kept"));
    assert!(visitor.browser.complaints().await.iter().any(|line| line.contains("Content Security Policy")));
}
