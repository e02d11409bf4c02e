//! `aldis demo`: the whole story in one process, on the embedded backend. Every claim is checked as it is made.

mod fleet;
mod story;

use std::time::Duration;

use aldis_core::{DiagLevel, UnixMillis};

use crate::kv::memory::MemoryKv;
use crate::kv::{Key, KvReader, KvWriter, Revision};
use crate::publish::{Draft, EMPTY_DOCUMENT, FleetWide, Lifetimes, commit, plan};
use crate::store::DEFAULT_SCOPE;

use super::failure::{Answer, Failure};
use super::{Console, input};

use fleet::{ACME, BETA, Fleet};
use story::Story;

/// How long the directive for acme lives. Long enough to look at, short enough to wait for.
const LIFETIME_SECS: u64 = 5;

/// How long anything but an expiry may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells the story; no, if one of its claims does not hold.
pub(super) async fn run(console: &mut Console) -> Result<Answer, Failure> {
    let (kv, key) = (MemoryKv::new(), Key::from(DEFAULT_SCOPE));
    let mut story = Story::new(console);
    story.say("A proxy starts. It follows the key `aldis/directives` of an embedded store that behaves as etcd does.")?;
    let mut fleet = Fleet::start(&kv).await?;
    let off = fleet.all_decide(&ACME, DiagLevel::Off);
    story.claim(&format!("nothing is published, nothing is recorded: {}", fleet.tell(&ACME)), off)?;

    publish_one(&kv, &key, &mut fleet, &mut story).await?;
    publish_malformed(&kv, &key, &mut fleet, &mut story).await?;
    let end = publish_second(&kv, &key, &mut fleet, &mut story).await?;
    expire(end, &mut fleet, &mut story).await?;
    clear(&kv, &key, &mut fleet, &mut story).await?;
    story.end()
}

/// Publishes as `aldis publish` does.
async fn publish(kv: &MemoryKv, key: &Key, document: &str) -> Result<String, Failure> {
    let draft = Draft::new(document.as_bytes(), input::now()?, Lifetimes::Absolute, FleetWide::Refused)?;
    let (_, plan) = plan(kv, key, &draft, None).await?;
    commit(kv, key, draft.body(), plan.replaces).await?;
    Ok(String::from_utf8_lossy(draft.body()).into_owned())
}

async fn publish_one(
    kv: &MemoryKv,
    key: &Key,
    fleet: &mut Fleet,
    story: &mut Story<'_>,
) -> Result<(), Failure> {
    story.say("Somebody asks why searches of acme are slow. The operator turns acme up, for a while:")?;
    let document = format!(
        r#"{{"directives":[{{"id":"why-slow","level":"ShapeTiming","ttl_secs":{LIFETIME_SECS},"tenant":"acme","endpoint":"Search"}}]}}"#
    );
    story.show(&document)?;
    let written = publish(kv, key, &document).await?;
    let flipped = fleet.until(PATIENCE, |fleet| fleet.all_decide(&ACME, DiagLevel::ShapeTiming)).await;
    story.claim(&format!("a search of acme: {}", fleet.tell(&ACME)), flipped)?;
    story.claim("a search of beta is left alone", fleet.all_decide(&BETA, DiagLevel::Off))?;
    let is_absolute = written.contains("expires_at") && !written.contains("ttl_secs");
    story.claim("the end was written as a point in time, the same for every instance", is_absolute)
}

async fn publish_malformed(
    kv: &MemoryKv,
    key: &Key,
    fleet: &mut Fleet,
    story: &mut Story<'_>,
) -> Result<(), Failure> {
    story.say("Somebody else writes to the key past `aldis publish`, and misspells a field:")?;
    let document = r#"{"directives":[{"id":"typo","level":"Shape","ttl_secs":60,"tennant":"acme"}]}"#;
    story.show(document)?;
    let refused = publish(kv, key, document).await.is_err();
    story.claim("`aldis publish` would have refused it", refused)?;
    kv.put(key, document.as_bytes()).await?;
    let seen = fleet.until(PATIENCE, |fleet| fleet.refusal().is_some()).await;
    let why = fleet.refusal().unwrap_or_default();
    story.claim(&format!("the store refuses it and says why: {why}"), seen && why.contains("tennant"))?;
    story.claim("the last good document stays in force", fleet.all_decide(&ACME, DiagLevel::ShapeTiming))
}

/// Also says when the first directive ends.
async fn publish_second(
    kv: &MemoryKv,
    key: &Key,
    fleet: &mut Fleet,
    story: &mut Story<'_>,
) -> Result<Option<UnixMillis>, Failure> {
    story.say("A good document replaces it: acme goes on until its end, beta is watched for longer:")?;
    let end = fleet.first_end();
    let acme_ends = end.map(|end| end.to_string()).unwrap_or_default();
    let document = format!(
        r#"{{"directives":[{{"id":"why-slow","level":"ShapeTiming","expires_at":"{acme_ends}","tenant":"acme","endpoint":"Search"}},{{"id":"beta","level":"Shape","ttl_secs":600,"tenant":"beta"}}]}}"#
    );
    story.show(&document)?;
    publish(kv, key, &document).await?;
    let flipped = fleet.until(PATIENCE, |fleet| fleet.all_decide(&BETA, DiagLevel::Shape)).await;
    story.claim(&format!("a search of beta: {}", fleet.tell(&BETA)), flipped)?;
    story.claim("acme goes on as before", fleet.all_decide(&ACME, DiagLevel::ShapeTiming))?;
    story.claim("nothing is refused any more", fleet.refusal().is_none())?;
    Ok(end)
}

async fn expire(end: Option<UnixMillis>, fleet: &mut Fleet, story: &mut Story<'_>) -> Result<(), Failure> {
    story.say(&format!("Nobody does anything. The {LIFETIME_SECS} seconds of acme run out …"))?;
    let ended = fleet
        .until(PATIENCE + Duration::from_secs(LIFETIME_SECS), |fleet| fleet.all_decide(&ACME, DiagLevel::Off))
        .await;
    let in_time = end.is_some_and(|end| fleet.now() >= end && fleet.now().saturating_since(end) < PATIENCE);
    let told = fleet.tell(&ACME);
    story.claim(&format!("a search of acme, at its end and by itself: {told}"), ended && in_time)?;
    story.claim("beta is still Shape", fleet.all_decide(&BETA, DiagLevel::Shape))
}

async fn clear(kv: &MemoryKv, key: &Key, fleet: &mut Fleet, story: &mut Story<'_>) -> Result<(), Failure> {
    story.say("The operator clears everything, as `aldis clear` does:")?;
    let (_, entry) = kv.get(key).await?;
    commit(kv, key, EMPTY_DOCUMENT, entry.map_or(Revision::ZERO, |entry| entry.mod_revision)).await?;
    let cleared = fleet.until(PATIENCE, |fleet| fleet.all_decide(&BETA, DiagLevel::Off)).await;
    story.claim(&format!("a search of beta: {}", fleet.tell(&BETA)), cleared)?;
    story.claim("the store is live and holds no directive", fleet.is_live_and_empty())
}
