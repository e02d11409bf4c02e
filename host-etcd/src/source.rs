//! Where documents come from, as one URL.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::kv::Scope;

/// The port that etcd's clients assume.
const DEFAULT_PORT: u16 = 2379;

/// A place where documents are published.
///
/// | URL | means |
/// |---|---|
/// | `etcd://h1:2379,h2:2379/aldis/directives` | one key of an etcd cluster, in plain text |
/// | `etcds://h1,h2/aldis/directives` | the same under TLS; the port is 2379 unless named |
/// | `etcd://h1/aldis/` | every key with the prefix `aldis/` |
/// | `etcd://h1//aldis/directives` | the key `/aldis/directives`: only the first slash separates |
/// | `file:directives.json`, `file:///etc/aldis/directives.json` | a file |
/// | `http://relay:7117`, `https://r1,r2` | what a relay serves; of several one at a time, the first that answers |
/// | `memory:` | the embedded backend of this process, empty at first |
///
/// Keys are taken as they stand, without percent-decoding. Credentials are not part of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Keys of an etcd cluster.
    Etcd {
        /// The endpoints as `http://host:port` or `https://host:port`; never empty.
        endpoints: Vec<String>,
        /// Which keys.
        scope: Scope,
    },
    /// Relays, as URLs; never empty.
    Relay(Vec<String>),
    /// A file.
    File(PathBuf),
    /// The embedded backend.
    Memory,
}

/// Why a text names no source. Never holds what stands before an `@`, which may be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// No scheme that is known.
    #[error(
        "a source starts with etcd://, etcds://, http://, https://, file: or memory:, such as etcd://127.0.0.1:2379/aldis/directives"
    )]
    Scheme,
    /// No host where one should be.
    #[error("the source names no host; write etcd://host:2379/aldis/directives")]
    NoHost,
    /// A host or port that cannot be one.
    #[error("`{0}` is not host:port; an IPv6 address stands in brackets, as in [::1]:2379")]
    BadHost(String),
    /// No key where one should be.
    #[error("the source names no key; write etcd://host:2379/aldis/directives, or a prefix that ends with /")]
    NoKey,
    /// User or password in the source.
    #[error("a source must not hold credentials; give them with --user and --password")]
    Credentials,
    /// `file:` without a path, or with a host.
    #[error(
        "`file:` needs a path on this machine; write file:directives.json or file:///path/directives.json"
    )]
    BadFile,
    /// Something behind `memory:`.
    #[error("`memory:` stands alone")]
    BadMemory,
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        if let Some(rest) = text.strip_prefix("etcd://") {
            return etcd("http", rest);
        }
        if let Some(rest) = text.strip_prefix("etcds://") {
            return etcd("https", rest);
        }
        for scheme in ["http", "https"] {
            if let Some(hosts) = text.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) {
                return relays(scheme, hosts);
            }
        }
        if let Some(path) = text.strip_prefix("file:") {
            return file(path);
        }
        match text.strip_prefix("memory:") {
            Some("") => Ok(Self::Memory),
            Some(_) => Err(SourceError::BadMemory),
            None => Err(SourceError::Scheme),
        }
    }
}

fn etcd(scheme: &str, rest: &str) -> Result<Source, SourceError> {
    let (hosts, key) = rest.split_once('/').unwrap_or((rest, ""));
    if hosts.contains('@') {
        return Err(SourceError::Credentials);
    }
    if hosts.is_empty() {
        return Err(SourceError::NoHost);
    }
    let endpoints = hosts.split(',').map(|host| endpoint(scheme, host)).collect::<Result<_, _>>()?;
    match key {
        "" => Err(SourceError::NoKey),
        key => Ok(Source::Etcd { endpoints, scope: Scope::parse(key) }),
    }
}

/// Each with its own path, should there be something in front of it.
fn relays(scheme: &str, hosts: &str) -> Result<Source, SourceError> {
    if hosts.contains('@') {
        return Err(SourceError::Credentials);
    }
    match hosts.split(',').any(|host| host.is_empty() || host.starts_with('/')) {
        true => Err(SourceError::NoHost),
        false => Ok(Source::Relay(hosts.split(',').map(|host| format!("{scheme}://{host}")).collect())),
    }
}

fn endpoint(scheme: &str, host: &str) -> Result<String, SourceError> {
    let bad = || SourceError::BadHost(host.to_owned());
    let (name, port) = match host.strip_prefix('[') {
        Some(bracketed) => {
            let (address, port) = bracketed.split_once(']').ok_or_else(bad)?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| bad())?;
            (
                format!("[{address}]"),
                port.strip_prefix(':').or(port.is_empty().then_some("")).ok_or_else(bad)?,
            )
        }
        None => {
            let (name, port) = host.split_once(':').unwrap_or((host, ""));
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if name.is_empty() || !name.chars().all(is_name) || host.ends_with(':') {
                return Err(bad());
            }
            (name.to_owned(), port)
        }
    };
    let port = if port.is_empty() { DEFAULT_PORT } else { port.parse().map_err(|_| bad())? };
    Ok(format!("{scheme}://{name}:{port}"))
}

