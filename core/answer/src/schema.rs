//! The JSON Schema of documents, for editors.
//!
//! It is made of the tables and limits that the decoder reads by, so it cannot fall behind them: a field that core comes
//! to know and that is not described here does not compile. What the decoder takes is valid by the schema. The reverse does
//! not hold, as a schema cannot say everything: it counts characters where the limits count bytes, and knows nothing of
//! ids that are given twice, of fields that are given twice, of combinations of lists, or of the 30th of February. What it
//! says of a document is a hint while it is written; what holds is `aldis check`.

use alloc::vec;
use alloc::vec::Vec;

use aldis_core::limits::{
    FULL_SAMPLE, MAX_ANY_OF, MAX_DIRECTIVES, MAX_ID_BYTES, MAX_LABELS, MAX_SALT_BYTES, MAX_TARGET_BYTES,
    MAX_TTL_SECS,
};
use aldis_core::{DiagLevel, EndpointKind, Field, Reason, SampleBy};

mod json;

pub use json::Json;
use json::object;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// As core reads RFC 3339: from 1970 (in an offset before Greenwich that may still be written 1969) to 9999, up to nine
/// digits behind the second, no leap seconds.
const TIMESTAMP: &str = "^(1969|19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\
    [Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";

const NO_CONTROL_CHARACTERS: &str = "^[^\\x00-\\x1f\\x7f-\\x9f]*$";

/// The schema of a document, draft 2020-12.
#[must_use]
pub fn schema() -> Json {
    let directives = typed("array", "What is turned up or down; empty: everything is off.")
        .with("maxItems", MAX_DIRECTIVES)
        .with("items", directive());
    object()
        .with("$schema", DIALECT)
        .with("title", "Aldis directive set")
        .with("description", "Who is watched, how closely, for how long. Accepted whole or refused whole.")
        .with("type", "object")
        .with("properties", object().with("directives", directives))
        .with("required", ["directives"])
        .with("additionalProperties", false)
}

fn directive() -> Json {
    let properties = Field::ALL.iter().fold(object(), |all, &field| all.with(field.as_str(), value(field)));
    typed("object", "One rule: it applies to the requests that every target it names fits.")
        .with("properties", properties)
        .with("required", [Field::Id.as_str(), Field::Level.as_str()])
        .with("additionalProperties", false)
        .with("allOf", rules())
}

/// What holds between fields.
fn rules() -> Vec<Json> {
    let each_pair_once =
        |&field: &Field| field.rival().filter(|(rival, _)| field < *rival).map(|rival| (field, rival));
    let rivals = Field::ALL.iter().filter_map(each_pair_once).map(|(field, (rival, why))| match why {
        Reason::ConflictingExpiry => object().with("oneOf", vec![required(&[field]), required(&[rival])]),
        _ => object().with("not", required(&[field, rival])),
    });
    let suppresses = is(Field::Suppress, true).with("required", [Field::Suppress.as_str()]);
    let is_off = is(Field::Level, DiagLevel::Off.as_str());
    rivals.chain([object().with("if", suppresses).with("then", is_off)]).collect()
}

fn required(fields: &[Field]) -> Json {
    object().with("required", fields.iter().map(|field| field.as_str()).collect::<Json>())
}

/// That a field, if it is there, has this value.
fn is(field: Field, value: impl Into<Json>) -> Json {
    object().with("properties", object().with(field.as_str(), object().with("const", value)))
}

fn value(field: Field) -> Json {
    let about = about(field);
    match field {
        Field::Id => sized(typed("string", about), MAX_ID_BYTES).with("pattern", NO_CONTROL_CHARACTERS),
        Field::Level => name(about, DiagLevel::ALL.iter().map(|level| level.as_str())),
        Field::TtlSecs => integer(about, 1, MAX_TTL_SECS),
        Field::ExpiresAt | Field::NotBefore => {
            typed("string", about).with("format", "date-time").with("pattern", TIMESTAMP)
        }
        Field::Tenant | Field::Index | Field::Principal => sized(typed("string", about), MAX_TARGET_BYTES),
        Field::Tenants | Field::Indices | Field::Principals => any_of(about, target()),
        Field::Endpoint => name(about, endpoints()),
        Field::Endpoints => any_of(about, object().with("enum", endpoints().collect::<Json>())),
        Field::Labels => typed("object", about)
            .with("minProperties", 1_u64)
            .with("maxProperties", MAX_LABELS)
            .with("propertyNames", sized(object(), MAX_TARGET_BYTES))
            .with("additionalProperties", target()),
        Field::SamplePerMille => integer(about, 0, FULL_SAMPLE.into()).with("default", FULL_SAMPLE),
        Field::SampleBy => name(about, SampleBy::ALL.iter().map(|by| by.as_str()))
            .with("default", SampleBy::RequestId.as_str()),
        Field::Salt => typed("string", about).with("maxLength", MAX_SALT_BYTES),
        Field::RingBuffer | Field::Capture | Field::Suppress => {
            typed("boolean", about).with("default", false)
        }
    }
}

const fn about(field: Field) -> &'static str {
    match field {
        Field::Id => "What operators call it; unique in the document.",
        Field::Level => "How much to record. Of the directives that apply, the highest level decides.",
        Field::TtlSecs => {
            "Seconds until it ends, counted from when this revision of the document was first seen."
        }
        Field::ExpiresAt => "When it ends, by RFC 3339 with offset; instead of ttl_secs.",
        Field::NotBefore => "When it begins, by RFC 3339 with offset.",
        Field::Tenant => "Only requests of this tenant.",
        Field::Tenants => "Only requests of one of these tenants.",
        Field::Index => "Only requests to this index.",
        Field::Indices => "Only requests to one of these indices.",
        Field::Principal => "Only requests by this principal.",
        Field::Principals => "Only requests by one of these principals.",
        Field::Endpoint => "Only requests to this endpoint. Unknown is a kind of its own, not a wildcard.",
        Field::Endpoints => "Only requests to one of these endpoints.",
        Field::Labels => "Only requests that carry each of these labels with this value.",
        Field::SamplePerMille => "How many of a thousand matching requests it takes.",
        Field::SampleBy => "What is taken together: requests with the same value are all taken, or none is.",
        Field::Salt => "Makes samples of equal rate differ from one another.",
        Field::RingBuffer => "Keep the exchange in the instance's ring buffer.",
        Field::Capture => "Send the exchange to the fleet's capture sink.",
        Field::Suppress => {
            "Turn everything off for the requests it takes, whatever else applies; needs the level Off."
        }
    }
}

fn typed(kind: &'static str, about: &'static str) -> Json {
    object().with("description", about).with("type", kind)
}

/// A text of one to so many bytes. A schema counts characters, of which there are never more.
fn sized(text: Json, most: usize) -> Json {
    text.with("minLength", 1_u64).with("maxLength", most)
}

fn integer(about: &'static str, least: u64, most: u64) -> Json {
    typed("integer", about).with("minimum", least).with("maximum", most)
}

fn name(about: &'static str, names: impl Iterator<Item = &'static str>) -> Json {
    object().with("description", about).with("enum", names.collect::<Json>())
}

fn endpoints() -> impl Iterator<Item = &'static str> {
    EndpointKind::ALL.iter().map(|kind| kind.as_str())
}

fn target() -> Json {
    sized(object().with("type", "string"), MAX_TARGET_BYTES)
}

fn any_of(about: &'static str, item: Json) -> Json {
    typed("array", about).with("minItems", 1_u64).with("maxItems", MAX_ANY_OF).with("items", item)
}
