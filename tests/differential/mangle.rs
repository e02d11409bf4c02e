//! Documents that are nearly right, without an idea of what is wrong with them: any field with any value, once more or not
//! at all.

use aldis_core::Field;
use fastrand::Rng;

use crate::document::Document;

/// Values of every JSON type, right in some field or in none.
const VALUES: [&str; 40] = [
    "\"\"",
    "\"a\"",
    "\"d0\"",
    "\"\\u0061\"",
    "\"a\\nb\"",
    "\"\u{85}\"",
    "\"\\ud800\"",
    "\"Off\"",
    "\"off\"",
    "\"ShapeTiming\"",
    "\"Search\"",
    "\"Unknown\"",
    "\"tenant\"",
    "\"true\"",
    "\"60\"",
    "\"2027-01-15T08:00:05Z\"",
    "\"2027-02-30T00:00:00Z\"",
    "0",
    "1",
    "10",
    "1000",
    "1001",
    "31536000",
    "31536001",
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "-0",
    "10.0",
    "1e1",
    "1e999",
    "null",
    "true",
    "false",
    "[]",
    "[\"a\"]",
    "{}",
    "{\"env\":\"a\"}",
    "{\"a\":1,\"a\":[2]}",
    "[[[[[[[]]]]]]]",
];

/// Changes one thing, and now and then a second one.
pub(crate) fn mangle(document: &mut Document, rng: &mut Rng) {
    change(document, rng);
    if rng.u8(..4) == 0 {
        change(document, rng);
    }
}

fn change(document: &mut Document, rng: &mut Rng) {
    let value = value(rng);
    if rng.u8(..40) == 0 {
        document.earlier = Some(value);
        return;
    }
    let count = document.directives.len();
    let Some(entries) = document.directives.get_mut(rng.usize(..count.max(1))) else { return };
    let place = rng.usize(..entries.len().max(1));
    match rng.u8(..10) {
        0 if place < entries.len() => drop(entries.remove(place)),
        1 => {
            let again = entries.clone();
            document.directives.push(again);
        }
        2..6 => match entries.get_mut(place) {
            Some((_, old)) => *old = value,
            None => entries.push((name(rng), value)),
        },
        6 => {
            let name = entries.get(place).map_or_else(|| name(rng), |(name, _)| name.clone());
            entries.insert(rng.usize(..=entries.len()), (name, value));
        }
        _ => entries.insert(rng.usize(..=entries.len()), (name(rng), value)),
    }
}

/// Mostly one of the fields that there are.
fn name(rng: &mut Rng) -> String {
    match rng.u8(..20) {
        0 => "tennant".to_string(),
        1 => "\\u0074enant".to_string(),
        _ => rng.choice(Field::ALL).expect("there are some").to_string(),
    }
}

fn value(rng: &mut Rng) -> String {
    match rng.u8(..20) {
        0 => format!("\"{}\"", "x".repeat(rng.usize(100..400))),
        1 => rng.u64(..).to_string(),
        _ => (*rng.choice(VALUES).expect("there are some")).to_string(),
    }
}
