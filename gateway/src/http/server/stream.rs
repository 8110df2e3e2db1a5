//! A TCP stream that recognizes a live HTTP/2 client, and fails if its client stops reading.

use std::{
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_util::sync::CancellationToken;

/// The first bytes of an HTTP/2 connection (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The header of a frame in bytes (RFC 9113, section 4.1). The preface is followed by a SETTINGS
/// frame.
const FRAME_HEADER: usize = 9;

/// A connection's stream.
pub(super) struct Stream {
    tcp: TcpStream,
    preface: Preface,
    /// Cancelled when HTTP/2's preface and settings have arrived. From then on pings find out
    /// whether the client is alive, so it needs no request to keep its connection.
    established: CancellationToken,
    write_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub(super) fn new(
        tcp: TcpStream,
        write_timeout: Duration,
        established: CancellationToken,
    ) -> Self {
        Self {
            tcp,
            preface: Preface::Read(0),
            established,
            write_timeout,
            stalled: None,
        }
    }

    /// Passes on the outcome of a write. One that has been pending for too long fails.
    fn written<T>(
        &mut self,
        outcome: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(stalled.as_mut().poll(cx));
        let error = io::Error::new(ErrorKind::TimedOut, "the client stopped reading");
        Poll::Ready(Err(error))
    }
}

/// How much of the preface and the header of the first frame has been read.
enum Preface {
    Read(usize),
    /// All of it.
    Http2,
    /// The connection is HTTP/1.
    Http1,
}

impl Preface {
    fn read(&mut self, bytes: &[u8]) {
        let Self::Read(count) = self else { return };
        let expected = PREFACE.get(*count..).unwrap_or_default();
        if expected
            .iter()
            .zip(bytes)
            .any(|(expected, byte)| expected != byte)
        {
            *self = Self::Http1;
            return;
        }
        *count += bytes.len();
        if *count >= PREFACE.len() + FRAME_HEADER {
            *self = Self::Http2;
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(cx, buffer))?;
        if let Preface::Read(_) = self.preface {
            let bytes = buffer.filled().get(filled..).unwrap_or_default();
            self.preface.read(bytes);
            if let Preface::Http2 = self.preface {
                self.established.cancel();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.tcp).poll_write(cx, buffer);
        self.written(outcome, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.tcp).poll_write_vectored(cx, buffers);
        self.written(outcome, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Preface {
        let mut preface = Preface::Read(0);
        for piece in pieces {
            preface.read(piece);
        }
        preface
    }

    #[test]
    fn http_2_is_recognized_wherever_the_pieces_end() {
        let start = [PREFACE, &[0; FRAME_HEADER]].concat();
        for at in 0..start.len() {
            let (head, tail) = start.split_at(at);
            assert!(matches!(read(&[head]), Preface::Read(_)), "{at}");
            assert!(matches!(read(&[head, tail]), Preface::Http2), "{at}");
        }
        assert!(matches!(read(&[b"P", b"OST / HTTP/1.1"]), Preface::Http1));
        assert!(matches!(read(&[b"GET"]), Preface::Http1));
    }
}
