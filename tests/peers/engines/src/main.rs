//! Engines for rules and flags at the smallest task that all can do: this tenant, that level. Each in the form in which
//! it is quickest; where two forms come close, both run, and the better one counts. What can be prepared before a
//! request comes, and what a proxy would have to build for it in the engine's own types, is not timed.

mod cedar;
mod cel;
mod datalogic;
mod flagd;
mod launchdarkly;
mod regorus;
mod yggdrasil;

use aldis_core::{DirectiveSet, Request};
use anyhow::{Context, Result};
use bench::{Contender, Pace, ThreadTime, Timing, race};
use peers::scene::{self, ANCHOR, NOW};

/// The rules, and the tenants of the requests.
struct Task {
    /// Tenants and the code of their level: 1, 2 or 3.
    rules: Vec<(String, usize)>,
    asked: Vec<String>,
}

impl Task {
    /// The tenants of each level, in the order of their codes.
    fn by_level(&self) -> [Vec<&str>; 3] {
        [1, 2, 3].map(|level| {
            let of_level = self.rules.iter().filter(|(_, given)| *given == level);
            of_level.map(|(tenant, _)| tenant.as_str()).collect()
        })
    }
}

/// A line for each contender, ours first: the number of rules, the name and the nanoseconds, with tabs between.
fn main() -> Result<()> {
    for count in [100, 10_000] {
        for timing in timings(count).with_context(|| format!("at {count} rules"))? {
            println!("{count}\t{}\t{}", timing.name, timing.nanos);
        }
    }
    Ok(())
}

fn timings(count: usize) -> Result<Vec<Timing>> {
    let scene = scene::tenants(count);
    let task = Task {
        rules: (0..count).map(|place| (scene::tenant(place), place % 3 + 1)).collect(),
        asked: scene.facts.iter().map(|facts| facts.tenant.clone()).collect(),
    };
    let ours = DirectiveSet::decode(scene.document.as_bytes(), ANCHOR)?;
    let requests: Vec<Request<'_>> = scene.facts.iter().map(|facts| facts.request()).collect();
    let aldis = Contender::new(
        "Aldis",
        &requests,
        |request| ours.evaluate(request, NOW),
        |decision| decision.level.code().into(),
    );

    let yggdrasil = yggdrasil::Prepared::new(&task)?;
    let contexts = yggdrasil::contexts(&task);
    let cel = cel::Prepared::new(&task)?;
    let scopes = cel.scopes(&task);
    let launchdarkly = launchdarkly::Prepared::new(&task)?;
    let regorus = regorus::Prepared::new(&task)?;
    let cedar = cedar::Prepared::new(&task)?;
    let flagd = flagd::Prepared::new(&task);
    let datalogic = datalogic::Prepared::new(&task)?;
    let mut contenders = vec![aldis];
    contenders.extend(yggdrasil.contenders(&contexts));
    contenders.push(cel.contender(&scopes));
    contenders.push(launchdarkly.contender());
    contenders.extend(regorus.contenders()?);
    contenders.push(cedar.contender());
    contenders.extend(datalogic.contenders());
    contenders.push(flagd.contender());
    Ok(race(&mut contenders, Pace { rounds: 51, ..Pace::QUICK }, &ThreadTime)?)
}
