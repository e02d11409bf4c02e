//! The page for people: the files of one folder, read once, so that no path of a request leads anywhere else.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use twox_hash::XxHash64;

use super::Shared;
use super::problem::Problem;
use super::tags;

/// What a page may hold, by the endings of its files.
const KINDS: [(&str, &str); 5] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("svg", "image/svg+xml"),
];

/// Nothing from elsewhere, nothing inline, in nobody's frame; the module may be compiled.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A folder as `cargo xtask web` builds it.
pub struct Page {
    files: BTreeMap<String, File>,
}

struct File {
    kind: HeaderValue,
    etag: HeaderValue,
    bytes: Bytes,
}

impl Page {
    /// Reads the files of this folder, not those of folders in it, into memory. They are served as they were then.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, or has no `index.html`.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let (Some(name), Some(kind)) = (path.file_name().and_then(|name| name.to_str()), kind(&path))
            else {
                continue;
            };
            files.insert(format!("/{name}"), File::new(kind, fs::read(&path)?));
        }
        let index = files.remove("/index.html").ok_or_else(|| io::Error::other("it has no index.html"))?;
        files.insert("/".to_owned(), index);
        Ok(Self { files })
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.files.keys()).finish()
    }
}

fn kind(path: &Path) -> Option<&'static str> {
    let ending = path.extension()?.to_str()?;
    KINDS.iter().find(|(known, _)| *known == ending).map(|(_, kind)| *kind)
}

impl File {
    fn new(kind: &'static str, bytes: Vec<u8>) -> Self {
        let etag = format!("\"{:016x}\"", XxHash64::oneshot(0, &bytes));
        // Digits and letters in quotes are always a legal value.
        let etag = HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("\"\""));
        Self { kind: HeaderValue::from_static(kind), etag, bytes: bytes.into() }
    }
}

/// Whatever is no other route: a file of the page, or nothing.
pub(super) async fn page(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let file = shared.page.as_ref().and_then(|page| page.files.get(request.uri().path()));
    let Some(file) = file else {
        return Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
            .into_response();
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let message = format!("not by {}", request.method());
        let mut no =
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message).into_response();
        no.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
        return no;
    }
    let headers = [
        (header::CONTENT_TYPE, file.kind.clone()),
        (header::ETAG, file.etag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    match tags::is_known(request.headers(), &file.etag) {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, file.bytes.clone()).into_response(),
    }
}
