//! All that is known of an ordeal so far, and what is wrong with it.

use std::time::{Duration, Instant};

use super::CONVERGED_WITHIN;
use super::figures::Figures;
use super::judge::Judge;
use super::sight::Sight;

pub(super) struct Course {
    /// What may show, in order. What shows never goes back.
    pub(super) published: Vec<String>,
    witnesses: Vec<(&'static str, Judge)>,
    /// How often the store has reported that it follows another cluster.
    pub(super) cluster_changes: u32,
    pub(super) began: Instant,
    pub(super) stopped: Option<Instant>,
    /// What the transfer of the present value takes by itself.
    pub(super) transfer: Duration,
    pub(super) figures: Figures,
}

impl Course {
    /// It begins now.
    pub(super) fn new(shown: &str) -> Self {
        Self {
            published: vec![shown.to_owned()],
            witnesses: Vec::new(),
            cluster_changes: 0,
            began: Instant::now(),
            stopped: None,
            transfer: Duration::ZERO,
            figures: Figures::default(),
        }
    }

    /// Returns the place of the new witness.
    pub(super) fn joined_by(&mut self, who: &'static str) -> usize {
        self.witnesses.push((who, Judge::default()));
        self.witnesses.len() - 1
    }

    pub(super) fn seen_by(&mut self, place: usize, sight: Sight) {
        if let Some((_, judge)) = self.witnesses.get_mut(place) {
            judge.see(&self.published, sight);
        }
    }

    pub(super) fn skipped(&self) -> usize {
        self.judges().map(|judge| judge.skipped).min().unwrap_or_default()
    }

    pub(super) fn decreases(&self) -> u32 {
        self.judges().map(|judge| judge.decreases).max().unwrap_or_default()
    }

    pub(super) fn newest_is_seen(&self) -> bool {
        let newest = self.published.last().map(String::as_str);
        self.judges().all(|judge| judge.sees() == newest)
    }

    /// Since when the store may converge, and how long it may take.
    pub(super) fn convergence(&mut self) -> (Instant, Duration) {
        (*self.stopped.get_or_insert_with(Instant::now), CONVERGED_WITHIN + self.transfer)
    }

    /// What was seen so far that must not be.
    pub(super) fn violations(&self) -> Vec<String> {
        let said = |(who, judge): &(&str, Judge)| {
            judge.violations.iter().map(|violation| format!("{who} saw {violation}")).collect::<Vec<_>>()
        };
        self.witnesses.iter().flat_map(said).collect()
    }

    /// All that is wrong at the end, after so many changes of the cluster.
    pub(super) fn verdict(&self, cluster_changes: u32) -> Vec<String> {
        let mut wrong = self.violations();
        for (who, judge) in &self.witnesses {
            if judge.decreases > self.cluster_changes {
                wrong.push(format!("{who} saw the revision decrease {} times", judge.decreases));
            }
            if judge.sees().is_none() {
                wrong.push(format!("{who} saw nothing at all"));
            }
        }
        if self.witnesses.is_empty() {
            wrong.push("nobody looked".to_owned());
        }
        if self.cluster_changes != cluster_changes {
            wrong.push(format!("{} changes of the cluster, not {cluster_changes}", self.cluster_changes));
        }
        wrong
    }

    fn judges(&self) -> impl Iterator<Item = &Judge> {
        self.witnesses.iter().map(|(_, judge)| judge)
    }
}
