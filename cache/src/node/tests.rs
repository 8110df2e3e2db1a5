//! A node that answers what a test says, and nodes that don't answer.

use std::time::Instant;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;

fn node(address: std::net::SocketAddr) -> Node {
    Node::new(address.to_string(), &format!("redis://{address}")).unwrap()
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Answers every command of a connection, those of the client's greeting included, and closes it
/// after a number of them.
async fn answer(mut stream: TcpStream, answer: &str, commands: usize) {
    let mut buffer = [0; 4096];
    let mut answered = 0;
    while answered < commands {
        let Ok(read @ 1..) = stream.read(&mut buffer).await else {
            return;
        };
        // Each command is an array, which begins with an asterisk; the arguments here have none.
        for _ in buffer[..read].iter().filter(|byte| **byte == b'*') {
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
            answered += 1;
        }
    }
}

#[tokio::test]
async fn a_node_that_refuses_connections_is_left_alone_for_a_while() {
    let listener = listener().await;
    let node = node(listener.local_addr().unwrap());
    drop(listener);
    assert!(node.is_up());
    let unreachable = |error| matches!(error, CacheError::Unreachable { .. });
    assert!(unreachable(node.delete("k").await.unwrap_err()));
    assert!(!node.is_up());
    let script = Script::new("return 1");
    let error = node.run::<i64>(&script, "k", &[]).await.unwrap_err();
    assert!(matches!(error, CacheError::Down { .. }), "{error}");
    // A deletion is tried all the same.
    assert!(unreachable(node.delete("k").await.unwrap_err()));
}

#[tokio::test]
async fn a_node_that_hangs_costs_the_time_limits() {
    let listener = listener().await;
    let node = node(listener.local_addr().unwrap());
    let started = Instant::now();
    let error = node.delete("k").await.unwrap_err();
    assert!(matches!(error, CacheError::Unreachable { .. }), "{error}");
    let took = started.elapsed();
    assert!(took >= TIMEOUT && took < TIMEOUT * 10, "{took:?}");
}

#[tokio::test]
async fn a_closed_connection_is_replaced() {
    let listener = listener().await;
    let node = node(listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            // The greeting has two commands.
            answer(stream, ":1\r\n", 3).await;
        }
    });
    node.delete("k").await.unwrap();
    node.delete("k").await.unwrap();
    assert!(node.is_up());
    server.await.unwrap();
}

#[tokio::test]
async fn a_refusal_does_not_take_the_node_out() {
    let listener = listener().await;
    let node = node(listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let full = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
        answer(stream, full, 100).await;
    });
    let error = node.delete("k").await.unwrap_err();
    assert!(matches!(error, CacheError::Refused { .. }), "{error}");
    assert!(node.is_up());
}
