//! The verdicts of both, compared.

use std::{env, fs, path::Path};

use anyhow::Result;
use trichrome_image::{ImageError, inspect};

use crate::{
    corpus::{self, Case},
    exceptions::{Difference, EXCEPTIONS, Exception},
    judge::{self, Verdict},
};

/// The formats, by the names of their cases.
pub(crate) const FORMATS: [&str; 5] = ["PNG", "JPEG", "GIF", "WebP", "AVIF"];

/// All files with both verdicts.
pub(crate) struct Comparison(Vec<Judged>);

struct Judged {
    format: &'static str,
    name: String,
    difference: Option<(Difference, String)>,
}

impl Comparison {
    /// Generates the files and judges them. A file that takes too many pixels is not put before
    /// Chromium, which would use gigabytes.
    pub(crate) fn run() -> Result<Self> {
        let cases = corpus::all()?;
        let verdicts: Vec<_> = cases.iter().map(|case| inspect(&case.bytes)).collect();
        let judged = cases.iter().zip(&verdicts);
        let (small, verdicts): (Vec<_>, Vec<_>) = judged
            .filter(|(_, verdict)| !matches!(verdict, Err(ImageError::TooLarge { .. })))
            .unzip();
        let shown = judge::judge(&small)?;
        let mut all = Vec::new();
        for ((case, verdict), shown) in small.into_iter().zip(verdicts).zip(shown) {
            let difference = difference(verdict, shown);
            if difference.is_some() {
                keep(case)?;
            }
            all.push(Judged {
                format: case.format,
                name: case.name.clone(),
                difference,
            });
        }
        Ok(Self(all))
    }

    /// The files of a format that are judged differently without an exception.
    pub(crate) fn differences(&self, format: &str) -> Vec<String> {
        let own = self.0.iter().filter(|judged| judged.format == format);
        let mut problems: Vec<_> = own
            .clone()
            .filter_map(|judged| {
                let (difference, text) = judged.difference.as_ref()?;
                let excepts = |it: &Exception| it.excepts(&judged.name, *difference);
                let is_excepted = EXCEPTIONS.iter().any(excepts);
                (!is_excepted).then(|| format!("{}: {text}", judged.name))
            })
            .collect();
        if own.count() < 100 {
            problems.push("there are too few files".to_owned());
        }
        problems
    }

    /// Exceptions that no file needs.
    pub(crate) fn unused_exceptions(&self) -> Vec<String> {
        let is_used = |exception: &Exception| {
            self.0.iter().any(|judged| {
                let difference = judged.difference.as_ref();
                difference.is_some_and(|&(kind, _)| exception.excepts(&judged.name, kind))
            })
        };
        let unused = EXCEPTIONS.iter().filter(|exception| !is_used(exception));
        unused
            .map(|exception| exception.pattern.to_owned())
            .collect()
    }
}

fn difference(
    own: &Result<trichrome_image::Image, ImageError>,
    shown: Verdict,
) -> Option<(Difference, String)> {
    match (own, shown) {
        (Err(_), Verdict::NotWhole) => None,
        (Err(error), Verdict::Whole(..)) => Some((
            Difference::Refused,
            format!("Chromium shows it, but {error}"),
        )),
        (Ok(_), Verdict::NotWhole) => Some((
            Difference::Accepted,
            "it is accepted, but Chromium doesn't show all of it".to_owned(),
        )),
        (Ok(image), Verdict::Whole(width, height)) => {
            let size = image.size;
            ((size.width, size.height) != (width, height)).then(|| {
                let (own_width, own_height) = (size.width, size.height);
                let text = format!(
                    "Chromium shows {width} x {height} pixels, not {own_width} x {own_height}"
                );
                (Difference::Size, text)
            })
        }
    }
}

/// Keeps a file in the folder `CORPUS`.
fn keep(case: &Case) -> Result<()> {
    let Some(folder) = env::var_os("CORPUS") else {
        return Ok(());
    };
    let name = format!("{} {}", case.format, case.name.replace(['/', ':'], "-"));
    fs::create_dir_all(&folder)?;
    fs::write(Path::new(&folder).join(name), &case.bytes)?;
    Ok(())
}
