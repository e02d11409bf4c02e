//! The faults that a single etcd behind a link can show, each on a real one: noticed in time where it is to be noticed,
//! converged in time once it stops, and nothing blanked, widened, revived or taken back meanwhile.
//!
//! Prints a line for each: `fault | version | noticed | converged`. Not under libtest, because cases that sleep most of
//! the time would run two at a time, and because one of them is a child process of this binary.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on ends, saying why; the figures are its result"
)]

#[path = "faults/access.rs"]
mod access;
#[path = "faults/case.rs"]
mod case;
#[path = "faults/endpoints.rs"]
mod endpoints;
#[path = "faults/history.rs"]
mod history;
#[path = "faults/network.rs"]
mod network;
#[path = "faults/panicked.rs"]
mod panicked;
#[path = "faults/paused.rs"]
mod paused;
#[path = "faults/server.rs"]
mod server;
#[allow(dead_code, reason = "the scripted tests use the rest")]
#[path = "ordeal/subject.rs"]
mod subject;
#[path = "ordeal/witnesses.rs"]
mod witnesses;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use rig::etcd::{Etcd, Version};
use rig::ordeal::Figures;

/// Cases at a time: what two processors carry without being late.
const AT_A_TIME: usize = 12;

/// One row of the table.
struct Fault {
    name: &'static str,
    /// Whether the generations of etcd may differ in it.
    on_all: bool,
    run: fn(&Version) -> Figures,
}

const fn on_all(name: &'static str, run: fn(&Version) -> Figures) -> Fault {
    Fault { name, on_all: true, run }
}

const fn on_newest(name: &'static str, run: fn(&Version) -> Figures) -> Fault {
    Fault { name, on_all: false, run }
}

/// The long ones first.
const FAULTS: &[Fault] = &[
    on_all("own process stopped for 60 s", paused::own_process_for_60_s),
    on_all("a watcher that fell behind a compaction", history::fell_behind_a_compaction),
    on_all("etcd stopped for 20 s", server::stopped_for_20_s),
    on_newest("etcd down for 15 s", server::down_for_15_s),
    on_newest("port closed for 15 s", network::port_closed),
    on_newest("flapping every 2 s", network::flapping),
    on_newest("a trickle of 2 000 bytes per second", network::trickle),
    on_newest("latency of 400 ms", network::latency),
    on_all("no space left", server::no_space),
    on_all("black hole both ways", network::black_hole),
    on_newest("black hole to the server", network::black_hole_to_server),
    on_newest("black hole to the client", network::black_hole_to_client),
    on_newest("flow dropped, new connections pass", network::forgotten_flow),
    on_newest("1 of 3 alive, the others black-holed, after a loss", endpoints::others_silent_after_a_loss),
    on_newest("1 of 3 alive, the others closed, after a loss", endpoints::others_closed_after_a_loss),
    on_all("1 of 3 alive, the others closed, with auth", endpoints::others_closed_with_auth),
    on_newest("1 of 3 alive, the others black-holed, with auth", endpoints::others_silent_with_auth),
    on_newest("1 of 3 alive, the others black-holed, at the start", endpoints::others_silent_at_start),
    on_newest("1 of 3 alive, the others closed, at the start", endpoints::others_closed_at_start),
    on_all("auth enabled, credentials at hand", access::enabled_while_running),
    on_all("auth enabled and disabled again", access::enabled_and_disabled_again),
    on_all("token expired", access::expired_token),
    on_all("role revoked and given back", access::revoked_and_given_back),
    on_all("8 x 1 MiB of history while cut, 6 MiB prefix", history::large_history),
    on_all("cut in the middle of a large list", history::cut_in_a_list),
    on_all("cut between the fragments of a history", history::cut_in_a_history),
    on_newest("6 MiB list over 1 MiB per second", history::large_list_over_a_slow_link),
    on_newest("the same behind small documents", history::large_behind_small_over_a_slow_link),
    on_all("12 MiB history over 1 MiB per second", history::large_history_over_a_slow_link),
    on_all("values of 1.4 MB", history::largest_values),
    on_all("wiped, same token, key present", server::wiped_key_present),
    on_all("wiped, same token, key absent", server::wiped_key_absent),
    on_newest("wiped, another token, key present", server::another_token_key_present),
    on_newest("wiped, another token, key absent", server::another_token_key_absent),
    on_all("compaction while cut", history::compacted_while_cut),
    on_all("killed and restarted", server::killed_and_restarted),
    on_all("task panic", panicked::task),
    on_all("cut", network::cut),
    on_newest("key deleted while cut", network::deleted_while_cut),
    on_newest("cut, new connections pass at once", network::reset),
];

fn main() -> ExitCode {
    paused::follow_if_asked();
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_A_TIME);
    let versions = Etcd::available();
    let trials = FAULTS.iter().flat_map(|fault| fault.trials(&versions)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

impl Fault {
    fn trials(&self, versions: &[Version]) -> Vec<Trial> {
        let chosen = if self.on_all { 0 } else { versions.len().saturating_sub(1) };
        let chosen = versions.iter().skip(chosen).cloned();
        let trial = |version: Version| {
            let (name, run) = (self.name, self.run);
            Trial::test(format!("{name}, {version}"), move || {
                let figures = run(&version);
                println!("{name} | {version} | {figures}");
                Ok(())
            })
        };
        chosen.map(trial).collect()
    }
}
