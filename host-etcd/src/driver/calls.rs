//! What is under way with the backend: a connection, at most one call on it, and a watch.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tracing::{Instrument, Span, debug_span};

use crate::kv::{Connect, KvError, KvSource, KvWatch, Revision, Scope, WatchMessage};
use crate::watch::Input;

/// How long asking for progress may take. The answer has its own deadline; this is about getting the question out,
/// while nothing is read.
const ASK_LIMIT: Duration = Duration::from_secs(1);

/// What is under way. Dropping any of it ends it.
pub(super) struct Calls {
    connect: Arc<dyn Connect>,
    scope: Scope,
    source: Option<Arc<dyn KvSource>>,
    call: Option<BoxFuture<'static, Result<Answer, KvError>>>,
    watch: Option<Box<dyn KvWatch>>,
}

/// What a call gives.
enum Answer {
    Source(Arc<dyn KvSource>),
    Watch(Box<dyn KvWatch>),
    Input(Input),
}

impl Calls {
    pub(super) fn new(connect: Arc<dyn Connect>, scope: Scope) -> Self {
        Self { connect, scope, source: None, call: None, watch: None }
    }

    pub(super) fn connect(&mut self, endpoint: usize) {
        let connect = Arc::clone(&self.connect);
        let name = connect.endpoints().get(endpoint).cloned().unwrap_or_default();
        let call = async move { Ok(Answer::Source(Arc::from(connect.connect(endpoint).await?))) };
        self.call = Some(Box::pin(call.instrument(debug_span!("aldis_connect", endpoint = name))));
    }

    pub(super) fn head(&mut self) {
        self.on_source(debug_span!("aldis_head"), |source, scope| async move {
            Ok(Answer::Input(Input::Head(source.head(&scope).await?)))
        });
    }

    pub(super) fn list(&mut self) {
        self.on_source(debug_span!("aldis_list"), |source, scope| async move {
            Ok(Answer::Input(Input::Listed(source.list(&scope).await?)))
        });
    }

    pub(super) fn open_watch(&mut self, from: Revision) {
        self.on_source(debug_span!("aldis_open_watch", from = %from), move |source, scope| async move {
            Ok(Answer::Watch(source.watch(&scope, from).await?))
        });
    }

    /// Asks the watch for its progress; what happened if that failed.
    pub(super) async fn request_progress(&mut self) -> Option<Input> {
        let watch = self.watch.as_mut()?;
        match tokio::time::timeout(ASK_LIMIT, watch.request_progress()).await {
            Ok(Ok(())) => None,
            Ok(Err(cause)) => Some(Input::StreamEnded(Some(cause))),
            Err(_) => Some(Input::StreamEnded(Some(KvError::Timeout {
                operation: "progress request",
                limit_ms: u64::try_from(ASK_LIMIT.as_millis()).unwrap_or(u64::MAX),
            }))),
        }
    }

    pub(super) fn close_watch(&mut self) {
        self.call = None;
        self.watch = None;
    }

    pub(super) fn close(&mut self) {
        self.close_watch();
        self.source = None;
    }

    /// Waits for what happens next; for ever if nothing is under way. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Input {
        loop {
            // Fair: neither a flood of events nor a long list may starve the other.
            tokio::select! {
                input = next_message(&mut self.watch) => return input,
                answer = next_answer(&mut self.call) => match answer {
                    Ok(Answer::Source(source)) => {
                        self.source = Some(source);
                        return Input::Connected;
                    }
                    // It says that it stands by its first message.
                    Ok(Answer::Watch(watch)) => self.watch = Some(watch),
                    Ok(Answer::Input(input)) => return input,
                    Err(cause) => return Input::CallFailed(cause),
                },
            }
        }
    }

    /// Makes the call, within a span that shows how long it takes.
    fn on_source<F>(&mut self, span: Span, call: impl FnOnce(Arc<dyn KvSource>, Scope) -> F)
    where
        F: Future<Output = Result<Answer, KvError>> + Send + 'static,
    {
        if let Some(source) = &self.source {
            self.call = Some(Box::pin(call(Arc::clone(source), self.scope.clone()).instrument(span)));
        }
    }
}

async fn next_message(watch: &mut Option<Box<dyn KvWatch>>) -> Input {
    let Some(stream) = watch else { return pending().await };
    let said: Result<Option<WatchMessage>, KvError> = stream.next().await;
    match said {
        Ok(Some(message)) => Input::Message(message),
        Ok(None) => ended(watch, None),
        Err(cause) => ended(watch, Some(cause)),
    }
}

/// A stream that has ended must not be asked again.
fn ended(watch: &mut Option<Box<dyn KvWatch>>, cause: Option<KvError>) -> Input {
    *watch = None;
    Input::StreamEnded(cause)
}

async fn next_answer(
    call: &mut Option<BoxFuture<'static, Result<Answer, KvError>>>,
) -> Result<Answer, KvError> {
    let Some(under_way) = call else { return pending().await };
    let answer = under_way.await;
    *call = None;
    answer
}
