//! After a restart: what is held already.

use std::time::Duration;

use super::bench::{Bench, created, header, listing, open, progress};
use crate::kv::Revision;
use crate::watch::{Input, Output, Report};

fn holding(revision: u64) -> Bench {
    let mut bench = Bench::with(1, |config| config.held = Some(header(revision)));
    assert_eq!(bench.outputs(), [Output::Connect { endpoint: 0 }]);
    bench
}

#[test]
fn it_lists_anew_all_the_same() {
    let mut bench = holding(20);
    assert!(bench.handle(Input::Connected).contains(&Output::List));
    let list = listing(25, &[("d/a", 3)]);
    let outputs = bench.handle(Input::Listed(list.clone()));
    assert_eq!(outputs.first(), Some(&Output::Replace(list)));
    assert_eq!(outputs.last(), Some(&open(26)));
    bench.handle(created(25));
    bench.handle(progress(25));
    assert_eq!(bench.watch.delivered().map(|header| header.revision), Some(Revision::new(25)));
}

#[test]
fn a_server_behind_it_is_read_again_before_it_is_believed_and_the_change_is_told() {
    let mut bench = holding(20);
    bench.handle(Input::Connected);
    for _ in 0..3 {
        assert_eq!(bench.handle(Input::Listed(listing(19, &[]))), []);
        let pause = bench.until_due();
        assert!(pause <= Duration::from_millis(500));
        assert_eq!(bench.pass(pause), [Output::List]);
    }
    let outputs = bench.handle(Input::Listed(listing(19, &[])));
    let changed = Report::ClusterChanged { from: header(20), to: header(19) };
    assert!(outputs.contains(&Output::Report(changed)), "{outputs:?}");
    assert!(outputs.contains(&Output::Replace(listing(19, &[]))));
}

#[test]
fn a_member_that_lagged_and_has_caught_up_is_not_a_change() {
    let mut bench = holding(20);
    bench.handle(Input::Connected);
    bench.handle(Input::Listed(listing(19, &[])));
    bench.pass(Duration::from_millis(500));
    let outputs = bench.handle(Input::Listed(listing(20, &[])));
    assert!(outputs.contains(&Output::Replace(listing(20, &[]))));
    assert!(!outputs.iter().any(|output| matches!(output, Output::Report(Report::ClusterChanged { .. }))));
}

#[test]
fn the_first_read_shares_the_connect_timeout_and_a_second_one_has_as_long() {
    let connect_timeout = Duration::from_secs(2);
    let configure = |config: &mut crate::watch::Config| {
        config.held = Some(header(20));
        config.connect_timeout = connect_timeout;
    };
    let mut bench = Bench::with(1, configure);
    bench.outputs();
    bench.pass(Duration::from_millis(1_500));
    bench.handle(Input::Connected);
    assert_eq!(bench.until_due(), Duration::from_millis(500), "a server that is silent is not waited for");

    bench.pass(Duration::from_millis(499));
    bench.handle(Input::Listed(listing(19, &[])));
    let pause = bench.until_due();
    assert_eq!(bench.pass(pause), [Output::List]);
    assert_eq!(bench.until_due(), connect_timeout, "it has answered, and is to be believed soon");
}
