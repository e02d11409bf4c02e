//! `cargo xtask bench [WORKLOAD …]`: runs the workloads that are named, or all of them and writes `RESULTS.md`.

mod allocations;
mod decode;
mod evaluate;
mod report;

use anyhow::{Result, bail};
use bench::Row;

/// A group of rows that can be run by itself.
struct Workload {
    name: &'static str,
    run: fn() -> Result<Vec<Row>>,
}

const WORKLOADS: &[Workload] =
    &[Workload { name: "evaluate", run: evaluate::run }, Workload { name: "decode", run: decode::run }];

fn main() -> Result<()> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let chosen = choose(&names)?;
    let mut rows = Vec::new();
    for workload in &chosen {
        eprintln!("{} …", workload.name);
        rows.extend((workload.run)()?);
    }
    let table = bench::markdown(&rows);
    println!("{table}");
    // A part must not pass for the whole.
    if names.is_empty() { report::write(&table) } else { Ok(()) }
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
