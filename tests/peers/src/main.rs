//! `cargo xtask bench [WORKLOAD …]`: runs the workloads that are named, or all of them and writes `RESULTS.md`.

mod allocations;
mod decode;
mod dropping;
mod engines;
mod evaluate;
mod fleet;
mod guest;
mod instructions;
mod labels;
mod load;
mod propagation;
mod proxying;
mod push;
mod report;
mod sibling;

use std::hint::black_box;

use anyhow::{Result, bail};

use crate::report::Report;

/// A group of rows that can be run by itself.
struct Workload {
    name: &'static str,
    run: fn(&mut Report) -> Result<()>,
}

const WORKLOADS: &[Workload] = &[
    Workload { name: "evaluate", run: evaluate::run },
    Workload { name: "engines", run: engines::run },
    Workload { name: "labels", run: labels::run },
    Workload { name: "decode", run: decode::run },
    Workload { name: "load", run: load::run },
    Workload { name: "push", run: push::run },
    Workload { name: "guest", run: guest::run },
    Workload { name: "proxy", run: proxying::run },
    Workload { name: "propagation", run: propagation::run },
    Workload { name: "fleet", run: fleet::run },
    Workload { name: "drop", run: dropping::run },
    Workload { name: "allocations", run: allocations::run },
    Workload { name: "instructions", run: instructions::run },
];

fn main() -> Result<()> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if let Some((fleet::ONE, fleet)) = names.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return fleet::one(fleet);
    }
    let chosen = choose(&names)?;
    settle_heap();
    let mut report = Report::default();
    for workload in &chosen {
        eprintln!("{} …", workload.name);
        (workload.run)(&mut report)?;
    }
    println!("{}", report.table());
    // A part must not pass for the whole.
    if names.is_empty() { report.write() } else { Ok(()) }
}

/// glibc gives large blocks back to the kernel until it has seen a few come and go; a proxy that has run for a while is
/// past that. Without this, a figure would depend on which workloads ran before.
fn settle_heap() {
    // Just below what it will ever keep.
    const LARGEST: usize = 31 << 20;
    drop(black_box(vec![1_u8; LARGEST]));
}

fn choose(names: &[String]) -> Result<Vec<&'static Workload>> {
    if names.is_empty() {
        return Ok(WORKLOADS.iter().collect());
    }
    let find = |name: &String| {
        let Some(workload) = WORKLOADS.iter().find(|workload| workload.name == name) else {
            let all: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
            bail!("there is no workload `{name}`; there are {}", all.join(", "));
        };
        Ok(workload)
    };
    names.iter().map(find).collect()
}
