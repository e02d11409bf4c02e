//! `cargo xtask bench envoy`: what the filter costs a request in Envoy, beside no filter and beside a plain one.
//!
//! Each is an Envoy with one worker that four connections keep busy. All of them run at the same time and take turns, so that whatever else the machine does befalls all. Figures are medians
//! of the turns; trust the ratios.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on ends, saying why")]

mod contender;
mod modules;
mod turn;

use anyhow::Result;
use bench::median;
use rig::upstream::Upstream;

use crate::contender::Contender;
use crate::turn::Turn;

/// How often each has its turn.
const ROUNDS: usize = 61;

fn main() -> Result<()> {
    let upstream = Upstream::start();
    let mut contenders = Contender::all(upstream.port())?;
    let mut turns: Vec<Vec<Turn>> = contenders.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (contender, turns) in contenders.iter_mut().zip(&mut turns) {
            contender.warm_up();
            turns.push(contender.turn());
        }
    }
    let names = contenders.iter().map(|contender| contender.name);
    println!("{}", table(&names.zip(turns).collect::<Vec<_>>()));
    Ok(())
}

/// A figure of a turn.
type Of = fn(&Turn) -> f64;

/// What is measured of a turn, and how it is called.
const COLUMNS: [(&str, Of); 3] = [
    ("processor time of Envoy, µs", |turn| turn.processor_micros),
    ("latency, µs", |turn| turn.latency_micros),
    ("requests per second", |turn| turn.per_second),
];

/// Each column's medians, and beside each how it compares to the plain filter's.
fn table(results: &[(&str, Vec<Turn>)]) -> String {
    let figure =
        |turns: &[Turn], of: Of| median(&turns.iter().map(of).collect::<Vec<_>>()).unwrap_or(f64::NAN);
    let plain = results.iter().find(|(name, _)| *name == contender::PLAIN).map(|(_, turns)| turns.as_slice());
    let mut table = String::from("| Envoy |");
    COLUMNS.iter().for_each(|(name, _)| table += &format!(" {name} | ratio |"));
    table += "\n|---|---:|---:|---:|---:|---:|---:|\n";
    for (name, turns) in results {
        table += &format!("| {name} |");
        for (_, of) in COLUMNS {
            let ours = figure(turns, of);
            table += &format!(" {ours:.1} | {:.2} |", ours / figure(plain.unwrap_or_default(), of));
        }
        table += "\n";
    }
    table
}
