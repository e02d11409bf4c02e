//! A server for a handful of clients: a thread for each connection, and an end that leaves nothing open.

use std::io::{self, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::Message;
use crate::port::listen;

/// What answers requests. The bytes are sent as they are; `None` ends the connection without an answer.
pub trait Responder: Send + Sync + 'static {
    /// The answer to a request. May take its time.
    fn respond(&self, request: Message) -> Option<Vec<u8>>;

    /// The server ends: whoever takes time must not any longer.
    fn interrupt(&self) {}
}

/// A running server. Ends when dropped, and every connection with it.
pub struct Server {
    port: u16,
    shared: Arc<Shared>,
    responder: Arc<dyn Responder>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Server {
    /// Listens on a loopback port that is ours.
    pub fn start(port: u16, responder: Arc<dyn Responder>) -> Self {
        let listener = listen(port);
        let shared = Arc::<Shared>::default();
        let accepting = thread::spawn({
            let (shared, responder) = (Arc::clone(&shared), Arc::clone(&responder));
            move || {
                for stream in listener.incoming().flatten() {
                    if shared.ended.load(Ordering::SeqCst) {
                        return;
                    }
                    shared.take(stream, &responder);
                }
            }
        });
        Self { port, shared, responder, accepting: Some(accepting) }
    }
}

impl Shared {
    fn take(&self, stream: TcpStream, responder: &Arc<dyn Responder>) {
        let _ = stream.set_nodelay(true);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.extend(stream.try_clone());
        let responder = Arc::clone(responder);
        thread::spawn(move || {
            // An error is a client that left, or the end of the server.
            let _ = serve(stream, &*responder);
        });
    }
}

fn serve(stream: TcpStream, responder: &dyn Responder) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = Message::read(&mut stream)? {
        let Some(answer) = responder.respond(request) else { break };
        stream.get_mut().write_all(&answer)?;
    }
    stream.get_ref().shutdown(Shutdown::Both)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.responder.interrupt();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        for stream in self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
