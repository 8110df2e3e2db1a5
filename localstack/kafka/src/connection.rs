//! A client's connection, which serves one request at a time, as Kafka does.

use std::{future::pending, io, net::SocketAddr, sync::Arc};

use anyhow::{Result, ensure};
use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{broker::Broker, dispatch};

/// Kafka's default for `socket.request.max.bytes`.
const MAX_REQUEST: usize = 100 * 1024 * 1024;

/// Serves a connection until the client disconnects or sends an invalid request.
pub(crate) async fn serve(broker: Arc<Broker>, mut stream: TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        eprintln!("{peer}: no-delay: {error}");
    }
    if let Err(error) = requests(&broker, &mut stream, peer).await
        && !error.is::<io::Error>()
    {
        eprintln!("{peer}: {error:#}");
    }
}

async fn requests(broker: &Broker, stream: &mut TcpStream, peer: SocketAddr) -> Result<()> {
    while let Some(request) = read(stream).await? {
        let answer = tokio::select! {
            answer = dispatch::answer(broker, peer, request) => answer?,
            // Cancels a wait for a group when the client disconnects.
            () = disconnected(stream) => return Ok(()),
        };
        if let Some(answer) = answer {
            stream.write_all(&answer).await?;
        }
    }
    Ok(())
}

/// The next request without its length; `None` if the client has disconnected.
async fn read(stream: &mut TcpStream) -> Result<Option<Bytes>> {
    let length = match stream.read_i32().await {
        Ok(length) => usize::try_from(length).unwrap_or(usize::MAX),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    ensure!(length <= MAX_REQUEST, "a request of {length} bytes");
    let mut request = BytesMut::with_capacity(length);
    while request.len() < length {
        let room = length - request.len();
        let read = (&mut *stream)
            .take(room as u64)
            .read_buf(&mut request)
            .await?;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    Ok(Some(request.freeze()))
}

/// Returns when the client has disconnected, unless another request is waiting in the socket.
async fn disconnected(stream: &TcpStream) {
    match stream.peek(&mut [0]).await {
        Ok(0) | Err(_) => {}
        Ok(_) => pending().await,
    }
}
