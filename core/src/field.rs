//! The fields of a directive: the one table that the decoder reads by and that tools describe documents from.

use crate::error::Reason;
use crate::vocabulary::vocabulary;

vocabulary! {
    /// A field that a directive may have.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Field {
        /// What operators call it.
        Id = "id",
        /// How much to record.
        Level = "level",
        /// When it ends, from its document's anchor.
        TtlSecs = "ttl_secs",
        /// When it ends.
        ExpiresAt = "expires_at",
        /// When it begins.
        NotBefore = "not_before",
        /// One tenant.
        Tenant = "tenant",
        /// Several tenants.
        Tenants = "tenants",
        /// One index.
        Index = "index",
        /// Several indices.
        Indices = "indices",
        /// One principal.
        Principal = "principal",
        /// Several principals.
        Principals = "principals",
        /// One endpoint.
        Endpoint = "endpoint",
        /// Several endpoints.
        Endpoints = "endpoints",
        /// Labels, all of them.
        Labels = "labels",
        /// How many of a thousand requests.
        SamplePerMille = "sample_per_mille",
        /// The fact that decides which.
        SampleBy = "sample_by",
        /// What makes samples of equal rate differ.
        Salt = "salt",
        /// Whether to keep exchanges in the ring buffer.
        RingBuffer = "ring_buffer",
        /// Whether to send exchanges to the capture sink.
        Capture = "capture",
        /// Whether to turn everything off.
        Suppress = "suppress",
    }
}

impl Field {
    /// The field that says the same thing in another way, and what it is to have both.
    #[must_use]
    pub const fn rival(self) -> Option<(Self, Reason)> {
        let rival = match self {
            Self::TtlSecs => return Some((Self::ExpiresAt, Reason::ConflictingExpiry)),
            Self::ExpiresAt => return Some((Self::TtlSecs, Reason::ConflictingExpiry)),
            Self::Tenant => Self::Tenants,
            Self::Tenants => Self::Tenant,
            Self::Index => Self::Indices,
            Self::Indices => Self::Index,
            Self::Principal => Self::Principals,
            Self::Principals => Self::Principal,
            Self::Endpoint => Self::Endpoints,
            Self::Endpoints => Self::Endpoint,
            _ => return None,
        };
        Some((rival, Reason::ConflictingTarget))
    }

    /// One bit for each field.
    pub(crate) const fn bit(self) -> u32 {
        1_u32.wrapping_shl(self as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rivals_are_rivals_of_each_other_and_bits_are_distinct() {
        for &field in Field::ALL {
            if let Some((rival, reason)) = field.rival() {
                assert_eq!(rival.rival(), Some((field, reason)), "{field}");
            }
        }
        let bits = Field::ALL.iter().fold(0, |bits, field| bits | field.bit());
        assert_eq!(bits.count_ones() as usize, Field::ALL.len());
    }
}
