//! The classes of documents that the reference takes and we refuse: for each, the reason we give, and how to make one.

use aldis_core::limits::{MAX_BODY_BYTES, MAX_DIRECTIVES, MAX_ID_BYTES, MAX_TARGET_BYTES, MAX_TTL_SECS};
use aldis_core::{DecodeError, Field, Reason, decode};
use fastrand::Rng;
use rig::generate::NOW;

use crate::document::{Document, Entries};

/// One class, and its row in `tests/vectors/README.md`.
#[derive(Clone, Copy)]
pub(crate) struct Class {
    /// Why we refuse it; none: for whatever is wrong with the value that the reference does not look at.
    pub(crate) reason: Option<Reason>,
    /// Which documents these are, in the words of the description.
    pub(crate) what: &'static str,
    /// The fields that are refused; empty: any, or the document as a whole.
    pub(crate) fields: &'static [Field],
    /// Makes one of the class out of a document that both take.
    pub(crate) spoil: fn(&mut Document, &mut Rng),
}

const TARGETS: &[Field] = &[Field::Tenant, Field::Index, Field::Principal];
const FLAGS: &[Field] = &[Field::RingBuffer, Field::Capture];
const TARGETS_AND_FLAGS: &[Field] =
    &[Field::Tenant, Field::Index, Field::Principal, Field::RingBuffer, Field::Capture];

/// The list, in the order of its description.
pub(crate) const ALL: [Class; 12] = [
    Class {
        reason: Some(Reason::WrongType),
        what: "`tenant`, `index` or `principal` is not a string",
        fields: TARGETS,
        spoil: |document, rng| {
            let value =
                pick(rng, &["5", "-1", "1.5", "123456789012345678901", "null", "true", "[\"acme\"]", "{}"]);
            set(directive(document, rng), pick(rng, TARGETS), value);
        },
    },
    Class {
        reason: Some(Reason::WrongType),
        what: "`ring_buffer` or `capture` is not a boolean",
        fields: FLAGS,
        spoil: |document, rng| {
            let value = pick(rng, &["1", "0", "null", "\"true\"", "\"\"", "[true]", "{}"]);
            set(directive(document, rng), pick(rng, FLAGS), value);
        },
    },
    Class {
        reason: Some(Reason::TooDeep),
        what: "one of these is an array or an object that nests deeper than 8",
        fields: TARGETS_AND_FLAGS,
        spoil: |document, rng| {
            let value = nested(rng.usize(6..=100), rng.bool());
            set(directive(document, rng), pick(rng, TARGETS_AND_FLAGS), &value);
        },
    },
    Class {
        reason: Some(Reason::DuplicateField),
        what: "a field is given twice",
        fields: &[],
        spoil: |document, rng| match rng.u8(..4) {
            0 => document.earlier = Some("[]".to_string()),
            _ => {
                let entries = directive(document, rng);
                let place = rng.usize(..entries.len());
                let (name, value) = entries.get(place).expect("is in the directive").clone();
                let name = if rng.bool() { escaped(&name) } else { name };
                entries.insert(rng.usize(..=entries.len()), (name, value));
            }
        },
    },
    Class {
        reason: Some(Reason::BadId),
        what: "an `id` is empty, longer than 128 bytes, or holds a control character",
        fields: &[Field::Id],
        spoil: |document, rng| {
            let long = quoted(&"i".repeat(MAX_ID_BYTES + rng.usize(1..=200)));
            let value = pick(rng, &["\"\"", "\"a\\nb\"", "\"\\u0000\"", "\"\u{7f}\"", "\"\u{85}\"", &long]);
            set(directive(document, rng), Field::Id, value);
        },
    },
    Class {
        reason: Some(Reason::DuplicateId),
        what: "two directives have the same `id`",
        fields: &[Field::Id],
        spoil: |document, rng| {
            let again = directive(document, rng).clone();
            document.directives.insert(rng.usize(..=document.directives.len()), again);
        },
    },
    Class {
        reason: Some(Reason::EmptyTarget),
        what: "`tenant`, `index` or `principal` is empty",
        fields: TARGETS,
        spoil: |document, rng| set(directive(document, rng), pick(rng, TARGETS), "\"\""),
    },
    Class {
        reason: Some(Reason::TargetTooLong),
        what: "`tenant`, `index` or `principal` is longer than 256 bytes",
        fields: TARGETS,
        spoil: |document, rng| {
            let long = quoted(&"t".repeat(MAX_TARGET_BYTES + rng.usize(1..=500)));
            set(directive(document, rng), pick(rng, TARGETS), &long);
        },
    },
    Class {
        reason: Some(Reason::TtlTooLong),
        what: "`ttl_secs` is more than a year",
        fields: &[Field::TtlSecs],
        spoil: |document, rng| {
            let any = rng.u64(MAX_TTL_SECS + 1..);
            let seconds = pick(rng, &[MAX_TTL_SECS + 1, any, u64::MAX]);
            set(directive(document, rng), Field::TtlSecs, &seconds.to_string());
        },
    },
    Class {
        reason: Some(Reason::BodyTooLarge),
        what: "the document is larger than 16 MiB",
        fields: &[],
        spoil: |document, _| document.padding = MAX_BODY_BYTES,
    },
    Class {
        reason: Some(Reason::TooManyDirectives),
        what: "the document has more than 200 000 directives",
        fields: &[],
        spoil: |document, _| {
            let directive = |place: usize| {
                let values = [
                    (Field::Id, quoted(&place.to_string())),
                    (Field::Level, "\"Off\"".to_string()),
                    (Field::TtlSecs, "9".to_string()),
                ];
                values.map(|(field, value)| (field.as_str().to_string(), value)).to_vec()
            };
            document.directives = (0..=MAX_DIRECTIVES).map(directive).collect();
        },
    },
    Class {
        reason: None,
        what: "a field is given twice, and what stands there first is wrong by itself",
        fields: &[],
        spoil: |document, rng| match rng.u8(..4) {
            0 => {
                document.earlier =
                    Some(pick(rng, &["5", "null", "[{}]", "[{\"tennant\":\"x\"}]"]).to_string());
            }
            _ => {
                let (field, value) = pick(
                    rng,
                    &[
                        (Field::Id, "5"),
                        (Field::Level, "\"Loud\""),
                        (Field::TtlSecs, "0"),
                        (Field::TtlSecs, "\"60\""),
                        (Field::SamplePerMille, "1001"),
                        (Field::Endpoint, "\"Serach\""),
                        (Field::Endpoint, "null"),
                    ],
                );
                let entries = directive(document, rng);
                if entries.iter().all(|(name, _)| name != field.as_str()) {
                    entries.push((field.as_str().to_string(), right(field).to_string()));
                }
                entries.insert(0, (field.as_str().to_string(), value.to_string()));
            }
        },
    },
];

