//! What the optional cache saves.

use anyhow::Result;

use crate::cost::{Inputs, MILLION, Part};

/// A kind of reads that the cache keeps.
struct Read {
    name: &'static str,
    /// The name in the list of break-even points.
    short: &'static str,
    /// Read units of a miss, without the revision.
    units: f64,
    /// Objects that a miss reads.
    objects: f64,
}

impl Read {
    /// What a million of them cost without a cache.
    fn without(&self, inputs: &Inputs) -> Result<f64> {
        Ok(self.units * inputs.price("dynamodb_read_million")?
            + self.objects * MILLION / 1000.0 * inputs.price("s3_get_thousand")?)
    }

    /// What a million of them cost with a cache. Hits and misses both read the revision.
    fn with(&self, inputs: &Inputs) -> Result<f64> {
        let revision = inputs.figure("revision_units")? * inputs.price("dynamodb_read_million")?;
        let misses = 1.0 - inputs.figure("cache_hits")?;
        Ok(revision + misses * self.without(inputs)?)
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

fn reads(inputs: &Inputs) -> Result<[Read; 4]> {
    let rows = |figure| {
        // A consistent read unit is 4 KB.
        let units = inputs.figure(figure)? * inputs.figure("index_row_bytes")? / 4000.0;
        Ok::<_, anyhow::Error>(units.ceil())
    };
    Ok([
        Read {
            name: "a page of 20 pictures, without bytes",
            short: "pages",
            units: inputs.figure("page_units")?,
            objects: 0.0,
        },
        Read {
            name: "a picture with its bytes, 100 kB",
            short: "pictures",
            units: 1.0,
            objects: 1.0,
        },
        Read {
            name: "a month of the index, of a user with 300 pictures",
            short: "months of the index, with 300 pictures",
            units: rows("some_pictures")?,
            objects: 0.0,
        },
        Read {
            name: "the same with 5,000 pictures",
            short: "with 5,000 pictures",
            units: rows("many_pictures")?,
            objects: 0.0,
        },
    ])
}

/// A count with thousands separated, rounded to two digits.
fn rounded(count: f64) -> String {
    let digit = 10_f64.powf(count.log10().floor() - 1.0);
    let count = (count / digit).round() * digit;
    match count >= MILLION {
        true => format!("{} million", count / MILLION),
        false => format!("{:.0},{:03.0}", (count / 1000.0).floor(), count % 1000.0),
    }
}

/// The parts of `docs/cache.md`.
pub(in crate::cost) fn parts(inputs: &Inputs) -> Result<Vec<Part>> {
    let mut table =
        "| read | what a miss reads | without | with | saved |\n|---|---|---|---|---|\n".to_owned();
    let node = inputs.price("cache_node_hour")? * inputs.figure("hours")?;
    let mut points = String::new();
    for read in reads(inputs)? {
        let (without, with) = (read.without(inputs)?, read.with(inputs)?);
        let saved = without - with;
        let (name, needs) = (read.name, read.needs());
        table += &format!("| {name} | {needs} | ${without:.2} | ${with:.2} | ${saved:.2} |\n");
        points += &format!("- {}: {}\n", read.short, rounded(node / saved * MILLION));
    }
    let hits = inputs.figure("cache_hits")? * 100.0;
    Ok(vec![
        (
            "hits",
            format!("A million reads, of which {hits} % are hits:\n\n{table}"),
        ),
        (
            "node",
            format!(
                "A node (`cache.t4g.micro` with [Valkey](https://aws.amazon.com/elasticache/pricing/)) costs ${node:.2} a month,\n\
                 so it pays from about this many reads a month:\n\n{points}"
            ),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_rounded_to_two_digits() {
        assert_eq!(rounded(149_440_000.0), "150 million");
        assert_eq!(rounded(4_152_000.0), "4.2 million");
        assert_eq!(rounded(249_900.0), "250,000");
        assert_eq!(rounded(99_600.0), "100,000");
    }
}
