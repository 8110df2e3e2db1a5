//! The cost tables of the documentation, computed from prices and figures.
//!
//! `docs/prices.json` has the prices, with their date, region and pages; `docs/figures.json` the
//! durations, sizes and counts, and where each comes from.

mod tables;

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, de::DeserializeOwned};

use crate::workspace::root;

/// A million, the number of photos and of pages that the tables are about.
const MILLION: f64 = 1e6;
/// AWS's prices by size are by GiB.
const GIB: f64 = 1_073_741_824.0;

#[derive(Deserialize)]
struct Number {
    value: f64,
}

#[derive(Deserialize)]
struct Prices {
    region: String,
    as_of: String,
    prices: BTreeMap<String, Number>,
}

#[derive(Deserialize)]
struct Figures {
    figures: BTreeMap<String, Number>,
}

/// Prices and figures, by name. A name that is missing is reported with the others at the end.
struct Inputs {
    prices: Prices,
    figures: Figures,
}

impl Inputs {
    fn read() -> Result<Self> {
        Ok(Self {
            prices: read("docs/prices.json")?,
            figures: read("docs/figures.json")?,
        })
    }

    fn price(&self, name: &str) -> Result<f64> {
        let price = self.prices.prices.get(name);
        let price = price.with_context(|| format!("docs/prices.json has no {name}"))?;
        Ok(price.value)
    }

    fn figure(&self, name: &str) -> Result<f64> {
        let figure = self.figures.figures.get(name);
        let figure = figure.with_context(|| format!("docs/figures.json has no {name}"))?;
        Ok(figure.value)
    }
}

fn read<T: DeserializeOwned>(path: &str) -> Result<T> {
    let text = fs::read_to_string(root().join(path)).with_context(|| path.to_owned())?;
    serde_json::from_str(&text).with_context(|| format!("{path} is malformed"))
}

/// A line of a table.
struct Line {
    what: String,
    how_much: String,
    price: String,
    dollars: f64,
}

fn line(what: &str, how_much: String, price: String, dollars: f64) -> Line {
    Line {
        what: what.to_owned(),
        how_much,
        price,
        dollars: cents(dollars),
    }
}

/// Rounded to cents, so that a table's lines add up to its sum.
fn cents(dollars: f64) -> f64 {
    (dollars * 100.0).round() / 100.0
}

/// A count of less than a million, with a separator.
fn thousands(count: f64) -> String {
    match count >= 1000.0 {
        true => format!("{},{:03}", (count / 1000.0).floor(), count % 1000.0),
        false => format!("{count}"),
    }
}

fn sum(lines: &[Line]) -> f64 {
    lines.iter().map(|line| line.dollars).sum()
}

/// A table as Markdown.
fn table(lines: &[Line]) -> String {
    let mut text = "| what | how much | price | $ |\n|---|---|---|---|\n".to_owned();
    for line in lines {
        let Line {
            what,
            how_much,
            price,
            dollars,
        } = line;
        text += &format!("| {what} | {how_much} | {price} | {dollars:.2} |\n");
    }
    text + &format!("| **sum** | | | **{:.2}** |\n", sum(lines))
}

/// A document with computed parts.
struct Document {
    path: &'static str,
    parts: fn(&Inputs) -> Result<Vec<Part>>,
}

/// A computed part: the name in its markers, and the text between them.
type Part = (&'static str, String);

const DOCUMENTS: [Document; 2] = [
    Document {
        path: "docs/deploying.md",
        parts: tables::deployment,
    },
    Document {
        path: "docs/cache.md",
        parts: tables::cache,
    },
];

impl Document {
    /// Its text as it is, and with the parts between its markers computed again.
    fn computed(&self) -> Result<(String, String)> {
        let inputs = Inputs::read()?;
        let old = fs::read_to_string(root().join(self.path)).with_context(|| self.path)?;
        let mut new = old.clone();
        for (name, text) in (self.parts)(&inputs)? {
            new = replaced(&new, name, &text).with_context(|| self.path)?;
        }
        Ok((old, new))
    }
}

/// Replaces the text between the markers of a part.
fn replaced(document: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- cost: {name} -->\n"), "<!-- end of cost -->");
    let missing = || format!("no part between {begin:?} and {end:?}");
    let (before, rest) = document.split_once(&begin).with_context(missing)?;
    let (_, after) = rest.split_once(end).with_context(missing)?;
    Ok(format!("{before}{begin}{text}{end}{after}"))
}

/// Writes the tables.
pub(crate) fn write() -> Result<()> {
    for document in DOCUMENTS {
        let (old, new) = document.computed()?;
        if new == old {
            println!("{} is up to date", document.path);
        } else {
            fs::write(root().join(document.path), new)?;
            println!("{} was updated", document.path);
        }
    }
    Ok(())
}

/// Checks that the tables are those that prices and figures give.
pub(crate) fn check() -> Result<()> {
    for document in DOCUMENTS {
        let (old, new) = document.computed()?;
        ensure!(
            new == old,
            "the cost tables of {} aren't those of docs/prices.json and docs/figures.json",
            document.path
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_have_the_computed_tables() {
        check().unwrap();
    }

    #[test]
    fn only_the_part_between_markers_is_replaced() {
        let document = "a\n<!-- cost: x -->\nold\n<!-- end of cost -->\nb\n";
        let expected = "a\n<!-- cost: x -->\nnew\n<!-- end of cost -->\nb\n";
        assert_eq!(replaced(document, "x", "new\n").unwrap(), expected);
        assert!(replaced(document, "y", "").is_err());
    }

    #[test]
    fn a_sum_is_that_of_the_rounded_lines() {
        let part = || line("a", "1".to_owned(), "2".to_owned(), 0.005);
        let text = table(&[part(), part()]);
        assert!(text.contains("| a | 1 | 2 | 0.01 |"), "{text}");
        assert!(text.ends_with("| **sum** | | | **0.02** |\n"), "{text}");
    }
}
