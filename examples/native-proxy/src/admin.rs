//! What operators of the proxy ask, on a port of its own.

use aldis_etcd::EtcdDirectiveStore;
use axum::Router;
use axum::extract::State;
use axum::routing::get;

use crate::ring::Ring;

/// `GET /exchanges`: what the ring holds, as JSON. `GET /status`: how fresh the directives are.
pub fn admin(store: EtcdDirectiveStore, ring: Ring) -> Router {
    Router::new()
        .route(
            "/exchanges",
            get(async |State((_, ring)): State<(EtcdDirectiveStore, Ring)>| exchanges(&ring)),
        )
        .route("/status", get(async |State((store, _)): State<(EtcdDirectiveStore, Ring)>| status(&store)))
        .with_state((store, ring))
}

fn exchanges(ring: &Ring) -> String {
    serde_json::to_string_pretty(&ring.exchanges()).unwrap_or_default()
}

fn status(store: &EtcdDirectiveStore) -> String {
    let status = store.status();
    let revision = status.revision.map_or_else(|| "-".to_owned(), |revision| revision.to_string());
    format!("{} at revision {revision}, {} directives\n", status.state, status.directives)
}
