//! The known-bad twins of the judge: what it must never overlook.

use super::story::{Judge, Sight, Story};

const SIGHT: Sight = Sight { revision: 5, number: Some(2), short: true, others: false, bystanders: 3 };

/// A judge of a story of three numbers, who has seen the second.
fn verdict(sights: &[Sight]) -> (Vec<String>, u32) {
    let story = Story::default();
    for _ in 0..3 {
        story.next();
    }
    let mut judge = Judge::default();
    judge.see(&story, SIGHT);
    for sight in sights {
        judge.see(&story, *sight);
    }
    let kinds = judge.violations.iter().filter_map(|said| said.split(':').next().map(str::to_owned));
    (kinds.collect(), judge.decreases)
}

pub(crate) fn what_is_published_passes() {
    let third = Sight { revision: 6, number: Some(3), short: false, ..SIGHT };
    assert_eq!(verdict(&[SIGHT, third]), (Vec::new(), 0));
}

pub(crate) fn what_must_not_be_seen_is_found() {
    let over = Sight { short: false, ..SIGHT };
    for (sights, kind) in [
        (vec![Sight { number: None, ..SIGHT }], "blanked"),
        (vec![Sight { number: Some(1), ..SIGHT }], "taken back"),
        (vec![Sight { number: Some(4), ..SIGHT }], "taken back"),
        (vec![Sight { others: true, ..SIGHT }], "widened"),
        (vec![over, SIGHT], "revived"),
        (vec![Sight { bystanders: 2, ..SIGHT }], "not whole"),
    ] {
        assert_eq!(verdict(&sights).0, [kind], "{sights:?}");
    }
    assert_eq!(verdict(&[Sight { revision: 4, ..SIGHT }]), (Vec::new(), 1));
}
