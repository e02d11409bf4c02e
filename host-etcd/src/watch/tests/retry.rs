//! Rotation and backoff.

use std::time::Duration;

use super::bench::{Bench, connects, created, header, listing, refused, reports};
use crate::watch::machine::failed;
use crate::watch::{Input, Output, Report};

const SECOND: Duration = Duration::from_secs(1);

/// The delay that was reported last.
fn delay(outputs: &[Output]) -> Duration {
    match reports(outputs).last() {
        Some(Report::Reconnecting { delay, .. }) => *delay,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_round_tries_each_endpoint_without_waiting() {
    let mut bench = Bench::with(3, |_| {});
    assert_eq!(bench.outputs(), [Output::Connect { endpoint: 0 }]);
    for next in [1, 2] {
        let outputs = bench.handle(refused());
        assert_eq!((connects(&outputs), delay(&outputs)), (vec![next], Duration::ZERO));
    }
    let outputs = bench.handle(refused());
    assert_eq!(connects(&outputs), [] as [usize; 0], "a round has failed: now it waits");
    assert!(delay(&outputs) > Duration::ZERO);
    assert_eq!(bench.next_connect(), 0);
}

#[test]
fn the_first_round_fits_into_the_connect_timeout() {
    for endpoints in 1..6_u32 {
        let mut bench = Bench::with(usize::try_from(endpoints).expect("small"), |_| {});
        bench.outputs();
        let outputs = bench.pass(5 * SECOND);
        let failed =
            reports(&outputs).iter().filter(|report| matches!(report, Report::Reconnecting { .. })).count();
        assert!(
            failed >= usize::try_from(endpoints).expect("small"),
            "{endpoints} endpoints: {failed} have failed"
        );
    }
}

#[test]
fn a_round_of_silent_endpoints_never_takes_longer_than_ten_seconds() {
    for endpoints in 1..8 {
        let mut bench = Bench::with(endpoints, |_| {});
        bench.outputs();
        let mut last_seen = bench.now;
        for _ in 0..40 {
            if bench.next_connect() == 0 {
                assert!(bench.now - last_seen <= 10 * SECOND, "{endpoints} endpoints");
                last_seen = bench.now;
            }
        }
    }
}

#[test]
fn right_after_a_loss_silent_endpoints_are_left_sooner() {
    let silent = |bench: &mut Bench| {
        bench.next_connect();
        bench.until_due()
    };
    let mut bench = Bench::with(3, |_| {});
    bench.stand(10);
    let outputs = bench.pass(10 * SECOND);
    assert!(outputs.contains(&Output::Close));
    if connects(&outputs).is_empty() {
        bench.next_connect();
    }
    let first = [bench.until_due(), silent(&mut bench), silent(&mut bench)];
    assert!(first.iter().all(|&limit| limit <= SECOND * 4 / 3), "{first:?}");
    assert_eq!(silent(&mut bench), 3 * SECOND, "and then given more time");

    // A cluster far away takes longer, and is known to.
    let mut far = Bench::with(3, |config| config.connect_timeout = 9 * SECOND);
    far.outputs();
    far.pass(2 * SECOND);
    far.stand(10);
    far.handle(Input::StreamEnded(None));
    assert_eq!(silent(&mut far), 3 * SECOND);

    // A link that was slow once is not far.
    let mut near = Bench::with(3, |_| {});
    near.outputs();
    near.stand(10);
    for slow in [Duration::ZERO, SECOND] {
        near.handle(Input::StreamEnded(None));
        near.next_connect();
        near.pass(slow);
        near.handle(Input::Connected);
        near.handle(Input::Head(header(10)));
        near.acknowledge(10);
    }
    near.handle(Input::StreamEnded(None));
    assert_eq!(silent(&mut near), SECOND * 4 / 3);
}

#[test]
fn what_a_keepalive_has_waited_is_not_waited_once_more() {
    let mut bench = Bench::new();
    bench.stand(10);
    for _ in 0..12 {
        bench.handle(Input::StreamEnded(None));
        bench.next_connect();
        bench.handle(Input::Connected);
        bench.handle(Input::Head(header(10)));
        bench.acknowledge(10);
        // Nothing more is heard, though it is asked.
        bench.pass(9 * SECOND);
        let kept = delay(&bench.handle(Input::StreamEnded(Some(failed("keepalive")))));
        assert!(kept <= Duration::from_secs(1), "{kept:?}");
        bench.next_connect();
        bench.handle(Input::Connected);
        bench.handle(Input::Head(header(10)));
        bench.acknowledge(10);
    }
}

#[test]
fn the_very_first_retry_is_spread() {
    let mut windows = [0_u32; 16];
    for seed in 0..1_600 {
        let mut bench = Bench::with(1, |config| config.seed = seed);
        bench.stand(10);
        let millis = delay(&bench.handle(Input::StreamEnded(None))).as_millis();
        windows[usize::try_from(millis / 51).expect("small")] += 1;
    }
    assert!(windows.iter().all(|&count| (50..200).contains(&count)), "{windows:?}");
}

/// A server that ends takes all of them with it: whoever is connecting, listing, opening a watch.
#[test]
fn attempts_that_one_event_may_end_for_all_are_spread_however_far_they_have_come() {
    let steps = [Input::Connected, Input::Listed(listing(10, &[])), created(10)];
    for (endpoints, done) in
        (1..=3).flat_map(|endpoints| (0..=steps.len()).map(move |done| (endpoints, done)))
    {
        let at_once = |seed: &u64| {
            let mut bench = Bench::with(endpoints, |config| config.seed = *seed);
            for _ in 0..endpoints {
                bench.handle(refused());
            }
            bench.next_connect();
            for step in steps.iter().take(done) {
                bench.handle(step.clone());
            }
            bench.pass(2 * SECOND);
            let outputs = bench.handle(if done < 3 { refused() } else { Input::StreamEnded(None) });
            delay(&outputs) < Duration::from_millis(50)
        };
        let crowd = (0..150).filter(at_once).count();
        assert!(crowd <= 30, "{crowd} at once, with {endpoints} endpoints and after {done} steps");
    }
}

#[test]
fn instances_that_begin_in_one_instant_fall_out_of_step_with_the_first_silence() {
    let steps = [Input::Connected, Input::Listed(listing(10, &[])), created(10)];
    for (endpoints, done) in
        (1..=3).flat_map(|endpoints| (0..=steps.len()).map(move |done| (endpoints, done)))
    {
        let retries: Vec<Duration> = (0..150)
            .map(|seed| {
                let mut bench = Bench::with(endpoints, |config| config.seed = seed);
                let began = bench.now;
                bench.outputs();
                for step in steps.iter().take(done) {
                    bench.handle(step.clone());
                }
                let mut outputs = Vec::new();
                while connects(&outputs).last() != Some(&0) {
                    assert!(bench.now - began < 100 * SECOND, "it never comes back to the first endpoint");
                    bench.now = bench.watch.deadline();
                    outputs = bench.handle(Input::TimerFired);
                }
                bench.now - began
            })
            .collect();
        let within = |from: &Duration| {
            retries.iter().filter(|at| (*from..*from + Duration::from_millis(50)).contains(*at)).count()
        };
        let crowd = retries.iter().map(within).max();
        assert!(crowd <= Some(30), "{crowd:?} at once, with {endpoints} endpoints and after {done} steps");
    }
}

#[test]
fn delays_grow_by_the_round_up_to_the_cap() {
    let ceilings = [800, 1_600, 3_200, 6_400, 10_000, 10_000].map(Duration::from_millis);
    let mut longest = [Duration::ZERO; 6];
    for seed in 0..200 {
        let mut bench = Bench::with(2, |config| config.seed = seed);
        bench.outputs();
        for (ceiling, longest) in ceilings.into_iter().zip(&mut longest) {
            assert_eq!(delay(&bench.handle(refused())), Duration::ZERO);
            let delay = delay(&bench.handle(refused()));
            assert!(delay <= ceiling, "seed {seed}: {delay:?} above {ceiling:?}");
            *longest = delay.max(*longest);
            if !delay.is_zero() {
                bench.next_connect();
            }
        }
    }
    let reaches = ceilings.iter().zip(longest).all(|(ceiling, longest)| longest * 10 > *ceiling * 9);
    assert!(reaches, "{longest:?} are to come close to {ceilings:?}");
}

#[test]
fn delays_start_over_only_after_a_stretch_of_health() {
    let longest_delay = |stands_for: Duration| {
        let mut longest = Duration::ZERO;
        let mut bench = Bench::with(1, |config| config.verify_every = 3600 * SECOND);
        bench.stand(10);
        for _ in 0..60 {
            for _ in 0..stands_for.as_secs() {
                bench.pass(SECOND);
                bench.handle(super::bench::progress(10));
            }
            let outputs = bench.handle(Input::StreamEnded(None));
            longest = longest.max(delay(&outputs));
            if connects(&outputs).is_empty() {
                bench.next_connect();
            }
            bench.handle(Input::Connected);
            bench.handle(Input::Head(header(10)));
            bench.acknowledge(10);
        }
        longest
    };
    assert!(longest_delay(2 * SECOND) > 5 * SECOND, "a link that flaps is not healthy");
    assert!(longest_delay(25 * SECOND) <= Duration::from_millis(800));
}

#[test]
fn silence_counts_as_waiting_but_the_retry_is_spread_all_the_same() {
    let mut delays = Vec::new();
    for seed in 0..200 {
        let mut bench = Bench::with(1, |config| config.seed = seed);
        bench.stand(10);
        // A link that flaps: the ceiling is ten seconds by now.
        for _ in 0..8 {
            bench.reconnect();
            bench.handle(Input::Head(header(10)));
            bench.acknowledge(10);
        }
        let outputs = bench.pass(10 * SECOND);
        delays.push(delay(&outputs));
    }
    assert!(delays.iter().all(|&delay| delay <= Duration::from_millis(800)));
    assert!(delays.iter().filter(|&&delay| delay < Duration::from_millis(50)).count() < 30);
}

#[test]
fn so_does_a_call_that_was_not_answered() {
    // Given up by the backend, by us, or broken off late: the wait was the same.
    for (wait, fails) in [(5, Some(refused())), (60, None)] {
        for seed in 0..200 {
            let mut bench = Bench::with(1, |config| config.seed = seed);
            bench.stand(10);
            for _ in 0..8 {
                bench.reconnect();
                bench.handle(Input::Head(header(10)));
                bench.acknowledge(10);
            }
            bench.handle(super::bench::canceled(Some(9), ""));
            let mut outputs = bench.pass(wait * SECOND);
            outputs.extend(fails.iter().flat_map(|failed| bench.handle(failed.clone())));
            let delay = delay(&outputs);
            assert!(
                delay + wait * SECOND <= Duration::from_millis(10_000).max(wait * SECOND + SECOND),
                "{delay:?}"
            );
        }
    }
}

#[test]
fn a_watch_that_never_stands_counts_as_a_failure_though_the_list_was_read() {
    let mut bench = Bench::with(2, |_| {});
    bench.handle(Input::Connected);
    bench.handle(Input::Listed(listing(10, &[])));
    let outputs = bench.handle(refused());
    assert_eq!(connects(&outputs), [1]);
    bench.handle(Input::Connected);
    bench.handle(Input::Head(header(10)));
    bench.handle(created(10));
    let outputs = bench.handle(Input::StreamEnded(None));
    assert_eq!(connects(&outputs), [] as [usize; 0]);
    assert!(delay(&outputs) > Duration::ZERO);
}

#[test]
fn a_loss_moves_on_to_the_next_endpoint() {
    let mut bench = Bench::with(3, |_| {});
    bench.stand(10);
    bench.handle(Input::StreamEnded(None));
    assert_eq!(bench.next_connect(), 1);
}
