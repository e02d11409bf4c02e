//! Asks so many requests, one after the other, for valgrind to count: `aldis-peers-asks ours|theirs DIRECTIVES REQUESTS`.

use std::env;
use std::hint::black_box;

use aldis_core::{DirectiveSet, Request};
use anyhow::{Context, Result, bail};
use peers::reference::{Owned, Prepared, Reference};
use peers::scene::{self, ANCHOR, NOW};

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let who = arguments.next().context("who is asked?")?;
    let directives = arguments.next().context("of how many directives?")?.parse()?;
    let requests: usize = arguments.next().context("how often?")?.parse()?;
    let scene = scene::tenants(directives);
    match who.as_str() {
        "ours" => {
            let set = DirectiveSet::decode(scene.document.as_bytes(), ANCHOR)?;
            let asked: Vec<Request<'_>> = scene.facts.iter().map(|facts| facts.request()).collect();
            ask(&asked, requests, |request| set.evaluate(request, NOW));
        }
        "theirs" => {
            let set = Reference::decode(scene.document.as_bytes())?;
            let owned = scene.facts.iter().map(Owned::of).collect::<Result<Vec<_>>>()?;
            let asked: Vec<Prepared<'_>> = owned.iter().map(Owned::prepared).collect();
            ask(&asked, requests, |request| set.ask(request));
        }
        who => bail!("nobody is called {who}"),
    }
    Ok(())
}

fn ask<R, A>(asked: &[R], requests: usize, ask: impl Fn(&R) -> A) {
    for request in asked.iter().cycle().take(requests) {
        black_box(ask(black_box(request)));
    }
}