impl Class {
    /// Whether a refusal of a document that the reference takes is one of this class.
    pub(crate) fn covers(&self, body: &[u8], refusal: &DecodeError) -> bool {
        match self.reason {
            Some(reason) => reason == refusal.reason() && self.is_of_its_fields(refusal.path()),
            // The bytes themselves, and the repetition itself, have classes of their own.
            None if matches!(refusal.reason(), Reason::BodyTooLarge | Reason::DuplicateField) => false,
            None => is_not_looked_at(body, refusal),
        }
    }

    /// Making one, and reading it, takes seconds.
    pub(crate) fn is_large(&self) -> bool {
        matches!(self.reason, Some(Reason::BodyTooLarge | Reason::TooManyDirectives))
    }

    fn is_of_its_fields(&self, path: &str) -> bool {
        let field = path.split_once("].").and_then(|(_, field)| Field::from_name(field));
        self.fields.is_empty() || field.is_some_and(|field| self.fields.contains(&field))
    }
}

/// Whether the error goes once only the last of each name is left, which is all that the reference reads.
fn is_not_looked_at(body: &[u8], refusal: &DecodeError) -> bool {
    let last_wins: serde_json::Value = serde_json::from_slice(body).expect("the reference takes it");
    let again = decode(last_wins.to_string().as_bytes(), NOW).err();
    again.is_none_or(|again| (again.reason(), again.path()) != (refusal.reason(), refusal.path()))
}

/// One of the document's directives, which gets one if it has none.
fn directive<'d>(document: &'d mut Document, rng: &mut Rng) -> &'d mut Entries {
    if document.directives.is_empty() {
        let fields = [Field::Id, Field::Level, Field::TtlSecs];
        let entries = fields.map(|field| (field.as_str().to_string(), right(field).to_string()));
        document.directives.push(entries.to_vec());
    }
    let place = rng.usize(..document.directives.len());
    document.directives.get_mut(place).expect("is in the document")
}

fn set(entries: &mut Entries, field: Field, value: &str) {
    match entries.iter_mut().find(|(name, _)| name == field.as_str()) {
        Some((_, old)) => *old = value.to_string(),
        None => entries.push((field.as_str().to_string(), value.to_string())),
    }
}

/// A value that both take.
fn right(field: Field) -> &'static str {
    match field {
        Field::TtlSecs => "10",
        Field::SamplePerMille => "500",
        Field::Endpoint => "\"Search\"",
        Field::Level => "\"Shape\"",
        _ => "\"right\"",
    }
}

fn nested(depth: usize, objects: bool) -> String {
    let (open, close) = if objects { ("{\"a\":", "}") } else { ("[", "]") };
    let innermost = if objects { "{}" } else { "[]" };
    open.repeat(depth - 1) + innermost + &close.repeat(depth - 1)
}

/// The name with its first letter as an escape.
fn escaped(name: &str) -> String {
    let first = name.bytes().next().expect("a name is not empty");
    format!("\\u{first:04x}{}", name.get(1..).expect("begins with ASCII"))
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    *rng.choice(from).expect("there is something")
}
