//! A request of the boundary as a request of the core.

use alloc::vec::Vec;

use aldis_abi::{RequestView, Status};
use aldis_core::{EndpointKind, Request};

/// Up to this many labels the list lies on the stack. As many as one directive can ask for.
const FEW: usize = 16;

/// Lends `view` to `then` in the form that the core takes.
///
/// # Errors
///
/// [`Status::BadRequest`] if the endpoint's code means none, [`Status::OutOfMemory`] if there is no room for a long
/// list of labels.
pub(crate) fn with_request<R>(
    view: &RequestView<'_>,
    then: impl FnOnce(&Request<'_>) -> R,
) -> Result<R, Status> {
    let endpoint = match view.endpoint {
        None => None,
        Some(code) => Some(EndpointKind::from_code(code).ok_or(Status::BadRequest)?),
    };
    let bare = Request {
        tenant: view.tenant,
        index: view.index,
        principal: view.principal,
        endpoint,
        request_id: view.request_id,
        trace_id: view.trace_id,
        labels: &[],
    };
    if view.labels.is_empty() {
        return Ok(then(&bare));
    }
    if view.labels.len() > FEW {
        let mut many = Vec::new();
        many.try_reserve_exact(view.labels.len()).map_err(|_| Status::OutOfMemory)?;
        many.extend(view.labels);
        return Ok(then(&Request { labels: &many, ..bare }));
    }
    let mut few = [("", ""); FEW];
    for (place, label) in few.iter_mut().zip(view.labels) {
        *place = label;
    }
    Ok(then(&Request { labels: few.get(..view.labels.len()).unwrap_or_default(), ..bare }))
}
