//! The filters: which groups a value can occur in at all.

use alloc::vec;
use alloc::vec::Vec;

use crate::image::{ENDPOINTS, Group, TEXTS, facts, filter_bit};
use crate::vocabulary::EndpointSet;

/// Cells for each value, at least. With two, four of five values that no directive asks for are told by one look.
const CELLS_PER_VALUE: usize = 2;

/// The filters of a set: cells whose bits are groups.
pub(super) struct Filters {
    /// Of tenants, indices and principals.
    pub(super) texts: [Vec<u8>; TEXTS],
    pub(super) endpoints: [u8; ENDPOINTS],
}

/// Collects which values are asked for, together with which other facts.
pub(super) struct FilterBuilder {
    values: Vec<Value>,
    /// By the facts that are asked for.
    endpoints: [EndpointSet; facts::GROUPS],
}

struct Value {
    /// The lower half: a filter has fewer cells.
    hash: u32,
    text: u8,
    facts: u8,
}

impl FilterBuilder {
    pub(super) fn with_capacity(values: usize) -> Self {
        Self { values: Vec::with_capacity(values), endpoints: [EndpointSet::EMPTY; facts::GROUPS] }
    }

    /// Takes note of a value of the text with this number.
    pub(super) fn push_text(&mut self, text: u8, hash: u64, facts: u8) {
        let [b0, b1, b2, b3, ..] = hash.to_le_bytes();
        self.values.push(Value { hash: u32::from_le_bytes([b0, b1, b2, b3]), text, facts });
    }

    pub(super) fn push_endpoints(&mut self, endpoints: EndpointSet, facts: u8) {
        if let Some(all) = self.endpoints.get_mut(usize::from(facts)) {
            *all = endpoints.iter().fold(*all, EndpointSet::with);
        }
    }

    /// Builds the filters for groups, whose places are given by the facts that they ask for.
    pub(super) fn finish(self, groups: &[Group], places: &[u32; facts::GROUPS]) -> Option<Filters> {
        let bit = |facts: u8| places.get(usize::from(facts)).map(|&group| filter_bit(group));
        let mut texts: [Vec<u8>; TEXTS] = Default::default();
        for (text, cells) in (0..).zip(&mut texts) {
            *cells =
                cells_for(groups, 1 << text, self.values.iter().filter(|value| value.text == text).count())?;
        }
        for value in &self.values {
            let cells = texts.get_mut(usize::from(value.text))?;
            let cell = usize::try_from(value.hash).ok()? & cells.len().checked_sub(1)?;
            *cells.get_mut(cell)? |= bit(value.facts)?;
        }
        let mut endpoints = [0; ENDPOINTS];
        for group in groups {
            for kind in self.endpoints.get(usize::from(group.facts))?.iter() {
                *endpoints.get_mut(usize::from(kind.code()))? |= bit(group.facts)?;
            }
        }
        Some(Filters { texts, endpoints })
    }
}

/// The cells of a filter, still empty. Where one group asks for a fact, its table tells as soon: there is one cell, which
/// lets everything pass.
fn cells_for(groups: &[Group], fact: u8, values: usize) -> Option<Vec<u8>> {
    match groups.iter().filter(|group| group.facts & fact != 0).count() {
        0 | 1 => Some(vec![u8::MAX]),
        _ => Some(vec![0; values.checked_mul(CELLS_PER_VALUE)?.checked_next_power_of_two()?]),
    }
}
