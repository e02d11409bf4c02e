//! What a guest in wasmtime costs beside native code, and what an update of it costs.

use aldis_abi::Stamp;
use aldis_core::{Decision, DirectiveSet, Request};
use aldis_etcd::sink::guest::{GuestEngine, GuestInstance, GuestLimits, embedded_module};
use anyhow::{Context, Result};
use bench::{Contender, Goal, Pace, Peer, Row, ThreadTime, Timing, Unit, race};
use peers::reference::{self, Owned, Prepared, Reference};
use peers::scene::{self, ANCHOR, DECODED, NOW, Scene, grouped};

use crate::report::Report;

/// Requests that a batch takes across the boundary together.
const BATCH: usize = 64;

/// How often a set is replaced before the guest's memory is looked at. It grows with the first and with the second.
const UPDATES: usize = 1_000;

pub(crate) fn run(report: &mut Report) -> Result<()> {
    let engine = GuestEngine::embedded(GuestLimits::STANDARD)?;
    for count in [100, 10_000] {
        evaluate(report, &engine, count, &scene::tenants(count))?;
    }
    push(report, &engine)?;
    memory(report, &engine)?;
    start(report, &engine)
}

/// Each with all that a request costs there: its facts written into the guest's memory, and the deadline set.
fn evaluate(report: &mut Report, engine: &GuestEngine, count: usize, scene: &Scene) -> Result<()> {
    let what = |who: &str| format!("guest: tenant hit, {} directives, {who}", grouped(count));
    let native = DirectiveSet::decode(scene.document.as_bytes(), ANCHOR)?;
    let requests: Vec<Request<'_>> = scene.facts.iter().map(|facts| facts.request()).collect();
    let theirs = Reference::decode(scene.document.as_bytes())?;
    let owned = scene.facts.iter().map(Owned::of).collect::<Result<Vec<_>>>()?;
    let prepared: Vec<Prepared<'_>> = owned.iter().map(Owned::prepared).collect();
    let mut guest = holding(engine, &native)?;
    let mut contenders = [
        Contender::new(
            "guest",
            &requests,
            |request| guest.evaluate(request, NOW),
            |decision| decision.map_or(u64::MAX, scene::code),
        ),
        Contender::new("native", &requests, |request| native.evaluate(request, NOW), scene::code),
        Contender::new("osproxy × 3", &prepared, |request| theirs.ask(request), reference::code),
    ];
    let timings = race(&mut contenders, Pace::QUICK, &ThreadTime)?;
    drop(contenders);
    let [guest_took, native_took, reference_took] =
        <[Timing; 3]>::try_from(timings).ok().context("three raced")?;
    report.race(&what("one by one"), &[guest_took.clone(), native_took], Goal::Ratio(4.0))?;
    let goal = if count == 100 { Goal::Ratio(0.10) } else { Goal::Reported };
    report.race(&what("one by one"), &[guest_took, reference_took], goal)?;

    let batches: Vec<&[Request<'_>]> = requests.chunks_exact(BATCH).collect();
    let (mut answers, mut native_answers) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    let mut contenders = [
        Contender::new(
            "guest",
            &batches,
            |batch| {
                answers.clear();
                let result = guest.evaluate_batch(batch, NOW, &mut answers);
                result.map(|()| fingerprint(&answers))
            },
            |code| code.unwrap_or(u64::MAX),
        ),
        Contender::new(
            "native, one by one",
            &batches,
            |batch| {
                native_answers.clear();
                native_answers.extend(batch.iter().map(|request| native.evaluate(request, NOW)));
                fingerprint(&native_answers)
            },
            |code| code,
        ),
    ];
    let timings = race(&mut contenders, Pace::QUICK, &ThreadTime)?;
    report.race(&what("a batch of 64"), &timings, Goal::Ratio(2.0))
}

/// All decisions of a batch as one number.
fn fingerprint(decisions: &[Decision]) -> u64 {
    decisions.iter().fold(0, |all: u64, &decision| all.rotate_left(5) ^ scene::code(decision))
}

/// From the bytes on the host's side to a set in force in the guest.
fn push(report: &mut Report, engine: &GuestEngine) -> Result<()> {
    let scene = scene::mixed(DECODED);
    let set = DirectiveSet::decode(scene.document.as_bytes(), ANCHOR)?;
    let (mut fed_images, mut fed_documents) = (engine.instantiate()?, engine.instantiate()?);
    let images = [set.as_image()];
    let documents = [scene.document.as_bytes()];
    let count = |directives: Result<usize, _>| directives.map_or(u64::MAX, |directives| directives as u64);
    let mut contenders = [
        Contender::new(
            "image",
            &images,
            |image| fed_images.load_image(image, Stamp::NONE).map_err(drop),
            count,
        ),
        Contender::new(
            "JSON, decoded in the guest",
            &documents,
            |document| fed_documents.load_document(document, ANCHOR, Stamp::NONE).map_err(drop),
            count,
        ),
    ];
    let timings = race(&mut contenders, Pace::LONG, &ThreadTime)?;
    report.race("guest: push of 10 000 directives", &timings, Goal::Ratio(0.06))
}

fn memory(report: &mut Report, engine: &GuestEngine) -> Result<()> {
    let set = DirectiveSet::decode(scene::mixed(DECODED).document.as_bytes(), ANCHOR)?;
    let mut guest = holding(engine, &set)?;
    for _ in 0..UPDATES {
        guest.load_image(set.as_image(), Stamp::NONE)?;
    }
    #[allow(clippy::cast_precision_loss, reason = "a few megabytes are exact")]
    let bytes = |bytes: usize| bytes as f64;
    report.row(Row {
        what: format!("guest: memory with 10 000 directives, after {} updates", grouped(UPDATES)),
        unit: Unit::Bytes,
        ours: bytes(guest.memory_bytes()),
        peer: Some(Peer { name: "the image".to_owned(), figure: bytes(set.as_image().len()) }),
        goal: Goal::Ratio(2.5),
    });
    Ok(())
}

/// From the bytes to a guest that can be asked.
fn start(report: &mut Report, engine: &GuestEngine) -> Result<()> {
    let machine_code = [engine.serialize()?];
    let module = [embedded_module()];
    let is_ready = |engine: Result<GuestEngine, _>| u64::from(engine.is_ok());
    #[allow(unsafe_code, reason = "machine code can be believed, not checked")]
    // SAFETY: these bytes were made a few lines above, by this process.
    let load = |bytes: &Vec<u8>| unsafe { GuestEngine::deserialize(bytes, GuestLimits::STANDARD) };
    let mut contenders = [
        Contender::new("precompiled", &machine_code, load, is_ready),
        Contender::new(
            "compiled",
            &module,
            |module| GuestEngine::from_wasm(module, GuestLimits::STANDARD),
            is_ready,
        ),
    ];
    let timings = race(&mut contenders, Pace::FEW, &ThreadTime)?;
    report.race("guest: ready to decide", &timings, Goal::Ratio(0.01))
}

fn holding(engine: &GuestEngine, set: &DirectiveSet) -> Result<GuestInstance> {
    let mut guest = engine.instantiate()?;
    guest.load_image(set.as_image(), Stamp::NONE)?;
    Ok(guest)
}
