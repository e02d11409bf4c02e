//! Where facts come from.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use aldis_core::EndpointKind;

use super::error::ConfigError;
use super::names::Names;
use super::pairs::{Object, Pairs};
use super::written::{Written, WrittenAttribute};
use crate::attribute::{Attribute, Origin};
use crate::limits::{MAX_LABELS, MAX_TRANSLATIONS};
use crate::mapping::{Mapping, Property};
use crate::needs::Fact;

pub(super) fn mapping(names: &mut Names, written: Written<'_>) -> Result<Mapping, ConfigError> {
    let mut reader = Attributes { names, properties: Vec::new() };
    let request_id = written.request_id.unwrap_or_else(|| Object(WrittenAttribute::header("x-request-id")));
    let trace_id = written.trace_id.unwrap_or_else(|| Object(WrittenAttribute::traceparent()));
    let mut read = |place, fact, attribute: Option<Object<WrittenAttribute>>| {
        attribute.map(|attribute| reader.read(place, fact, attribute.0)).transpose()
    };
    let tenant = read("tenant", Fact::Tenant, written.tenant)?;
    let index = read("index", Fact::Index, written.index)?;
    let principal = read("principal", Fact::Principal, written.principal)?;
    let endpoint = read("endpoint", Fact::Endpoint, written.endpoint)?;
    let request_id = read("request_id", Fact::RequestId, Some(request_id))?;
    let trace_id = read("trace_id", Fact::TraceId, Some(trace_id))?;
    let labels = labels(&mut reader, written.labels)?;
    endpoint.as_ref().map_or(Ok(()), names_endpoints)?;
    let properties = reader.properties;
    Ok(Mapping { tenant, index, principal, endpoint, request_id, trace_id, labels, properties })
}

fn labels(
    reader: &mut Attributes<'_>,
    written: Option<Pairs<Object<WrittenAttribute>>>,
) -> Result<Vec<(String, Attribute)>, ConfigError> {
    let written = written.map(|labels| labels.0).unwrap_or_default();
    if written.len() > MAX_LABELS {
        return Err(ConfigError::new("labels", &format!("no more than {MAX_LABELS}")));
    }
    let read = |(name, Object(attribute))| {
        let read = reader.read(&format!("labels.{name}"), Fact::Label, attribute)?;
        Ok((name, read))
    };
    written.into_iter().map(read).collect()
}

/// What a configuration says of endpoints itself must be endpoints: a slip there would never match.
fn names_endpoints(endpoint: &Attribute) -> Result<(), ConfigError> {
    let constant = match &endpoint.origin {
        Origin::Constant(text) if endpoint.translations.is_empty() => Some(text),
        _ => None,
    };
    let translated = endpoint.translations.iter().map(|(_, to)| to);
    let mut said = translated.chain(&endpoint.default).chain(constant);
    match said.all(|name| EndpointKind::from_name(name).is_some()) {
        true => Ok(()),
        false => Err(ConfigError::new("endpoint", "a constant, default or translation is no endpoint")),
    }
}

/// Reads attributes, and keeps what they need.
struct Attributes<'n> {
    names: &'n mut Names,
    properties: Vec<Property>,
}

impl Attributes<'_> {
    fn read(&mut self, place: &str, fact: Fact, written: WrittenAttribute) -> Result<Attribute, ConfigError> {
        let translations = written.translate.as_ref().map(|pairs| pairs.0.clone()).unwrap_or_default();
        if translations.len() > MAX_TRANSLATIONS {
            return Err(ConfigError::new(place, &format!("no more than {MAX_TRANSLATIONS} translations")));
        }
        let default = written.default.clone();
        let origin = self.origin(place, fact, written)?;
        Ok(Attribute { origin, translations, default })
    }

    fn origin(&mut self, place: &str, fact: Fact, written: WrittenAttribute) -> Result<Origin, ConfigError> {
        let WrittenAttribute { header, path_segment, property, constant, .. } = written;
        let is_set = [written.authority, written.peer_principal, written.traceparent];
        if is_set.contains(&Some(false)) {
            return Err(ConfigError::new(place, "leave out what is false"));
        }
        match (header, path_segment, is_set.map(|it| it.is_some()), property, constant) {
            (Some(name), None, [false, false, false], None, None) => {
                Ok(Origin::Header(self.names.input(place, &name)?))
            }
            (None, Some(segment), [false, false, false], None, None) => {
                Ok(Origin::PathSegment(self.names.input(place, ":path")?, segment))
            }
            (None, None, [true, false, false], None, None) => {
                Ok(Origin::Header(self.names.input(place, ":authority")?))
            }
            (None, None, [false, true, false], None, None) => {
                Ok(self.property(fact, PEER.iter().map(|path| path.to_vec()).collect()))
            }
            (None, None, [false, false, true], None, None) => {
                Ok(Origin::Traceparent(self.names.input(place, "traceparent")?))
            }
            (None, None, [false, false, false], Some(path), None) => {
                Ok(self.property(fact, alloc::vec![joined(place, &path)?]))
            }
            (None, None, [false, false, false], None, Some(text)) => Ok(Origin::Constant(text)),
            _ => Err(ConfigError::new(
                place,
                "give exactly one of `header`, `path_segment`, `authority`, `peer_principal`, `traceparent`, \
                 `property` and `constant`",
            )),
        }
    }

    fn property(&mut self, fact: Fact, paths: Vec<Vec<u8>>) -> Origin {
        self.properties.push(Property { fact, paths });
        Origin::Property(self.properties.len() - 1)
    }
}

/// Where the name of a peer stands that showed a certificate, in the order in which Envoy's own RBAC filter looks.
const PEER: [&[u8]; 3] = [
    b"connection\0uri_san_peer_certificate",
    b"connection\0dns_san_peer_certificate",
    b"connection\0subject_peer_certificate",
];

impl WrittenAttribute {
    const NOTHING: Self = Self {
        header: None,
        path_segment: None,
        authority: None,
        peer_principal: None,
        traceparent: None,
        property: None,
        constant: None,
        translate: None,
        default: None,
    };

    fn header(name: &str) -> Self {
        Self { header: Some(name.to_owned()), ..Self::NOTHING }
    }

    fn traceparent() -> Self {
        Self { traceparent: Some(true), ..Self::NOTHING }
    }
}

fn joined(place: &str, path: &[String]) -> Result<Vec<u8>, ConfigError> {
    if path.is_empty() || path.iter().any(|name| name.is_empty() || name.contains('\0')) {
        return Err(ConfigError::new(place, "give the names of the property's path"));
    }
    Ok(path.join("\0").into_bytes())
}
