//! A request of the boundary as a request of the core.

use alloc::vec::Vec;

use aldis_abi::{Labels, RequestView, Status};
use aldis_core::{EndpointKind, Request};

/// Up to this many labels the list lies on the stack. As many as one directive can ask for.
const FEW: usize = 16;

/// Lends `view` to `then` in the form that the core takes.
///
/// # Errors
///
/// [`Status::BadRequest`] if the endpoint's code means none, [`Status::OutOfMemory`] if there is no room for a long
/// list of labels.
#[inline(always)]
pub(crate) fn with_request<R>(
    view: RequestView<'_>,
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
    if view.labels.is_empty() { Ok(then(&bare)) } else { with_labels(&bare, view.labels, then) }
}

/// Not in place: the usual request has none, and needs none of this stack.
#[inline(never)]
fn with_labels<R>(
    bare: &Request<'_>,
    labels: Labels<'_>,
    then: impl FnOnce(&Request<'_>) -> R,
) -> Result<R, Status> {
    if labels.len() > FEW {
        let mut many = Vec::new();
        many.try_reserve_exact(labels.len()).map_err(|_| Status::OutOfMemory)?;
        many.extend(labels);
        return Ok(then(&Request { labels: &many, ..*bare }));
    }
    let mut few = [("", ""); FEW];
    for (place, label) in few.iter_mut().zip(labels) {
        *place = label;
    }
    Ok(then(&Request { labels: few.get(..labels.len()).unwrap_or_default(), ..*bare }))
}
