//! The cost tables of `docs/deploying.md`, computed from prices and figures.
//!
//! `docs/prices.json` has the prices, with their date, region and pages; `docs/figures.json` the
//! durations, sizes and counts, and where each comes from.

mod tables;

use std::{collections::BTreeMap, fs, path::PathBuf};

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

fn document() -> PathBuf {
    root().join("docs/deploying.md")
}

/// The document with the parts between its markers computed again.
fn computed(document: &str) -> Result<String> {
    let inputs = Inputs::read()?;
    let mut document = document.to_owned();
    for (name, text) in tables::all(&inputs)? {
        document = replaced(&document, name, &text)?;
    }
    Ok(document)
}

/// Replaces the text between the markers of a part.
fn replaced(document: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- cost: {name} -->\n"), "<!-- end of cost -->");
    let missing = || format!("docs/deploying.md has no part between {begin:?} and {end:?}");
    let (before, rest) = document.split_once(&begin).with_context(missing)?;
    let (_, after) = rest.split_once(end).with_context(missing)?;
    Ok(format!("{before}{begin}{text}{end}{after}"))
}

/// Writes the tables.
pub(crate) fn write() -> Result<()> {
    let old = fs::read_to_string(document())?;
    let new = computed(&old)?;
    if new == old {
        println!("docs/deploying.md is up to date");
    } else {
        fs::write(document(), new)?;
        println!("docs/deploying.md was updated");
    }
    Ok(())
}

/// Checks that the tables are those that prices and figures give.
pub(crate) fn check() -> Result<()> {
    let old = fs::read_to_string(document())?;
    ensure!(
        computed(&old)? == old,
        "the cost tables of docs/deploying.md aren't those of docs/prices.json and docs/figures.json"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_computed_tables() {
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