fn file(path: &str) -> Result<Source, SourceError> {
    let path = match path.strip_prefix("//") {
        None => path,
        // `file://host/path` names another machine; only an empty host is this one.
        Some(absolute) if absolute.starts_with('/') => absolute,
        Some(_) => return Err(SourceError::BadFile),
    };
    match path {
        "" => Err(SourceError::BadFile),
        path => Ok(Source::File(path.into())),
    }
}

/// As it would be written, so that it can be parsed again.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Etcd { endpoints, scope } => {
                let is_tls = endpoints.iter().any(|endpoint| endpoint.starts_with("https://"));
                let hosts: Vec<_> = endpoints
                    .iter()
                    .map(|url| url.split_once("://").map_or(url.as_str(), |(_, host)| host))
                    .collect();
                let (Scope::Key(key) | Scope::Prefix(key)) = scope;
                write!(f, "{}://{}/{key}", if is_tls { "etcds" } else { "etcd" }, hosts.join(","))
            }
            Self::Relay(urls) => {
                let scheme =
                    urls.first().and_then(|url| url.split_once("://")).map_or("http", |(scheme, _)| scheme);
                let hosts: Vec<_> =
                    urls.iter().filter_map(|url| url.split_once("://")).map(|(_, host)| host).collect();
                write!(f, "{scheme}://{}", hosts.join(","))
            }
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etcd(endpoints: &[&str], scope: Scope) -> Source {
        Source::Etcd { endpoints: endpoints.iter().map(|&endpoint| endpoint.to_owned()).collect(), scope }
    }

    #[test]
    fn sources_are_read_as_they_are_written() {
        let key = |key: &str| Scope::Key(key.into());
        for (text, source) in [
            ("etcd://h1:2379/aldis/directives", etcd(&["http://h1:2379"], key("aldis/directives"))),
            ("etcds://h1:1,h2:2/k", etcd(&["https://h1:1", "https://h2:2"], key("k"))),
            (
                "etcd://127.0.0.1:2379/aldis/",
                etcd(&["http://127.0.0.1:2379"], Scope::Prefix("aldis/".into())),
            ),
            ("etcd://h:2379//k", etcd(&["http://h:2379"], key("/k"))),
            ("etcd://[::1]:2379/k", etcd(&["http://[::1]:2379"], key("k"))),
            ("etcd://h:2379/a%20b?c", etcd(&["http://h:2379"], key("a%20b?c"))),
            ("file:directives.json", Source::File("directives.json".into())),
            ("memory:", Source::Memory),
            ("http://relay:7117", Source::Relay(vec!["http://relay:7117".to_owned()])),
            (
                "https://r1,r2/base",
                Source::Relay(vec!["https://r1".to_owned(), "https://r2/base".to_owned()]),
            ),
        ] {
            assert_eq!(text.parse(), Ok(source.clone()), "{text}");
            assert_eq!(source.to_string(), text);
        }
        assert_eq!("etcd://h/k".parse(), Ok(etcd(&["http://h:2379"], key("k"))));
        assert_eq!("etcd://[::1]/k".parse(), Ok(etcd(&["http://[::1]:2379"], key("k"))));
        assert_eq!("file:///etc/d.json".parse(), Ok(Source::File("/etc/d.json".into())));
    }

    #[test]
    fn what_is_not_a_source_is_refused_with_the_remedy() {
        let bad = |host: &str| SourceError::BadHost(host.to_owned());
        for (text, error) in [
            ("", SourceError::Scheme),
            ("ftp://h:2379/k", SourceError::Scheme),
            ("http://", SourceError::NoHost),
            ("http://a,,b", SourceError::NoHost),
            ("http://a,/k", SourceError::NoHost),
            ("https://me:secret@h", SourceError::Credentials),
            ("directives.json", SourceError::Scheme),
            ("etcd:///k", SourceError::NoHost),
            ("etcd://h:2379", SourceError::NoKey),
            ("etcd://h:2379/", SourceError::NoKey),
            ("etcd://h,,i/k", bad("")),
            ("etcd://h:port/k", bad("h:port")),
            ("etcd://h:65536/k", bad("h:65536")),
            ("etcd://h:/k", bad("h:")),
            ("etcd://::1/k", bad("::1")),
            ("etcd://[::1/k", bad("[::1")),
            ("etcd://[::1]x/k", bad("[::1]x")),
            ("etcd://me:secret@h:2379/k", SourceError::Credentials),
            ("file:", SourceError::BadFile),
            ("file://host/path", SourceError::BadFile),
            ("memory:x", SourceError::BadMemory),
        ] {
            assert_eq!(text.parse::<Source>(), Err(error), "{text}");
        }
    }
}
