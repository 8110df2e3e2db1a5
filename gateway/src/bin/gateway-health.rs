//! The container's health check: requests `/readyz` from the gateway's operator port, which callers
//! can't exhaust, because the image has no other HTTP client. Exits with 0 if the response is 200, otherwise with 1.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

use trichrome_startup::Variables;

/// The gateway takes up to two seconds to check its dependencies.
const TIMEOUT: Duration = Duration::from_millis(2500);

/// The maximum number of bytes read of a response; it names the dependencies that are down.
const MAX_RESPONSE: u64 = 4096;

fn main() -> ExitCode {
    let mut variables = Variables::from_process();
    let address = variables.parse_or(
        "GATEWAY_ADMIN_ADDR",
        SocketAddr::from(([127, 0, 0, 1], 6060)),
        "an address such as 127.0.0.1:6060",
    );
    // Docker reserves other exit codes than 0 and 1.
    if let Err(error) = variables.check() {
        return fail(&error.to_string());
    }
    match request(reachable(address)) {
        Ok(response) if is_ok(&response) => ExitCode::SUCCESS,
        Ok(response) => fail(&response),
        Err(error) => fail(&error.to_string()),
    }
}

/// Prints the reason, which `docker inspect` shows.
fn fail(why: &str) -> ExitCode {
    eprintln!("{}", why.lines().last().unwrap_or("no response"));
    ExitCode::FAILURE
}

/// The loopback address for a gateway that listens on all interfaces.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn request(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // Written at once: a server may answer the first part and close the connection.
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    stream.take(MAX_RESPONSE).read_to_end(&mut response)?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}

/// Whether the response's status is 200.
fn is_ok(response: &str) -> bool {
    response.split(' ').nth(1) == Some("200")
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// The request to a server with this response, and the response received.
    fn exchange(response: &'static str) -> (String, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(response.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let response = super::request(address).unwrap();
        (server.join().unwrap(), response)
    }

    #[test]
    fn only_200_is_healthy() {
        let (request, response) = exchange("HTTP/1.1 200 OK\r\n\r\n{}");
        assert!(request.starts_with("GET /readyz HTTP/1.1\r\n"), "{request}");
        assert!(is_ok(&response));
        let (_, response) = exchange("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"ready\":false}");
        assert!(!is_ok(&response));
        assert!(response.ends_with("{\"ready\":false}"));
        assert!(!is_ok(""));
    }

    #[test]
    fn a_closed_port_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(request(address).is_err());
    }

    #[test]
    fn all_interfaces_are_reached_on_loopback() {
        let reach = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reach("0.0.0.0:6060"), "127.0.0.1:6060");
        assert_eq!(reach("[::]:6060"), "[::1]:6060");
        assert_eq!(reach("10.0.0.7:6060"), "10.0.0.7:6060");
    }
}
