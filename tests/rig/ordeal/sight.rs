//! What one reader sees at one moment.

use aldis_core::{DiagLevel, DirectiveSet, Request, UnixMillis};
use serde::{Deserialize, Serialize};

/// What is in force, and what is decided by it. Expects documents of [`document`](super::document): each directive is
/// for the tenant that is called as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// At which it was observed.
    pub revision: u64,
    /// The ids in force, joined by blanks.
    pub ids: String,
    /// Those of them whose tenants are not traced.
    pub off: Vec<String>,
    /// Whether tenants are traced that nobody published anything for.
    pub others: bool,
}

impl Sight {
    /// What a reader of this set sees now.
    pub fn of(revision: u64, set: &DirectiveSet, now: UnixMillis) -> Self {
        let on = |tenant: Option<&str>| {
            set.evaluate(&Request { tenant, ..Request::EMPTY }, now).level != DiagLevel::Off
        };
        let (mut ids, mut off) = (String::new(), Vec::new());
        for directive in set.iter() {
            if !ids.is_empty() {
                ids.push(' ');
            }
            ids.push_str(&directive.id);
            if !on(Some(&directive.id)) {
                off.push(directive.id.into_owned());
            }
        }
        Self { revision, ids, off, others: on(Some("nobody's")) || on(None) }
    }

    /// Whether this directive is there and decides.
    pub(super) fn has_on(&self, id: &str) -> bool {
        self.ids.split(' ').any(|there| there == id) && !self.off.iter().any(|off| off == id)
    }
}
