//! The judge of what one witness sees: nothing blanked, widened, revived or taken back, and all of it whole.

use super::document::SHORT;
use super::sight::Sight;

/// Looks at one sight after the other.
#[derive(Default)]
pub(super) struct Judge {
    /// The place of what shows among what was published.
    place: usize,
    last: Option<Sight>,
    short_is_over: bool,
    /// How many were published and never showed.
    pub(super) skipped: usize,
    /// How often the revision has decreased. It may once for each change of the cluster.
    pub(super) decreases: u32,
    pub(super) violations: Vec<String>,
}

impl Judge {
    pub(super) fn see(&mut self, published: &[String], sight: Sight) {
        if self.last.as_ref() == Some(&sight) {
            return;
        }
        let allowed = published.get(self.place..).unwrap_or_default();
        match allowed.iter().position(|ids| *ids == sight.ids) {
            Some(ahead) => {
                self.place += ahead;
                self.skipped += ahead.saturating_sub(1);
            }
            None => self.violate(what_is_wrong(published, &sight.ids), &sight),
        }
        self.judge_decisions(&sight);
        self.decreases += u32::from(self.last.as_ref().is_some_and(|last| sight.revision < last.revision));
        self.last = Some(sight);
    }

    /// The ids that were seen last.
    pub(super) fn sees(&self) -> Option<&str> {
        self.last.as_ref().map(|sight| sight.ids.as_str())
    }

    fn judge_decisions(&mut self, sight: &Sight) {
        let short = sight.has_on(SHORT);
        self.short_is_over |= !short && self.last.as_ref().is_some_and(|last| last.has_on(SHORT));
        for (what, is_so) in [
            ("switched off", sight.off.iter().any(|id| id != SHORT)),
            ("widened", sight.others),
            ("revived", short && self.short_is_over),
        ] {
            if is_so {
                self.violate(what, sight);
            }
        }
    }

    fn violate(&mut self, what: &str, sight: &Sight) {
        self.violations.push(format!("{what}: {:?}, then {sight:?}", self.last));
    }
}

/// Why these ids may not show now.
fn what_is_wrong(published: &[String], ids: &str) -> &'static str {
    let known = |id: &str| published.iter().any(|once| once.split(' ').any(|known| known == id));
    if published.iter().any(|once| once == ids) {
        "taken back"
    } else if ids.is_empty() {
        "blanked"
    } else if ids.split(' ').all(known) {
        "not whole"
    } else {
        "never published"
    }
}
