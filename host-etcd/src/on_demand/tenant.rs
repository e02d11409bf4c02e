//! From a tenant, which is untrusted input, to a key.

use aldis_core::limits::MAX_TARGET_BYTES;

use super::LoadError;
use crate::kv::Key;

/// The key of a tenant's document.
pub(super) fn key(prefix: &str, tenant: &str) -> Result<Key, LoadError> {
    if tenant.is_empty() || tenant.len() > MAX_TARGET_BYTES {
        return Err(LoadError::BadTenant { bytes: tenant.len() });
    }
    let mut key = String::with_capacity(prefix.len().saturating_add(tenant.len()));
    key.push_str(prefix);
    for character in tenant.chars() {
        match character {
            // Controls below 128 only: the others are two bytes, and nobody's separator.
            '/' | '%' | '\0'..='\x1f' | '\x7f' => key.push_str(&format!("%{:02X}", u32::from(character))),
            other => key.push(other),
        }
    }
    Ok(Key::from(key.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_names_one_key_directly_under_the_prefix() {
        for (tenant, expected) in [
            ("acme", "p/acme"),
            ("acme/secret", "p/acme%2Fsecret"),
            ("acme%2Fsecret", "p/acme%252Fsecret"),
            ("../acme", "p/..%2Facme"),
            ("/", "p/%2F"),
            ("a\0b\n\x7f", "p/a%00b%0A%7F"),
            ("Zoë & Søn", "p/Zoë & Søn"),
        ] {
            assert_eq!(key("p/", tenant), Ok(expected.into()));
        }
    }

    #[test]
    fn tenants_are_of_1_to_256_bytes() {
        for (tenant, is_good) in
            [(String::new(), false), ("x".into(), true), ("ä".repeat(128), true), ("x".repeat(257), false)]
        {
            let expected = Err(LoadError::BadTenant { bytes: tenant.len() });
            assert_eq!(key("p/", &tenant).is_ok(), is_good);
            assert!(is_good || key("p/", &tenant) == expected);
        }
    }
}
