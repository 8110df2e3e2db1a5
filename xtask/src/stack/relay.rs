//! A relay between the functions' processes and cargo-lambda, so that one process can end or be
//! replaced while the others go on serving.
//!
//! cargo-lambda 1.9.2 alone can't lose a process:
//!
//! - It sends every invocation to every registered extension. After a process has ended, its
//!   extension's channel is closed, sending fails, and every call of every function fails with
//!   it. The relay keeps the extension's request open until the next event has been taken, after
//!   which cargo-lambda no longer sends there.
//! - A call whose process has ended is never answered. The relay reports the error that Lambda
//!   reports, `Runtime.ExitError`.
//! - It responds to a process's answer before it has read it, and then an answer of megabytes
//!   sometimes stops until the process is called again. If the caller has gone meanwhile, it closes
//!   the connection, and the process ends with it. The relay holds the response back until it has
//!   all of the answer, as Lambda does.
//! - It hands calls to a process that is about to be replaced. The relay takes a process out of
//!   service first.

use std::{
    collections::BTreeMap,
    io::{self, BufReader, ErrorKind, Read, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};

use head::Head;

mod head;

/// The buffer size in bytes.
const CHUNK: usize = 64 * 1024;

/// How long cargo-lambda may take to accept an error.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// A listener that closes on drop.
pub(crate) struct Relay {
    port: u16,
    next: AtomicU64,
    shared: Arc<Shared>,
}

/// The id of a function's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(u64);

struct Shared {
    /// Where cargo-lambda listens.
    upstream: u16,
    processes: Mutex<BTreeMap<u64, Process>>,
    closed: AtomicBool,
}

#[derive(Default)]
struct Process {
    /// It has asked for an event.
    ready: bool,
    /// It has been given an event, and has not asked for the next one.
    busy: bool,
    /// The id of the event that it hasn't answered.
    unanswered: Option<String>,
    /// It waits for an event.
    waiting: bool,
    /// Its requests for another event are no longer passed on.
    retired: bool,
}

impl Relay {
    /// Listens on a port of its own and passes requests on to cargo-lambda's.
    pub(crate) fn open(upstream: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot open a port")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            upstream,
            processes: Mutex::default(),
            closed: AtomicBool::new(false),
        });
        let accepting = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.closed.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(client) = client {
                    let shared = accepting.clone();
                    // If cargo-lambda can't be reached, the process's connection closes.
                    thread::spawn(move || drop(relay(&shared, client)));
                }
            }
        });
        Ok(Self {
            port,
            next: AtomicU64::new(1),
            shared,
        })
    }

    /// Registers a process of a function and returns the address of its runtime API.
    pub(crate) fn admit(&self, function: &str) -> (Id, String) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.shared.processes().insert(id, Process::default());
        let api = format!("http://127.0.0.1:{}/{id}/.rt/{function}", self.port);
        (Id(id), api)
    }

    /// Whether a process has asked for an event.
    pub(crate) fn is_ready(&self, Id(id): Id) -> bool {
        let processes = self.shared.processes();
        processes.get(&id).is_some_and(|process| process.ready)
    }

    /// Gives a process at most one more event: the one that it waits for. Closing that request
    /// instead could lose an event that cargo-lambda is just sending.
    pub(crate) fn retire(&self, Id(id): Id) {
        if let Some(process) = self.shared.processes().get_mut(&id) {
            process.retired = true;
        }
    }

    /// Whether a process waits for an event.
    pub(crate) fn is_waiting(&self, Id(id): Id) -> bool {
        let processes = self.shared.processes();
        processes.get(&id).is_some_and(|process| process.waiting)
    }

    /// Whether a process neither waits for an event nor handles one.
    pub(crate) fn is_idle(&self, Id(id): Id) -> bool {
        let processes = self.shared.processes();
        processes
            .get(&id)
            .is_none_or(|process| !process.busy && !process.waiting)
    }

    /// Forgets a process that has ended.
    pub(crate) fn forget(&self, Id(id): Id) {
        self.shared.processes().remove(&id);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts connections.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn processes(&self) -> MutexGuard<'_, BTreeMap<u64, Process>> {
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.upstream))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// The kind of the last request on a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// A request that is answered at once.
    Other,
    /// The next event of this process's function.
    Event(u64),
    /// The next event of an extension.
    Notice,
}

/// One connection of a process, and the relay's own to cargo-lambda for it.
struct Link {
    shared: Arc<Shared>,
    client: TcpStream,
    upstream: TcpStream,
    asked: Mutex<Asked>,
    /// The process whose event came on this connection, until its next request.
    served: Mutex<Option<u64>>,
    /// While the process sends an answer.
    sending: Mutex<Option<Sending>>,
    /// The process has closed its end.
    gone: AtomicBool,
}

/// An answer that the process is sending.
#[derive(Default)]
struct Sending {
    /// What cargo-lambda has responded to it, or nothing.
    response: Vec<u8>,
    /// cargo-lambda has closed its connection.
    cut_off: bool,
}

/// The response to an answer that can't be passed on, as of Lambda's runtime API.
const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Serves one connection until the process closes it.
fn relay(shared: &Arc<Shared>, client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let link = Arc::new(Link {
        upstream: shared.connect()?,
        shared: shared.clone(),
        client,
        asked: Mutex::new(Asked::Other),
        served: Mutex::new(None),
        sending: Mutex::new(None),
        gone: AtomicBool::new(false),
    });
    let answers = link.clone();
    thread::spawn(move || answers.pass_answers());
    let outcome = link.pass_requests();
    link.client_gone();
    outcome
}

