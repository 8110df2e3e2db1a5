//! Makes what is missing, waits for what is starting, and ends.

#![allow(clippy::print_stdout, reason = "a command: this is its output")]

use std::process::ExitCode;

use trichrome_local::{aws, bucket, config::Config, retry::until, schema, secret, tables, topics};

/// The exit status of a wrong configuration (`EX_USAGE` of sysexits.h).
const BAD_CONFIGURATION: u8 = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let config = match Config::read(|name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("prepare: {error}");
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    match prepare(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("prepare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The parts do not depend on each other, so they are waited for side by side.
async fn prepare(config: &Config) -> anyhow::Result<()> {
    let aws = aws::config().await;
    let time = config.timeout;
    let storage = async {
        until(time, "the users table", || {
            tables::ensure(&aws, &config.users_table, tables::USERS)
        })
        .await?;
        until(time, "the pictures table", || {
            tables::ensure(&aws, &config.pictures_table, tables::PICTURES)
        })
        .await?;
        until(time, "the bucket", || {
            bucket::ensure(&aws, &config.pictures_bucket)
        })
        .await?;
        println!("tables and bucket are there");
        Ok(())
    };
    let keys = async {
        let key = until(time, "the token key", || {
            secret::ensure(&aws, &config.secret, config.key_file.as_deref())
        })
        .await?;
        secret::write_jwks(&key, &config.jwks_file)?;
        if let Some(path) = &config.key_file {
            secret::write_key(&key, path)?;
        }
        println!("token key is there");
        Ok(())
    };
    let kafka = async {
        until(time, "the topics", || topics::ensure(&config.kafka_brokers)).await?;
        println!("topics are there");
        Ok(())
    };
    let database = async {
        until(time, "the schema", || schema::ensure(&config.database)).await?;
        println!("schema is there");
        anyhow::Ok(())
    };
    tokio::try_join!(storage, keys, kafka, database).map(|_| ())
}
