//! What is allocated, counted; a program of its own, for counting slows down whatever allocates. Writes a line
//! `<name> <number>` for each figure.

use std::hint::black_box;

use aldis_core::DirectiveSet;
use allocation_counter::{AllocationInfo, measure};
use anyhow::Result;
use peers::reference;
use peers::scene::{self, ANCHOR, NOW, Scene};

fn main() -> Result<()> {
    let scene = scene::mixed(scene::DECODED);
    let document = scene.document.as_bytes();
    let ours = decoding(|| Ok(DirectiveSet::decode(document, ANCHOR)?))?;
    let theirs = decoding(|| reference::decode(document))?;
    println!("decode_peak_ours {}", ours.bytes_max);
    println!("decode_peak_theirs {}", theirs.bytes_max);
    println!("decode_allocations_ours {}", ours.count_total);
    println!("decode_allocations_theirs {}", theirs.count_total);

    let mut evaluating = 0;
    for scene in [scene::tenants(0), scene::tenants(1), scene::tenants(10_000), scene::mixed(10_000)] {
        evaluating += allocations_of_every_decision(&scene)?;
    }
    println!("evaluate_allocations_ours {evaluating}");
    Ok(())
}

/// What came of it is held until the count is taken.
fn decoding<T>(decode: impl Fn() -> Result<T>) -> Result<AllocationInfo> {
    let mut decoded = None;
    let counted = measure(|| decoded = Some(decode()));
    decoded.transpose()?;
    Ok(counted)
}

fn allocations_of_every_decision(scene: &Scene) -> Result<u64> {
    let set = DirectiveSet::decode(scene.document.as_bytes(), ANCHOR)?;
    let counted = measure(|| {
        for facts in &scene.facts {
            let _ = black_box(set.evaluate(&facts.request(), NOW));
        }
    });
    Ok(counted.count_total)
}
