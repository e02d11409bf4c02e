//! State and clock as bytes; the [module](super) describes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use aldis_core::DirectiveSet;
use sha2::{Digest as _, Sha256};

use super::bytes::{Input, Output};
use super::{Confirmed, Pulse, StateError};
use crate::kv::{Bytes, Header, Key, Scope};
use crate::mirror::{Gone, Kept, Record, Version};

/// The layout that this version of Aldis writes, and the only one that it reads.
pub(super) const VERSION: u32 = 1;

pub(super) const STATE: [u8; 8] = *b"aldstate";
pub(super) const CLOCK: [u8; 8] = *b"aldclock";

/// Bytes before the checksum: magic, version, length.
pub(super) const BEFORE_SUM: usize = 20;

/// Bytes before the scope.
const HEAD: usize = 52;

pub(super) fn encode_state(scope: &Scope, pulse: &Pulse, record: &Record) -> Vec<u8> {
    let mut output = Output::default();
    put_pulse(&mut output, pulse);
    output.number(record.header.cluster_id);
    output.number(record.header.revision.as_u64());
    output.number(record.revision.as_u64());
    output.digest(&record.digest);
    output.string(record.set.as_ref().map_or(&[], |set| set.as_image()));
    output.length(record.keys.len());
    for (key, kept) in &record.keys {
        output.string(key.as_bytes());
        put_kept(&mut output, kept);
    }
    output.length(record.gone.len());
    for gone in &record.gone {
        output.number(gone.revision.as_u64());
        output.digest(&gone.digest);
        output.moment(gone.first_seen);
    }
    seal(STATE, scope, &output.0)
}

pub(super) fn encode_clock(scope: &Scope, pulse: &Pulse) -> Vec<u8> {
    let mut output = Output::default();
    put_pulse(&mut output, pulse);
    seal(CLOCK, scope, &output.0)
}

pub(super) fn decode_state(scope: &Scope, bytes: &[u8]) -> Result<(Pulse, Record), StateError> {
    let mut input = unseal(STATE, scope, bytes)?;
    let pulse = pulse(&mut input)?;
    let record = Record {
        header: Header { cluster_id: input.number()?, revision: input.revision()? },
        revision: input.revision()?,
        digest: input.digest()?,
        set: DirectiveSet::from_image(input.string()?).ok().map(Arc::new),
        keys: keys(&mut input, scope)?,
        gone: gone(&mut input)?,
    };
    input.end()?;
    Ok((pulse, record))
}

pub(super) fn decode_clock(scope: &Scope, bytes: &[u8]) -> Result<Pulse, StateError> {
    let mut input = unseal(CLOCK, scope, bytes)?;
    let pulse = pulse(&mut input)?;
    input.end()?;
    Ok(pulse)
}

/// Puts magic, version, length, checksum and scope before the body.
pub(super) fn seal(magic: [u8; 8], scope: &Scope, body: &[u8]) -> Vec<u8> {
    let mut inner = Output::default();
    put_scope(&mut inner, scope);
    let mut output = Output(magic.to_vec());
    output.0.extend_from_slice(&VERSION.to_le_bytes());
    output.length(HEAD.saturating_add(inner.0.len()).saturating_add(body.len()));
    let sum = Sha256::new().chain_update(&output.0).chain_update(&inner.0).chain_update(body).finalize();
    output.0.extend_from_slice(&sum);
    output.0.append(&mut inner.0);
    output.0.extend_from_slice(body);
    output.0
}

/// What the first bytes of a file tell, if it is as long as `length`: whether it is worth reading.
pub(super) fn check_head(magic: [u8; 8], head: &[u8], length: u64) -> Result<(), StateError> {
    let torn = |expected| StateError::Torn { expected, found: length };
    let too_short = |_| torn(u64::try_from(HEAD).unwrap_or(u64::MAX));
    let mut input = Input(head);
    if input.array().map_err(too_short)? != magic {
        return Err(StateError::Foreign);
    }
    let version = input.array().map(u32::from_le_bytes).map_err(too_short)?;
    if version != VERSION {
        return Err(StateError::Version { found: version });
    }
    match input.number().map_err(too_short)? {
        expected if expected == length => Ok(()),
        expected => Err(torn(expected)),
    }
}

