//! What each table adds up.

mod cached;

use anyhow::Result;
pub(super) use cached::parts as cache;

use super::{GIB, Inputs, Line, MILLION, Part, line, sum, table, thousands};

/// The parts of `docs/deploying.md`.
pub(super) fn deployment(inputs: &Inputs) -> Result<Vec<Part>> {
    let photos = photos(inputs)?;
    let pages = pages(inputs)?;
    let rest = at_rest(inputs)?;
    let without_kafka = rest.iter().filter(|line| {
        !["Gateway", "MSK", "Network"]
            .iter()
            .any(|it| line.what.starts_with(it))
    });
    let (region, as_of) = (&inputs.prices.region, &inputs.prices.as_of);
    let intro = format!(
        "List prices of {region} in US dollars, on demand, without the free tier, as published in {as_of}.\n\
         Check them against the linked pages and use your own numbers.\n"
    );
    let rest = format!(
        "{}\nREST alone needs no Kafka, gateway or load balancer, and costs {:.2}.\n",
        table(&rest),
        without_kafka.map(|line| line.dollars).sum::<f64>()
    );
    Ok(vec![
        ("prices", intro),
        (
            "photos",
            format!("{}\n{}", table(&photos), storage(inputs, &photos)?),
        ),
        ("pages", table(&pages)),
        ("at rest", rest),
    ])
}

/// Millions, as in `2 M` and `3.1 M`.
fn millions(count: f64) -> String {
    let count = (count / MILLION * 10.0).round() / 10.0;
    format!("{count} M")
}

/// Consistent read units of DynamoDB, of 4 KB each.
fn reads(bytes: f64) -> f64 {
    (bytes / 4000.0).ceil()
}

/// Seconds of a GB of a function.
fn gb_seconds(inputs: &Inputs, function: &str) -> Result<f64> {
    let mb = inputs.figure(&format!("{function}_mb"))?;
    let ms = inputs.figure(&format!("{function}_ms"))?;
    Ok(mb / 1024.0 * ms / 1000.0)
}

/// `1,024 MB × 200 ms`.
fn duration(inputs: &Inputs, function: &str) -> Result<String> {
    let mb = inputs.figure(&format!("{function}_mb"))?;
    let ms = inputs.figure(&format!("{function}_ms"))?;
    let mb = thousands(mb);
    Ok(match ms >= 1000.0 {
        true => format!("{mb} MB × {} s", ms / 1000.0),
        false => format!("{mb} MB × {ms} ms"),
    })
}

