use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::*;

fn parse(text: &str) -> Result<Address, &'static str> {
    Address::parse(text, None, false)
}

#[test]
fn postgres_urls_are_accepted() {
    for url in [
        "postgres://u:p@127.0.0.1:54320/analytics",
        "postgresql://u@db.internal/analytics?sslmode=verify-full",
        "postgres:///analytics?host=/run/postgresql",
        "postgres://u:p%40ss@[::1]/analytics",
        "postgres://u:p@h/d\n",
    ] {
        assert!(parse(url).is_ok(), "{url}");
    }
}

#[test]
fn other_texts_are_refused() {
    for url in [
        "",
        "analytics",
        "mysql://u:p@host/analytics",
        "http://host/analytics",
        "postgres://",
        "postgres:///analytics",
        "postgres://host",
        "postgres://host:port/analytics",
        "postgres://host/analytics?sslmode=perhaps",
    ] {
        assert!(parse(url).is_err(), "{url}");
    }
}

#[test]
fn the_password_is_redacted() {
    let address = parse("postgres://u:hunter2@host/analytics").unwrap();
    assert!(!format!("{address:?}").contains("hunter2"));
    for text in [
        "mysql://u:hunter2@host/d",
        r#"{"username": 1, "password": "hunter2"}"#,
    ] {
        assert!(!parse(text).unwrap_err().contains("hunter2"));
    }
}