/// What seal was given, if it is whole and for this scope.
fn unseal<'b>(magic: [u8; 8], scope: &Scope, bytes: &'b [u8]) -> Result<Input<'b>, StateError> {
    check_head(magic, bytes, u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
    let (before_sum, rest) = bytes.split_at_checked(BEFORE_SUM).unwrap_or_default();
    let mut input = Input(rest);
    let sum: [u8; 32] = input.array()?;
    let is_whole = sum == *Sha256::new().chain_update(before_sum).chain_update(input.0).finalize();
    if !is_whole {
        return Err(StateError::Damaged);
    }
    match self::scope(&mut input)? == *scope {
        true => Ok(input),
        false => Err(StateError::OtherScope),
    }
}

fn put_scope(output: &mut Output, scope: &Scope) {
    let (kind, name) = match scope {
        Scope::Key(key) => (0, key),
        Scope::Prefix(prefix) => (1, prefix),
    };
    output.byte(kind);
    output.string(name.as_bytes());
}

fn scope(input: &mut Input<'_>) -> Result<Scope, StateError> {
    match (input.byte()?, input.string()?) {
        (0, key) => Ok(Scope::Key(key.into())),
        (1, prefix) => Ok(Scope::Prefix(prefix.into())),
        _ => Err(malformed("its scope is neither a key nor a prefix")),
    }
}

fn put_pulse(output: &mut Output, pulse: &Pulse) {
    output.number(pulse.reading.as_u64());
    output.byte(u8::from(pulse.confirmed.is_some()));
    if let Some(Confirmed { at, revision }) = pulse.confirmed {
        output.number(at.as_u64());
        output.number(revision.as_u64());
    }
}

fn pulse(input: &mut Input<'_>) -> Result<Pulse, StateError> {
    let reading = input.point()?;
    let confirmed = match input.byte()? {
        0 => None,
        1 => Some(Confirmed { at: input.point()?, revision: input.revision()? }),
        _ => return Err(malformed("its confirmation is neither there nor not")),
    };
    Ok(Pulse { reading, confirmed })
}

fn put_kept(output: &mut Output, Kept { newest, good }: &Kept) {
    put_version(output, newest);
    match good {
        None => output.byte(0),
        Some(good) if good == newest => output.byte(1),
        Some(good) => {
            output.byte(2);
            put_version(output, good);
        }
    }
}

fn keys(input: &mut Input<'_>, scope: &Scope) -> Result<BTreeMap<Key, Kept>, StateError> {
    let mut keys = BTreeMap::new();
    for _ in 0..input.number()? {
        let key = Key::from(input.string()?);
        if !scope.contains(&key) || keys.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return Err(malformed("a key is out of order or out of scope"));
        }
        let kept = kept(input, &key)?;
        keys.insert(key, kept);
    }
    Ok(keys)
}

fn kept(input: &mut Input<'_>, key: &Key) -> Result<Kept, StateError> {
    let newest = version(input, key)?;
    let good = match input.byte()? {
        0 => None,
        1 => Some(newest.clone()),
        2 => match version(input, key)? {
            good if good == newest => return Err(malformed("the good version is the newest, told twice")),
            good => Some(good),
        },
        _ => return Err(malformed("a good version is neither there nor not")),
    };
    Ok(Kept { newest, good })
}

fn put_version(output: &mut Output, version: &Version) {
    output.number(version.revision.as_u64());
    output.string(&version.value);
    output.moment(version.first_seen);
}

fn version(input: &mut Input<'_>, key: &Key) -> Result<Version, StateError> {
    let (revision, value, first_seen) = (input.revision()?, input.string()?, input.moment()?);
    Ok(Version::new(key, revision, Bytes::copy_from_slice(value), first_seen))
}

fn gone(input: &mut Input<'_>) -> Result<Vec<Gone>, StateError> {
    // Not made for the count that it says: it grows with what is there.
    let mut gone = Vec::new();
    for _ in 0..input.number()? {
        let (revision, digest) = (input.revision()?, input.digest()?);
        gone.push(Gone { revision, digest, first_seen: input.moment()? });
    }
    Ok(gone)
}

const fn malformed(what: &'static str) -> StateError {
    StateError::Malformed { what }
}
