//! What the optional cache saves.

use anyhow::Result;

use super::reads;
use crate::cost::{Inputs, MILLION, Part, cents, thousands};

/// A kind of reads that the cache keeps.
struct Read {
    name: String,
    /// Read units of a miss, without the revision.
    units: f64,
    /// Objects that a miss reads.
    objects: f64,
    /// How much shorter a hit is, in milliseconds.
    saved_ms: f64,
}

impl Read {
    /// The price of what a million of them read without a cache.
    fn without(&self, inputs: &Inputs) -> Result<f64> {
        Ok(self.units * inputs.price("dynamodb_read_million")?
            + self.objects * MILLION / 1000.0 * inputs.price("s3_get_thousand")?)
    }

    /// The same with a cache. Hits and misses both read the revision.
    fn with(&self, inputs: &Inputs) -> Result<f64> {
        let revision = inputs.figure("revision_units")? * inputs.price("dynamodb_read_million")?;
        let misses = 1.0 - inputs.figure("cache_hits")?;
        Ok(revision + misses * self.without(inputs)?)
    }

    /// The price of the functions' time that a million of them save.
    fn time(&self, inputs: &Inputs) -> Result<f64> {
        let seconds = inputs.figure("cache_hits")? * MILLION * self.saved_ms / 1000.0;
        let gigabytes = inputs.figure("reads_mb")? / 1024.0;
        Ok(seconds * gigabytes * inputs.price("lambda_gb_second")?)
    }

    fn needs(&self) -> String {
        let units = match self.units {
            1.0 => "1 read unit".to_owned(),
            units => format!("{units} read units"),
        };
        match self.objects {
            0.0 => units,
            _ => format!("{units} and an object"),
        }
    }
}

fn kinds(inputs: &Inputs) -> Result<[Read; 4]> {
    let rows =
        |count: f64| Ok::<_, anyhow::Error>(reads(count * inputs.figure("index_row_bytes")?));
    let page = inputs.figure("page_pictures")?;
    let index = |pictures: f64| {
        Ok::<_, anyhow::Error>(Read {
            name: format!("a month of the index, of {} pictures", thousands(pictures)),
            units: rows(pictures)?,
            objects: 0.0,
            saved_ms: inputs.figure("index_saved_ms")?,
        })
    };
    Ok([
        Read {
            name: format!("a page of {page} pictures, without bytes"),
            units: rows(page)?,
            objects: 0.0,
            saved_ms: inputs.figure("page_saved_ms")?,
        },
        Read {
            name: "a picture with its bytes, 100 kB".to_owned(),
            units: 1.0,
            objects: 1.0,
            saved_ms: inputs.figure("picture_saved_ms")?,
        },
        index(inputs.figure("some_pictures")?)?,
        index(inputs.figure("many_pictures")?)?,
    ])
}

/// The number of reads, rounded to two digits, from which a price is saved.
fn pays_from(price: f64, saved_by_a_million: f64) -> String {
    if saved_by_a_million <= 0.0 {
        return "never".to_owned();
    }
    let reads = price / saved_by_a_million * MILLION;
    let digit = 10_f64.powf(reads.log10().floor() - 1.0);
    let reads = (reads / digit).round() * digit;
    match reads >= MILLION {
        true => format!("{} million", reads / MILLION),
        false => thousands(reads),
    }
}

/// The parts of `docs/cache.md`.
pub(in crate::cost) fn parts(inputs: &Inputs) -> Result<Vec<Part>> {
    let node = inputs.price("cache_node_hour")? * inputs.figure("hours")?;
    let mut table =
        "| read | what a miss reads | without | with | time saved | saved | pays from, a month |\n\
        |---|---|---|---|---|---|---|\n"
            .to_owned();
    for read in kinds(inputs)? {
        let (without, with) = (cents(read.without(inputs)?), cents(read.with(inputs)?));
        let time = cents(read.time(inputs)?);
        let saved = without - with + time;
        let pays_from = pays_from(node, saved);
        let (name, needs) = (&read.name, read.needs());
        table += &format!(
            "| {name} | {needs} | {without:.2} | {with:.2} | {time:.2} | {saved:.2} | {pays_from} |\n"
        );
    }
    let hits = inputs.figure("cache_hits")? * 100.0;
    let text = format!(
        "A million reads, of which {hits} % are hits, in US dollars. A node (`cache.t4g.micro` with\n\
         [Valkey](https://aws.amazon.com/elasticache/pricing/)) costs {node:.2} a month.\n\n{table}"
    );
    Ok(vec![("cache", text)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_rounded_to_two_digits() {
        assert_eq!(pays_from(9.34, 0.0625), "150 million");
        assert_eq!(pays_from(9.34, 2.25), "4.2 million");
        assert_eq!(pays_from(9.34, 37.38), "250,000");
        assert_eq!(pays_from(9.34, 93.8), "100,000");
        assert_eq!(pays_from(9.34, 20_000.0), "470");
        assert_eq!(pays_from(9.34, 0.0), "never");
        assert_eq!(pays_from(9.34, -0.1), "never");
    }
}