#[test]
fn rdss_json_is_an_address() {
    let whole = r#"{"engine": "postgres", "host": "a.b.eu-west-1.rds.amazonaws.com",
        "username": "u", "password": "p@/?", "dbname": "d", "port": 5433,
        "dbInstanceIdentifier": "a"}"#;
    let address = parse(whole).unwrap();
    let options = address.options();
    assert_eq!(options.get_host(), "a.b.eu-west-1.rds.amazonaws.com");
    assert_eq!(options.get_port(), 5433);
    assert_eq!(options.get_username(), "u");
    assert_eq!(options.get_database(), Some("d"));
    assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
    let as_text = whole.replace("5433", "\"5433\"");
    assert_eq!(parse(&as_text).unwrap().options().get_port(), 5433);

    // As RDS manages it itself.
    let login = r#"{"username": "u", "password": "p"}"#;
    assert!(parse(login).unwrap_err().contains("DATABASE_ENDPOINT"));
    let endpoint: Endpoint = "db.internal:6000/trichrome".parse().unwrap();
    let address = Address::parse(login, Some(&endpoint), false).unwrap();
    let options = address.options();
    let place = (
        options.get_host(),
        options.get_port(),
        options.get_database(),
    );
    assert_eq!(place, ("db.internal", 6000, Some("trichrome")));
    // A proxy, say.
    for secret in [whole, "postgres://u:p@elsewhere/other"] {
        let address = Address::parse(secret, Some(&endpoint), false).unwrap();
        assert_eq!(address.options().get_host(), "db.internal");
        assert_eq!(address.options().get_database(), Some("trichrome"));
    }

    for (text, problem) in [
        (r#"{"password": "p"}"#, "must be a Postgres URL"),
        (r#"{"username": "u", "engine": "mysql"}"#, "engine postgres"),
        (r#"{"username": "u", "port": "x"}"#, "port number"),
        (
            r#"{"username": "u", "host": "h", "dbname": "d", "sslmode": "x"}"#,
            "sslmode",
        ),
    ] {
        let found = parse(text).unwrap_err();
        assert!(found.contains(problem), "{text}: {found}");
    }
}

#[test]
fn an_endpoint_has_a_host_and_a_name() {
    let endpoint: Endpoint = "h/d".parse().unwrap();
    assert_eq!(endpoint.port, 5432);
    for text in [
        "",
        "h",
        "h:5432",
        "/d",
        "h:x/d",
        "u@h/d",
        "h/d?sslmode=require",
    ] {
        assert!(text.parse::<Endpoint>().is_err(), "{text}");
    }
}

#[test]
fn rdss_roots_are_added_for_its_hosts_that_are_verified() {
    let has_roots = |place: &str, query: &str| {
        let address = parse(&format!("postgres://u@{place}/d?{query}")).unwrap();
        format!("{:?}", address.options()).contains("ssl_root_cert: Some")
    };
    let host = "a.b.EU-west-1.rds.amazonaws.com:5432";
    assert!(has_roots(host, "sslmode=verify-full"));
    assert!(has_roots("a.rds.amazonaws.com.cn", "sslmode=verify-ca"));
    assert!(!has_roots(host, "sslmode=require"));
    assert!(!has_roots(
        "rds.amazonaws.com.example",
        "sslmode=verify-full"
    ));
    let address = parse(&format!(
        "postgres://u@{host}/d?sslmode=verify-full&sslrootcert=/own.pem"
    ));
    let shown = format!("{:?}", address.unwrap().options());
    assert!(shown.contains("/own.pem"), "{shown}");
}

/// The fields that the tests look at, of a certificate in DER (RFC 5280, section 4.1).
struct Certificate<'a> {
    subject: &'a [u8],
    /// `YYMMDDHHMMSSZ` or, from 2050 on, `YYYYMMDDHHMMSSZ`.
    not_after: &'a str,
}

/// The contents of the next element, and what follows it.
fn element(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (tag, first) = (der[0], usize::from(der[1]));
    let (length, start) = if first < 0x80 {
        (first, 2)
    } else {
        let digits = &der[2..2 + (first & 0x7f)];
        let length = digits.iter().fold(0, |sum, it| sum << 8 | usize::from(*it));
        (length, 2 + digits.len())
    };
    (tag, &der[start..start + length], &der[start + length..])
}

impl<'a> Certificate<'a> {
    fn parse(der: &'a [u8]) -> Self {
        let (_, certificate, _) = element(der);
        let (_, signed, _) = element(certificate);
        let (tag, _, mut rest) = element(signed);
        // The version is optional.
        assert_eq!(tag, 0xa0);
        // Serial number, algorithm and issuer.
        for _ in 0..3 {
            rest = element(rest).2;
        }
        let (_, validity, rest) = element(rest);
        let (_, not_after, _) = element(element(validity).2);
        Self {
            subject: element(rest).1,
            not_after: str::from_utf8(not_after).unwrap(),
        }
    }

    fn last_year(&self) -> i32 {
        // A time without a century is before 2050.
        match self.not_after.len() {
            13 => 2000 + self.not_after[..2].parse::<i32>().unwrap(),
            _ => self.not_after[..4].parse().unwrap(),
        }
    }
}

#[test]
fn every_root_is_rdss_and_lasts() {
    let mut roots = RootCertStore::empty();
    let mut regions = std::collections::BTreeSet::new();
    for der in CertificateDer::pem_slice_iter(RDS_ROOTS.as_bytes()) {
        let der = der.unwrap();
        let certificate = Certificate::parse(&der);
        let subject = String::from_utf8_lossy(certificate.subject);
        assert!(subject.contains("Amazon RDS "), "{subject}");
        // If this fails, it is time to replace them (docs/deploying.md).
        assert!(
            certificate.last_year() >= time::OffsetDateTime::now_utc().year() + 2,
            "{subject} ends at {}",
            certificate.not_after
        );
        let name = subject.split("Amazon RDS ").last().unwrap();
        regions.insert(name.split(" Root CA").next().unwrap().to_owned());
        roots.add(der).unwrap();
    }
    assert_eq!(
        roots.len(),
        3 * regions.len(),
        "RSA 2048, RSA 4096 and ECC of each: {regions:?}"
    );
    assert!(
        regions.contains("eu-central-1") && regions.contains("us-east-1"),
        "{regions:?}"
    );
}
