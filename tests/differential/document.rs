//! Documents in the vocabulary of the reference, as text that no JSON library would write: a field may stand there twice.

use std::time::Duration;

use aldis_core::{Directive, SampleBy, StrList};
use proptest::strategy::Strategy;
use rig::generate::{self, NOW};

/// How long after its anchor a document is asked: at its beginning, and on both sides of the two ends that it has.
pub(crate) const LATE: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(8_999),
    Duration::from_millis(9_000),
    Duration::from_millis(9_999),
    Duration::from_millis(10_000),
];

/// A document before it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    /// What stands under `directives` where that is given a first time, to be given again.
    pub(crate) earlier: Option<String>,
    pub(crate) directives: Vec<Entries>,
    /// Blanks behind it.
    pub(crate) padding: usize,
}

/// The fields of one directive: the name without its quotes, and the value, both as they are written.
pub(crate) type Entries = Vec<(String, String)>;

/// Documents that both take, with relative lifetimes: what ends ten seconds from now does so, the rest a second earlier.
pub(crate) fn documents() -> impl Strategy<Value = Document> {
    generate::directives(0..=9).prop_map(as_the_reference_has_them).prop_map(|directives| Document {
        directives: directives.iter().map(entries).collect(),
        ..Document::default()
    })
}

impl Document {
    /// What is published.
    pub(crate) fn text(&self) -> String {
        let entry = |(name, value): &(String, String)| format!(r#""{name}":{value}"#);
        let directive =
            |entries: &Entries| format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","));
        let directives = self.directives.iter().map(directive).collect::<Vec<_>>().join(",");
        let earlier =
            self.earlier.iter().map(|value| format!(r#""directives":{value},"#)).collect::<String>();
        format!(r#"{{{earlier}"directives":[{directives}]}}{}"#, " ".repeat(self.padding))
    }
}

fn entries(directive: &Directive<'_>) -> Entries {
    let mut json = serde_json::to_value(directive).expect("serializes");
    let fields = json.as_object_mut().expect("is an object");
    fields.remove("expires_at");
    let ttl_secs = if directive.expires_at == NOW.saturating_add_secs(10) { 10 } else { 9 };
    fields.insert("ttl_secs".to_string(), ttl_secs.into());
    fields.iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
}

/// Directives reduced to the fields that the reference knows.
fn as_the_reference_has_them(mut directives: Vec<Directive<'static>>) -> Vec<Directive<'static>> {
    for directive in &mut directives {
        let target = &mut directive.target;
        for list in [&mut target.tenants, &mut target.indices, &mut target.principals] {
            if let Some(first) = list.as_slice().first() {
                *list = StrList::One(first.clone());
            }
        }
        target.endpoints = target.endpoints.iter().take(1).collect();
        target.labels.clear();
        directive.sampling.by = SampleBy::RequestId;
        directive.sampling.salt = None;
        directive.not_before = None;
        directive.suppress = false;
    }
    directives
}
