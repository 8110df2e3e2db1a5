//! Thumbnails, previews and what else is derived from new pictures.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use trichrome_tests::{
    account::Account,
    clients::http::Answer,
    harness::Suite,
    images::{Format, Picture, fields},
    reply::text,
    scenario::Scenario,
    wait::eventually,
};

use crate::pictures::{delete, upload};

/// How long derivatives may take, on a busy machine and after a message that came before its row.
const READY: Duration = Duration::from_secs(120);

/// How far a sample may be from what it should be, after lossy compression.
const TOLERANCE: u8 = 20;

/// For each of EXIF's orientations, which stored field is displayed at the upper left, upper right,
/// lower left and lower right.
const DISPLAYED: [(u16, [usize; 4]); 8] = [
    (1, [0, 1, 2, 3]),
    (2, [1, 0, 3, 2]),
    (3, [3, 2, 1, 0]),
    (4, [2, 3, 0, 1]),
    (5, [0, 2, 1, 3]),
    (6, [2, 0, 3, 1]),
    (7, [3, 1, 2, 0]),
    (8, [1, 3, 0, 2]),
];

pub(crate) fn add(suite: &mut Suite) {
    suite.each("derivatives::are_made_of_every_format", formats);
    suite.each("derivatives::are_upright_and_without_metadata", upright);
    suite.each("derivatives::say_why_a_picture_is_damaged", damaged);
    suite.each("derivatives::are_deleted_with_their_picture", deleted);
}

/// Waits until a picture is processed.
async fn processed(run: &Scenario, account: &Account, id: &str) -> Result<Value> {
    eventually(READY, async || {
        let args = json!({"picture_id": id});
        let reply = run.call("pictures-get", args)?.by(account).send().await?;
        let picture = reply.ok()?;
        ensure!(picture["state"] != "processing", "{id} is still processing");
        Ok(picture)
    })
    .await
}

async fn fetch(run: &Scenario, picture: &Value, link: &str) -> Result<Answer> {
    let url = text(&picture["links"], link)?;
    let answer = run.stack().http.get(url).await?;
    ensure!(answer.status == 200, "{link}: status {}", answer.status);
    Ok(answer)
}

async fn formats(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    for format in Format::ALL {
        let original = format.photo();
        let created = upload(&run, &account, &original, "a photo").await?;
        let picture = processed(&run, &account, text(&created, "id")?).await?;
        let what = || format!("{format:?}");
        ensure!(
            picture["state"] == "ready",
            "{format:?}: {}",
            picture["state"]
        );
        ensure!(picture["displayed_width"] == original.width, "{format:?}");
        ensure!(picture["displayed_height"] == original.height, "{format:?}");
        ensure!(picture["damage"] == "", "{format:?}");
        if format == Format::Avif {
            // Its decoding is left to browsers.
            for absent in ["thumbnail", "preview"] {
                ensure!(picture["links"][absent] == "", "AVIF has a {absent}");
            }
            continue;
        }
        ensure!(!text(&picture, "placeholder")?.is_empty(), "{format:?}");
        for link in ["thumbnail", "preview"] {
            let answer = fetch(&run, &picture, link).await.with_context(what)?;
            let caching = answer.header("cache-control");
            ensure!(caching.contains("immutable"), "{format:?}: {caching}");
            let kind = answer.header("content-type");
            ensure!(kind == "image/webp", "{format:?}: {kind}");
            let image = decoded(&answer.body).with_context(what)?;
            let size = (image.width(), image.height());
            ensure!(
                size == (original.width, original.height),
                "{format:?}: {size:?}"
            );
        }
    }
    Ok(())
}

async fn upright(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let mut created = Vec::new();
    for (orientation, order) in DISPLAYED {
        let title = format!("orientation {orientation}");
        let picture = fields::turned(orientation);
        ensure!(
            contains(&picture.bytes, fields::SECRET),
            "the original has no secret"
        );
        let message = upload(&run, &account, &picture, &title).await?;
        created.push((title, order, orientation > 4, message));
    }
    for (title, order, is_turned, message) in created {
        let picture = processed(&run, &account, text(&message, "id")?).await?;
        let (width, height) = if is_turned { (48, 64) } else { (64, 48) };
        ensure!(picture["displayed_width"] == width, "{title}");
        ensure!(picture["displayed_height"] == height, "{title}");
        ensure!(
            picture["taken_at"] == fields::TAKEN_AT,
            "{title}: {}",
            picture["taken_at"]
        );
        for link in ["thumbnail", "preview"] {
            let answer = fetch(&run, &picture, link).await?;
            for trace in [fields::SECRET, b"EXIF", b"Exif"] {
                ensure!(
                    !contains(&answer.body, trace),
                    "{title}: {link} has metadata"
                );
            }
            let image = decoded(&answer.body)?;
            ensure!(
                (image.width(), image.height()) == (width, height),
                "{title}"
            );
            let expected = order.map(|field| fields::COLOURS[field]);
            compare(&image, expected).with_context(|| format!("{title}: {link}"))?;
        }
    }
    Ok(())
}

/// Compares every pixel with the four fields, except near their borders, which blur.
fn compare(image: &webp::WebPImage, expected: [[u8; 3]; 4]) -> Result<()> {
    let (half_x, half_y) = (image.width() / 2, image.height() / 2);
    ensure!(image.layout() == webp::PixelLayout::Rgb, "it isn't opaque");
    let rows = image.chunks_exact(image.width() as usize * 3);
    for (y, row) in (0..).zip(rows) {
        for (x, pixel) in (0..).zip(row.as_chunks::<3>().0) {
            let (x, y): (u32, u32) = (x, y);
            if x.abs_diff(half_x) <= 4 || y.abs_diff(half_y) <= 4 {
                continue;
            }
            let colour = expected[usize::from(x >= half_x) + 2 * usize::from(y >= half_y)];
            let mut samples = pixel.iter().zip(colour);
            let is_close = samples.all(|(found, expected)| found.abs_diff(expected) <= TOLERANCE);
            ensure!(is_close, "{pixel:?} at {x}, {y}, not {colour:?}");
        }
    }
    Ok(())
}

async fn damaged(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let created = upload(&run, &account, &fields::damaged(), "broken inside").await?;
    let picture = processed(&run, &account, text(&created, "id")?).await?;
    ensure!(picture["state"] == "damaged", "{}", picture["state"]);
    let damage = text(&picture, "damage")?;
    ensure!(damage.starts_with("the PNG file is damaged: "), "{damage}");
    for absent in ["thumbnail", "preview"] {
        ensure!(picture["links"][absent] == "", "there is a {absent}");
    }
    Ok(())
}

async fn deleted(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let picture: Picture = Format::Jpeg.photo();
    let created = upload(&run, &account, &picture, "soon deleted").await?;
    let id = text(&created, "id")?;
    processed(&run, &account, id).await?;
    let stored = &run.stack().stored;
    let derived = stored.derivatives(&account.id).await?;
    ensure!(derived == 2, "{derived} derivatives");
    delete(&run, &account, id).await?;
    let left = stored.derivatives(&account.id).await?;
    ensure!(left == 0, "{left} derivatives are left");
    Ok(())
}

fn decoded(file: &[u8]) -> Result<webp::WebPImage> {
    webp::Decoder::new(file).decode().context("no WebP file")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