/// A million photos: two calls each, a derivation, and a call log for each call.
fn photos(inputs: &Inputs) -> Result<Vec<Line>> {
    let price = |name| inputs.price(name);
    let calls = 2.0 * MILLION;
    let batches = calls / inputs.figure("ingest_batch")?;
    let invocations = calls + MILLION + batches;
    let per_photo = gb_seconds(inputs, "uploads_begin")?
        + gb_seconds(inputs, "uploads_complete")?
        + gb_seconds(inputs, "derive")?;
    let compute = per_photo * MILLION + gb_seconds(inputs, "ingest")? * batches;
    // Sent, received and deleted; call logs are received and deleted by ten.
    let messages = 3.0 * MILLION + calls * 1.2;
    let writes = inputs.figure("write_units")? * MILLION;
    let reads = inputs.figure("read_units")? * MILLION;
    let puts = inputs.figure("photo_puts")? * MILLION;
    let gets = inputs.figure("photo_gets")? * MILLION;
    let (call_log, derive_log) = (
        inputs.figure("call_log_bytes")?,
        inputs.figure("derive_log_bytes")?,
    );
    let logs = call_log * calls + derive_log * MILLION;
    let traces = inputs.figure("trace_share")? * (calls + MILLION);
    Ok(vec![
        line(
            "[API Gateway](https://aws.amazon.com/api-gateway/pricing/), REST",
            format!(
                "`uploads-begin` and `uploads-complete`: {} requests",
                millions(calls)
            ),
            format!("{:.2} a million", price("api_gateway_million")?),
            calls / MILLION * price("api_gateway_million")?,
        ),
        line(
            "[Lambda](https://aws.amazon.com/lambda/pricing/), requests",
            format!(
                "these, `pictures-derive`, and `analytics-ingest` for batches of {}: {}",
                inputs.figure("ingest_batch")?,
                millions(invocations)
            ),
            format!("{:.2} a million", price("lambda_million")?),
            invocations / MILLION * price("lambda_million")?,
        ),
        line(
            "Lambda, arm64",
            format!(
                "{}, {}, {}, {} for each batch: {} GB-s (partly assumed, for 12 megapixels; see your `REPORT` lines)",
                duration(inputs, "uploads_begin")?,
                duration(inputs, "uploads_complete")?,
                duration(inputs, "derive")?,
                duration(inputs, "ingest")?,
                millions(compute)
            ),
            format!("{} a GB-s", price("lambda_gb_second")?),
            compute * price("lambda_gb_second")?,
        ),
        line(
            "[SQS](https://aws.amazon.com/sqs/pricing/)",
            format!(
                "new pictures: sent, received and deleted one by one; {} call logs, received and deleted by ten: {}",
                millions(calls),
                millions(messages)
            ),
            format!("{:.2} a million", price("sqs_million")?),
            messages / MILLION * price("sqs_million")?,
        ),
        line(
            "[DynamoDB](https://aws.amazon.com/dynamodb/pricing/on-demand/)",
            format!(
                "transactions of two and four items of less than 1 KB, an update: {} write units; {} reads",
                millions(writes),
                millions(reads)
            ),
            format!(
                "{} and {} a million",
                price("dynamodb_write_million")?,
                price("dynamodb_read_million")?
            ),
            writes / MILLION * price("dynamodb_write_million")?
                + reads / MILLION * price("dynamodb_read_million")?,
        ),
        line(
            "[S3](https://aws.amazon.com/s3/pricing/)",
            format!(
                "{} PUT: original, thumbnail, preview; {} GET and HEAD",
                millions(puts),
                millions(gets)
            ),
            format!(
                "{} and {} a thousand",
                price("s3_put_thousand")?,
                price("s3_get_thousand")?
            ),
            puts / 1000.0 * price("s3_put_thousand")? + gets / 1000.0 * price("s3_get_thousand")?,
        ),
        line(
            "[CloudWatch Logs](https://aws.amazon.com/cloudwatch/pricing/)",
            format!(
                "{} KB a call, access log included, and {} KB a derivation",
                call_log / 1000.0,
                derive_log / 1000.0
            ),
            format!("{:.2} a GB", price("logs_gb")?),
            logs / 1e9 * price("logs_gb")?,
        ),
        line(
            "[X-Ray](https://aws.amazon.com/xray/pricing/)",
            format!(
                "{} % of the calls and derivations, its default",
                inputs.figure("trace_share")? * 100.0
            ),
            format!("{:.2} a million", price("xray_million")?),
            traces / MILLION * price("xray_million")?,
        ),
    ])
}

/// What the photos cost each month afterwards.
fn storage(inputs: &Inputs, photos: &[Line]) -> Result<String> {
    let month = |figure: &str, size: f64, name: &str| {
        Ok::<_, anyhow::Error>(inputs.figure(figure)? * MILLION / size * inputs.price(name)?)
    };
    let compute = photos.iter().find(|line| line.what.starts_with("Lambda,"));
    let share = compute.map_or(0.0, |line| line.dollars) / sum(photos) * 100.0;
    Ok(format!(
        "Compute, mostly the making of derivatives, is {share:.0} %. After that, the originals cost {:.2} a month ({} a\n\
         GB), derivatives of {} KB {:.2}, and rows {:.2}. The same calls over gRPC or Kafka save API Gateway's\n\
         {:.2} and the call logs' {:.2} of SQS, because the gateway sends call logs in batches.\n",
        month("photo_bytes", GIB, "s3_gb_month")?,
        inputs.price("s3_gb_month")?,
        inputs.figure("derivatives_bytes")? / 1000.0,
        month("derivatives_bytes", GIB, "s3_gb_month")?,
        // Rows are counted by GB of 10^9 bytes, which includes some overhead.
        month("photo_row_bytes", 1e9, "dynamodb_gb_month")?,
        2.0 * inputs.price("api_gateway_million")?,
        2.0 * 1.2 * inputs.price("sqs_million")?,
    ))
}