impl Link {
    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn served(&self) -> MutexGuard<'_, Option<u64>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sending(&self) -> MutexGuard<'_, Option<Sending>> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes requests on until the process closes the connection. cargo-lambda answers a request
    /// before it has read its body, so the next request can follow in the same packet.
    fn pass_requests(&self) -> io::Result<()> {
        let mut requests = BufReader::with_capacity(CHUNK, &self.client);
        while let Some(text) = head::read(&mut requests)? {
            let head = Head::parse(&text).ok_or(ErrorKind::InvalidData)?;
            let mut body = (&mut requests).take(head.body);
            if !self.begin(&head) {
                io::copy(&mut body, &mut io::sink())?;
            } else if !head.answers_event() {
                (&self.upstream).write_all(head.without_id().as_bytes())?;
                io::copy(&mut body, &mut &self.upstream)?;
            } else if !self.pass_answer(&head, &mut body)? {
                break;
            }
        }
        Ok(())
    }

    /// Passes the answer to an event on. If cargo-lambda doesn't take it, the process doesn't notice.
    /// Returns whether the connection goes on.
    fn pass_answer(&self, head: &Head<'_>, body: &mut impl Read) -> io::Result<bool> {
        *self.sending() = Some(Sending::default());
        let passed = (&self.upstream)
            .write_all(head.without_id().as_bytes())
            .and_then(|()| io::copy(body, &mut &self.upstream));
        // What is left of it, if passing it on failed.
        io::copy(body, &mut io::sink())?;
        // Locked until the response is on its way, so that nothing overtakes it.
        let mut sending = self.sending();
        let Sending { response, cut_off } = sending.take().unwrap_or_default();
        let goes_on = passed.is_ok() && !cut_off;
        if goes_on || !response.is_empty() {
            (&self.client).write_all(&response)?;
        } else {
            (&self.client).write_all(ACCEPTED)?;
        }
        Ok(goes_on)
    }

    /// Records a request and returns whether to pass it on.
    fn begin(&self, head: &Head<'_>) -> bool {
        *self.served() = None;
        let mut processes = self.shared.processes();
        let Some(process) = processes.get_mut(&head.id) else {
            return false;
        };
        let asked = if head.asks_for_event() {
            process.ready = true;
            process.busy = false;
            process.unanswered = None;
            if process.retired {
                return false;
            }
            process.waiting = true;
            Asked::Event(head.id)
        } else if head.asks_for_notice() {
            Asked::Notice
        } else {
            if head.answers_event() {
                process.unanswered = None;
            }
            Asked::Other
        };
        *self.asked() = asked;
        true
    }

    fn pass_answers(&self) {
        let mut buffer = vec![0; CHUNK];
        while let Ok(count) = (&self.upstream).read(&mut buffer) {
            if count == 0 {
                break;
            }
            if let Some(sending) = &mut *self.sending() {
                sending.response.extend_from_slice(&buffer[..count]);
                continue;
            }
            self.answered(&buffer[..count]);
            if self.gone.load(Ordering::Relaxed)
                || (&self.client).write_all(&buffer[..count]).is_err()
            {
                break;
            }
        }
        if let Some(sending) = &mut *self.sending() {
            // The process's connection is closed once all of its answer is here.
            sending.cut_off = true;
            let _ = self.upstream.shutdown(Shutdown::Both);
            return;
        }
        self.close();
    }

    /// Records the beginning of an answer.
    fn answered(&self, chunk: &[u8]) {
        let Asked::Event(id) = std::mem::replace(&mut *self.asked(), Asked::Other) else {
            return;
        };
        if let Some(process) = self.shared.processes().get_mut(&id) {
            process.waiting = false;
            process.busy = true;
            process.unanswered = head::event_id(chunk);
            *self.served() = Some(id);
        }
    }

    fn client_gone(&self) {
        self.gone.store(true, Ordering::Relaxed);
        let asked = *self.asked();
        if asked == Asked::Notice {
            // It is closed after the next event.
            return;
        }
        self.close();
        let mut unanswered = None;
        if let Asked::Event(id) = asked
            && let Some(process) = self.shared.processes().get_mut(&id)
        {
            process.waiting = false;
        }
        if let Some(id) = self.served().take()
            && let Some(process) = self.shared.processes().get_mut(&id)
        {
            process.busy = false;
            unanswered = process.unanswered.take();
        }
        if let Some(event) = unanswered {
            // If cargo-lambda has ended too, no caller waits for the answer.
            let _ = self.report_exit(&event);
        }
    }

    /// Answers a call in place of a process that has ended.
    fn report_exit(&self, event: &str) -> io::Result<()> {
        let body = r#"{"errorType":"Runtime.ExitError","errorMessage":"the function's process ended before it answered"}"#;
        let mut stream = self.shared.connect()?;
        stream.set_read_timeout(Some(REPORT_TIMEOUT))?;
        let request = format!(
            "POST /.rt/2018-06-01/runtime/invocation/{event}/error HTTP/1.1\r\n\
             host: 127.0.0.1\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        // cargo-lambda answers before it reads the body, which closing too early would cut off.
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    }

    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.upstream.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests;
