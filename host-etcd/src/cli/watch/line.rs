//! A change as one line.

use crate::answer::Event;
use crate::cli::Console;
use crate::cli::check::directives;
use crate::cli::console::{BAD, FAINT, GOOD, NOTICE};

/// A change as one line, for people.
pub(super) fn line(event: &Event<'_>) -> String {
    let (style, name, rest) = match event {
        Event::Applied { revision, digest, directives: count } => {
            let digest = Console::styled(FAINT, format!("digest {digest}"));
            (GOOD, "applied", format!("revision {revision}, {}, {digest}", directives(*count)))
        }
        Event::Refused { revision, key, error } => {
            (BAD, "refused", format!("revision {revision}, {key}: {}", error.0))
        }
        Event::Live => (GOOD, "live", "the source confirms what is in force".to_owned()),
        Event::Stale { for_ms, cause } => {
            (NOTICE, "stale", format!("last confirmed {for_ms} ms ago, what is in force stays so; {cause}"))
        }
        Event::Reconnecting { endpoint, cause, delay_ms } => {
            (FAINT, "reconnecting", format!("{endpoint} failed, next attempt in {delay_ms} ms; {cause}"))
        }
        Event::ClusterChanged { from, to } => {
            let from = format!("from {} at revision {}", from.cluster_id, from.revision);
            let to = format!("to {} at revision {}", to.cluster_id, to.revision);
            (NOTICE, "cluster changed", format!("{from} {to}"))
        }
        Event::Repaired { keys } => {
            (NOTICE, "repaired", format!("{keys} keys differed from what the source holds"))
        }
        Event::Other => (FAINT, "other", "a change of a kind unknown to this command".to_owned()),
    };
    format!("{} {rest}", Console::styled(style, format!("{name}:")))
}