/// A million pages of a gallery.
fn pages(inputs: &Inputs) -> Result<Vec<Line>> {
    let price = |name| inputs.price(name);
    let batches = MILLION / inputs.figure("ingest_batch")?;
    let compute = gb_seconds(inputs, "index")? * MILLION + gb_seconds(inputs, "ingest")? * batches;
    let calls = price("api_gateway_million")?
        + (MILLION + batches) / MILLION * price("lambda_million")?
        + compute * price("lambda_gb_second")?
        + 1.2 * price("sqs_million")?
        + inputs.figure("call_log_bytes")? * MILLION / 1e9 * price("logs_gb")?
        + inputs.figure("trace_share")? * price("xray_million")?;
    let rows = inputs.figure("index_bytes")?;
    let reads = reads(rows) * MILLION;
    let thumbnails = inputs.figure("page_thumbnails")?;
    let gets = (thumbnails + 1.0) * MILLION;
    let page = thumbnails * inputs.figure("thumbnail_bytes")? + inputs.figure("preview_bytes")?;
    let traffic = page * MILLION / GIB;
    Ok(vec![
        line(
            "API Gateway, Lambda, SQS, logs, X-Ray",
            format!(
                "1 M calls of {}, and their call logs",
                duration(inputs, "index")?
            ),
            "as above".to_owned(),
            calls,
        ),
        line(
            "DynamoDB",
            format!(
                "{} KB of rows, consistently: {} read units",
                rows / 1000.0,
                millions(reads)
            ),
            format!("{} a million", price("dynamodb_read_million")?),
            reads / MILLION * price("dynamodb_read_million")?,
        ),
        line(
            "S3",
            format!("{} GET", millions(gets)),
            format!("{} a thousand", price("s3_get_thousand")?),
            gets / 1000.0 * price("s3_get_thousand")?,
        ),
        line(
            "Traffic to the internet",
            format!("{traffic:.0} GiB"),
            format!("{} a GB", price("traffic_gb")?),
            traffic * price("traffic_gb")?,
        ),
    ])
}

/// A month without calls.
fn at_rest(inputs: &Inputs) -> Result<Vec<Line>> {
    let price = |name| inputs.price(name);
    let figure = |name| inputs.figure(name);
    let hours = figure("hours")?;
    let polls = figure("pollers")? * hours * 3600.0 / figure("poll_seconds")?;
    Ok(vec![
        line(
            "The template: API, functions, tables, bucket, queues",
            "no calls, no data".to_owned(),
            String::new(),
            0.0,
        ),
        line(
            "SQS, the polls of the two event sources",
            format!(
                "{} every {} s: {}",
                figure("pollers")?,
                figure("poll_seconds")?,
                millions(polls)
            ),
            format!("{:.2} a million", price("sqs_million")?),
            polls / MILLION * price("sqs_million")?,
        ),
        line(
            "[Secrets Manager](https://aws.amazon.com/secrets-manager/pricing/)",
            "token key, database URL".to_owned(),
            format!("{:.2} each", price("secret")?),
            2.0 * price("secret")?,
        ),
        line(
            "Alarms, where `AlarmTopicArn` is given",
            format!(
                "{} metrics in {} alarms",
                figure("alarm_metrics")?,
                figure("alarms")?
            ),
            format!("{:.2} a metric", price("alarm_metric")?),
            figure("alarm_metrics")? * price("alarm_metric")?,
        ),
        line(
            "RDS Postgres",
            format!("`db.t4g.micro`, {} GB gp3", figure("database_gb")?),
            format!(
                "{} an hour, {} a GB",
                price("rds_hour")?,
                price("rds_gb_month")?
            ),
            hours * price("rds_hour")? + figure("database_gb")? * price("rds_gb_month")?,
        ),
        line(
            "The functions' route out of the VPC",
            "an endpoint for SQS in one zone; those of S3 and DynamoDB are free".to_owned(),
            format!("{} an hour", price("endpoint_hour")?),
            hours * price("endpoint_hour")?,
        ),
        line(
            "Gateway on Fargate, arm64",
            format!(
                "{} vCPU, {} GB",
                figure("gateway_vcpu")?,
                figure("gateway_gb")?
            ),
            format!(
                "{} and {} an hour",
                price("fargate_vcpu_hour")?,
                price("fargate_gb_hour")?
            ),
            hours
                * (figure("gateway_vcpu")? * price("fargate_vcpu_hour")?
                    + figure("gateway_gb")? * price("fargate_gb_hour")?),
        ),
        line(
            "MSK",
            format!(
                "{} × `kafka.t3.small`, {} GB each",
                figure("brokers")?,
                figure("broker_gb")?
            ),
            format!(
                "{} an hour, {:.2} a GB",
                price("broker_hour")?,
                price("broker_gb_month")?
            ),
            figure("brokers")?
                * (hours * price("broker_hour")?
                    + figure("broker_gb")? * price("broker_gb_month")?),
        ),
        line(
            "Network Load Balancer",
            "one, idle".to_owned(),
            format!("{} an hour", price("load_balancer_hour")?),
            hours * price("load_balancer_hour")?,
        ),
    ])
}
