//! The container's health check: asks the gateway beside it for `/readyz`, since the image
//! has no other program that could. Ends with 0 where it answers 200, else with 1.

use std::{
    env,
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

/// The gateway takes up to two seconds to look at what it stands on.
const TIMEOUT: Duration = Duration::from_millis(2500);

/// As much of an answer as is looked at, in bytes: which dependency is down is in it.
const ANSWER: u64 = 4096;

fn main() -> ExitCode {
    let address = env::var("GATEWAY_HTTP_ADDR").unwrap_or_else(|_| "127.0.0.1:3005".into());
    match address
        .trim()
        .parse()
        .map_err(|_| "GATEWAY_HTTP_ADDR must be an address such as 127.0.0.1:3005".to_owned())
        .and_then(|address| ask(reachable(address)).map_err(|error| error.to_string()))
    {
        Ok(answer) if is_ok(&answer) => ExitCode::SUCCESS,
        Ok(answer) => fail(&answer),
        Err(error) => fail(&error),
    }
}

/// The engine keeps what a health check says (`docker inspect`).
fn fail(why: &str) -> ExitCode {
    eprintln!("{}", why.lines().last().unwrap_or("no answer"));
    ExitCode::FAILURE
}

/// Where to find a listener of this address: "all interfaces" is no place to connect to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // In one piece: a server may answer the first of several, and hang up on the next.
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Whether an answer's status line says 200.
fn is_ok(answer: &str) -> bool {
    answer.split(' ').nth(1) == Some("200")
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// What is asked of a server that gives this answer, and what comes of it.
    fn exchange(answer: &'static str) -> (String, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let answer = ask(address).unwrap();
        (server.join().unwrap(), answer)
    }

    #[test]
    fn only_200_is_well() {
        let (asked, answer) = exchange("HTTP/1.1 200 OK\r\n\r\n{}");
        assert!(asked.starts_with("GET /readyz HTTP/1.1\r\n"), "{asked}");
        assert!(is_ok(&answer));
        let (_, answer) = exchange("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"ready\":false}");
        assert!(!is_ok(&answer));
        assert!(answer.ends_with("{\"ready\":false}"));
        assert!(!is_ok(""));
    }

    #[test]
    fn nobody_there_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(ask(address).is_err());
    }

    #[test]
    fn all_interfaces_are_reached_on_loopback() {
        let reach = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reach("0.0.0.0:3005"), "127.0.0.1:3005");
        assert_eq!(reach("[::]:3005"), "[::1]:3005");
        assert_eq!(reach("10.0.0.7:3005"), "10.0.0.7:3005");
    }
}
