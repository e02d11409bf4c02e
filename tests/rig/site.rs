//! A static host: the files of a folder over HTTP on loopback, and what a test puts beside them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The methods and paths that were asked for, in their order.
type Asked = Arc<Mutex<Vec<String>>>;
type Extra = Arc<Mutex<HashMap<String, Bytes>>>;

/// Serves until it is dropped. It knows nothing of Aldis, as a static host does not.
pub struct Site {
    /// Where.
    pub address: SocketAddr,
    extra: Extra,
    asked: Asked,
    serving: JoinHandle<()>,
}

impl Site {
    /// Serves the files of `folder`.
    ///
    /// # Panics
    ///
    /// If there is no port.
    pub async fn of(folder: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("is bound");
        let (extra, asked, folder) = (Extra::default(), Asked::default(), folder.to_owned());
        let (files, log) = (Arc::clone(&extra), Arc::clone(&asked));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (folder, files, log) = (folder.clone(), Arc::clone(&files), Arc::clone(&log));
                tokio::spawn(async move {
                    let service = service_fn(|request: Request<Incoming>| {
                        let line = format!("{} {}", request.method(), request.uri());
                        log.lock().expect("nobody panics with it").push(line);
                        answer(&folder, &files, request)
                    });
                    // A browser hangs up as it likes.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, extra, asked, serving }
    }

    /// `http://127.0.0.1:port/path`
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// What was asked for so far, such as `GET /main.js`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }

    /// Serves these bytes under a path, such as `/document`.
    pub fn put(&self, path: &str, bytes: impl Into<Bytes>) {
        self.extra.lock().expect("nobody panics with it").insert(path.to_owned(), bytes.into());
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    folder: &Path,
    extra: &Extra,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = match request.uri().path() {
        "/" => "/index.html",
        path => path,
    };
    let put = extra.lock().expect("nobody panics with it").get(path).cloned();
    let file: PathBuf = folder.join(path.trim_start_matches('/'));
    let body = put.or_else(|| std::fs::read(file).ok().map(Bytes::from));
    let status = if body.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let mut response = Response::new(Full::new(body.unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind(path).parse().expect("is legal"));
    Ok(response)
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript",
        "css" => "text/css",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}
