//! `aldis publish` and `aldis clear`: change what is in force, by compare-and-swap.

use aldis_core::decode;
use serde::Serialize;

use crate::answer::{Published, Refused};
use crate::kv::{Key, KvEntry, Revision, Scope};
use crate::publish::{
    Difference, Draft, EMPTY_DOCUMENT, FleetWide, Lifetimes, Plan, PublishError, Writable, commit, plan,
};

use super::args::{ClearArgs, Global, PublishArgs};
use super::backend::{Backend, key, scope, source};
use super::check::{directives, line_of};
use super::console::{BAD, GOOD, NOTICE};
use super::failure::{Answer, Failure};
use super::{Console, complaint, input};

/// Publishes a document.
pub(super) async fn run(
    global: &Global,
    args: &PublishArgs,
    console: &mut Console,
) -> Result<Answer, Failure> {
    let source = source(global)?;
    let key = key(&scope(&source), args.name.name.as_deref())?;
    let body = input::read(&args.file)?;
    let lifetimes = if args.compat { Lifetimes::AsWritten } else { Lifetimes::Absolute };
    let fleet_wide = if args.fleet_wide { FleetWide::Meant } else { FleetWide::Refused };
    let draft = match Draft::new(&body, input::now()?, lifetimes, fleet_wide) {
        Err(PublishError::Refused(error)) => {
            return match console.is_json() {
                true => console.json(&Refused::new(error)),
                false => console.line(complaint::render(&input::name(&args.file), &body, &error)),
            }
            .map(|()| Answer::No);
        }
        draft => draft?,
    };
    let backend = Backend::open(&source, &global.etcd).await?;
    let kv = backend.writable()?;
    let (_, plan) = plan(kv, &key, &draft, args.if_revision.map(Revision::new)).await?;
    let revision = match args.dry_run {
        true => None,
        false => Some(commit(kv, &key, draft.body(), plan.replaces).await?),
    };
    report(&draft, &plan, &key, revision, console)?;
    Ok(Answer::Yes)
}

/// Replaces documents by the empty set.
pub(super) async fn clear(
    global: &Global,
    args: &ClearArgs,
    console: &mut Console,
) -> Result<Answer, Failure> {
    let source = source(global)?;
    let scope = scope(&source);
    let only = match (&scope, args.all) {
        (Scope::Prefix(_), false) if args.name.name.is_none() => {
            return Err(Failure::trouble("the source is a prefix; say which document with --name, or --all"));
        }
        (_, true) => None,
        (scope, false) => Some(key(scope, args.name.name.as_deref())?),
    };
    let backend = Backend::open(&source, &global.etcd).await?;
    let kv = backend.writable()?;
    if let Some(key) = only {
        let (_, entry) = kv.get(&key).await?;
        clear_one(kv, &key, entry.as_ref(), args.if_revision.map(Revision::new), console).await?;
        return Ok(Answer::Yes);
    }
    for entry in backend.list().await?.entries {
        clear_one(kv, &entry.key, Some(&entry), None, console).await?;
    }
    Ok(Answer::Yes)
}

async fn clear_one(
    kv: &dyn Writable,
    key: &Key,
    entry: Option<&KvEntry>,
    if_revision: Option<Revision>,
    console: &mut Console,
) -> Result<(), Failure> {
    let actual = entry.map_or(Revision::ZERO, |entry| entry.mod_revision);
    let replaces = if_revision.unwrap_or(actual);
    let revision = commit(kv, key, EMPTY_DOCUMENT, replaces).await?;
    let removed = entry.and_then(|entry| decode(&entry.value, input::now().ok()?).ok().map(|all| all.len()));
    if console.is_json() {
        let (key, revision, replaced) = (key.to_string(), revision.as_u64(), replaces.as_u64());
        return console.json(&Cleared { cleared: true, key, revision, replaced, removed });
    }
    let removed = removed.map(|count| format!(", {} removed", directives(count))).unwrap_or_default();
    console.line(format!("{}: {key} at revision {revision}{removed}", Console::styled(GOOD, "cleared")))
}

fn report(
    draft: &Draft<'_>,
    plan: &Plan,
    key: &Key,
    revision: Option<Revision>,
    console: &mut Console,
) -> Result<(), Failure> {
    let warnings = draft.warnings();
    if console.is_json() {
        return console.json(&Published::new(draft, plan, &warnings, key, revision));
    }
    warnings.iter().for_each(|warning| console.note(line_of(warning)));
    match &plan.difference {
        Some(difference) => print(difference, console)?,
        None => console.note("what is published now is malformed, so there is no difference to show"),
    }
    let count = directives(draft.directives().len());
    match revision {
        Some(revision) => console
            .line(format!("{}: {key} at revision {revision}, {count}", Console::styled(GOOD, "published"))),
        None => console.line(format!(
            "{}: {key} stays at revision {}",
            Console::styled(NOTICE, "dry run"),
            plan.replaces
        )),
    }
}

/// A line for each directive that comes, goes or changes.
fn print(difference: &Difference, console: &mut Console) -> Result<(), Failure> {
    for id in &difference.added {
        console.line(Console::styled(GOOD, format!("+ {}", id.escape_debug())))?;
    }
    for change in &difference.changed {
        let fields = change.fields.join(", ");
        console.line(Console::styled(NOTICE, format!("~ {}: {fields}", change.id.escape_debug())))?;
    }
    for id in &difference.removed {
        console.line(Console::styled(BAD, format!("- {}", id.escape_debug())))?;
    }
    match difference.is_empty() {
        true => console.line("no directive changes"),
        false => Ok(()),
    }
}

#[derive(Serialize)]
struct Cleared {
    cleared: bool,
    key: String,
    revision: u64,
    replaced: u64,
    /// Null if what was there is malformed.
    removed: Option<usize>,
}
