//! The connection to Kafka: brokers, TLS and login, read from the environment, the same in every
//! program.
//!
//! | variable | |
//! |---|---|
//! | `KAFKA_BROKERS` | bootstrap brokers, `host:port`, comma separated |
//! | `KAFKA_SECURITY_PROTOCOL` | `PLAINTEXT` (default), `SSL`, `SASL_PLAINTEXT` or `SASL_SSL` |
//! | `KAFKA_SASL_MECHANISM` | `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER` or `AWS_MSK_IAM` |
//! | `KAFKA_USERNAME`, `KAFKA_PASSWORD` | for PLAIN and SCRAM; for `OAUTHBEARER` the client's id and secret |
//! | `KAFKA_USERNAME_FILE`, `KAFKA_PASSWORD_FILE` | files that contain them, read again when they change |
//! | `KAFKA_USERNAME_SOURCE`, `KAFKA_PASSWORD_SOURCE` | other sources of them (`trichrome-secrets`) |
//! | `KAFKA_OAUTH_TOKEN_URL`, `KAFKA_OAUTH_SCOPE` | where `OAUTHBEARER` gets its tokens (client credentials) |
//! | `KAFKA_CA_FILE` | trusted certificates (PEM) instead of the system's |
//! | `KAFKA_CERTIFICATE_FILE`, `KAFKA_KEY_FILE` | the client's certificate and key (PEM) for mutual TLS |
//!
//! `AWS_MSK_IAM` signs with the AWS SDK's credentials and region.

mod connection;
mod login;
mod msk_iam;
mod oauth;
mod settings;

pub use connection::Connection;
pub use login::LoginError;
