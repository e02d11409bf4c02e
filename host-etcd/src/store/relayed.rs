//! How a store over relays is started.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::start::{Running, start_error};
use super::{Builder, EtcdDirectiveStore, StartError};
use crate::clock::Clock;
use crate::driver::{Outlet, StartFailure};
use crate::kv::KvError;
use crate::kv::etcd::Tls;
use crate::status::Board;
use crate::upstream::{self, Parts, Targets};
use crate::watch::bounded_heartbeat;

/// How long a relay holds an answer back unless a heartbeat is set, and how long after that it may be missing: ten seconds
/// of silence are noticed, as over etcd.
const HEARTBEAT: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(10));

/// Connects to the first relay that answers.
pub(super) async fn connect(
    builder: &Builder,
    urls: &[String],
    tls: Option<&Tls>,
    clock: Arc<Clock>,
) -> Result<EtcdDirectiveStore, StartError> {
    if builder.state_directory.is_some() {
        return Err(StartError::Options(KvError::Failed {
            operation: "the start",
            cause: "a store over a relay keeps no state directory; the relay does".to_owned(),
        }));
    }
    let targets = Targets::new(urls, tls).map_err(StartError::Options)?;
    let names = targets.names();
    let board = Board::new(Arc::clone(&clock), builder.name.clone());
    let (cache, sinks) = builder.sinks();
    let (ask_after, dead_after) = builder.heartbeat.unwrap_or(HEARTBEAT);
    let (wait, dead_after) = bounded_heartbeat(ask_after, dead_after);
    let parts = Parts {
        targets,
        outlet: Outlet::new(sinks, Arc::clone(&board)),
        board: Arc::clone(&board),
        clock: Arc::clone(&clock),
        connect_timeout: builder.connect_timeout,
        wait,
        grace: dead_after.saturating_sub(wait),
        name: builder.name.clone(),
    };
    let (alive, end) = oneshot::channel();
    let started = timeout(builder.connect_timeout, upstream::spawn(parts, end)).await;
    let unreachable = || StartFailure::Unreachable(BTreeMap::new());
    match started.ok().and_then(Result::ok).unwrap_or_else(|| Err(unreachable())) {
        Ok(()) => {
            Ok(EtcdDirectiveStore { shared: Arc::new(Running { cache, board, clock, alive }.with(None)) })
        }
        Err(failure) => Err(start_error(failure, &names, builder.connect_timeout)),
    }
}
