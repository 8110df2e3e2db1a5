//! `prepare [step …]` creates what is missing, and waits for dependencies that are starting.
//! The steps are `storage`, `keys`, `key-files`, `topics`, `topic-commands` and `schema`; without
//! one it runs `storage`, `keys`, `topics` and `schema`.

#![allow(
    clippy::print_stdout,
    reason = "a command-line program prints its results"
)]

use std::{env, process::ExitCode};

use trichrome_prepare::{
    aws,
    bucket::Bucket,
    config::{Config, KeyFiles, Keys, Storage, Topics},
    queues,
    retry::until,
    schema, secret,
    steps::Step,
    tables, topics,
};
use trichrome_startup::{EX_USAGE, error_chain};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let config = match configuration() {
        Ok(config) => config,
        Err(error) => {
            eprintln!("prepare: {}", error_chain(error.as_ref()));
            return ExitCode::from(EX_USAGE);
        }
    };
    match prepare(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("prepare: {}", error_chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn configuration() -> anyhow::Result<Config> {
    let mut steps = env::args()
        .skip(1)
        .map(|name| name.parse())
        .collect::<Result<Vec<Step>, _>>()?;
    if steps.is_empty() {
        steps.extend(Step::DEFAULT);
    }
    Ok(Config::read(&steps, |name| env::var(name).ok())?)
}

/// The steps are independent and run concurrently.
async fn prepare(config: &Config) -> anyhow::Result<()> {
    let timeout = config.timeout;
    let storage = async {
        let Some(Storage {
            users_table,
            pictures_table,
            pictures_bucket,
            call_log_queue,
            derive_queue,
            web_origins,
        }) = &config.storage
        else {
            return Ok(());
        };
        let aws = aws::config().await;
        until(timeout, "the users table", || {
            tables::ensure(&aws, users_table, tables::USERS)
        })
        .await?;
        until(timeout, "the pictures table", || {
            tables::ensure(&aws, pictures_table, tables::PICTURES)
        })
        .await?;
        let bucket = Bucket::new(&aws, pictures_bucket);
        until(timeout, "the bucket", || bucket.ensure()).await?;
        until(timeout, "the queue of call logs", || {
            queues::ensure(&aws, call_log_queue, queues::CALL_LOGS)
        })
        .await?;
        let derive = until(timeout, "the queue of new pictures", || {
            queues::ensure(&aws, derive_queue, queues::DERIVE)
        })
        .await?;
        until(timeout, "the bucket's notifications", || {
            bucket.notify(&derive)
        })
        .await?;
        if !web_origins.is_empty() {
            until(timeout, "the bucket's CORS", || {
                bucket.allow_origins(web_origins)
            })
            .await?;
        }
        println!("tables, bucket and queues exist");
        Ok(())
    };
    let keys = async {
        let Some(Keys {
            secret,
            jwks_file,
            key_file,
        }) = &config.keys
        else {
            return Ok(());
        };
        let aws = aws::config().await;
        let key = until(timeout, "the token key", || {
            secret::ensure(&aws, secret, key_file.as_deref())
        })
        .await?;
        secret::write_jwks(&key, jwks_file)?;
        if let Some(path) = key_file {
            secret::write_key(&key, path)?;
        }
        println!("token key exists");
        Ok(())
    };
    let kafka = async {
        let Some(Topics {
            connection,
            layout,
            correct,
        }) = &config.topics
        else {
            return Ok(());
        };
        connection.start(aws::config).await?;
        let differences = until(timeout, "the topics", || {
            topics::ensure(connection, layout, *correct)
        })
        .await
        .map_err(|error| match connection.refusal() {
            Some(refusal) => error.context(refusal),
            None => error,
        })?;
        println!("topics exist");
        for difference in differences {
            println!("! {difference}");
        }
        Ok(())
    };
    let database = async {
        let Some(schema) = &config.database else {
            return Ok(());
        };
        let aws = aws::config().await;
        let database = schema.source.clone().open(|| aws.clone());
        let ensure = || schema::ensure(&database, schema.retention);
        until(timeout, "the schema", ensure).await?;
        println!("schema is current");
        anyhow::Ok(())
    };
    if let Some(files) = &config.key_files {
        key_files(files)?;
    }
    if let Some(layout) = &config.topic_commands {
        print!("{}", topics::script(layout));
    }
    tokio::try_join!(storage, keys, kafka, database).map(|_| ())
}

fn key_files(
    KeyFiles {
        key_file,
        jwks_file,
    }: &KeyFiles,
) -> anyhow::Result<()> {
    let key = secret::kept_or_new(Some(key_file))?;
    secret::write_jwks(&key, jwks_file)?;
    secret::write_key(&key, key_file)?;
    println!("token key exists");
    Ok(())
}
