//! Memory that an upload of the largest picture takes in the gateway and in the function, over
//! each transport, in base64 and raw: the peak minus the memory used before.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use trichrome_proto::wire::limits::MAX_PICTURE;

use crate::{
    call, process,
    settings::Settings,
    stats::Rounds,
    table::Table,
    upload::{FUNCTION, Uploader, Way},
};

const SMALL: usize = 1024;

/// Maximum, as a multiple of the picture's size.
const BUDGET: f64 = 3.0;

/// Measures over each transport.
pub(crate) async fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let token = call::token(&settings.stack).await?;
    let uploader = Uploader::connect(&settings.stack, &token).await?;
    let program = &settings
        .functions
        .get(FUNCTION)
        .with_context(|| format!("no {FUNCTION}"))?
        .program;
    for way in Way::ALL {
        let (mut gateway, mut function) = (Rounds::default(), Rounds::default());
        for _ in 0..settings.rounds {
            // Warm up: the first upload allocates memory that a process keeps.
            for _ in 0..4 {
                uploader.upload(way, SMALL, None).await?;
            }
            let before = Held::begin(&settings.gateway)?;
            let functions = Held::begin(program)?;
            uploader.upload(way, MAX_PICTURE, None).await?;
            gateway.add(before.more()? / MAX_PICTURE as f64);
            function.add(functions.more()? / MAX_PICTURE as f64);
        }
        if way.has_gateway() {
            table.budget(
                &format!("an upload over {way}: memory in the gateway"),
                "3 x the picture",
                format!("{gateway} x"),
                gateway.median() <= BUDGET,
            );
        }
        table.budget(
            &format!("an upload over {way}: memory in the function"),
            "3 x the picture",
            format!("{function} x"),
            function.median() <= BUDGET,
        );
    }
    Ok(())
}

/// Memory that each process used before.
struct Held(Vec<(u32, f64)>);

impl Held {
    fn begin(program: &Path) -> Result<Self> {
        let mut held = Vec::new();
        for id in process::of(program)? {
            process::reset_peak(id)?;
            held.push((id, process::resident(id)?));
        }
        ensure!(!held.is_empty(), "{} isn't running", program.display());
        Ok(Self(held))
    }

    /// The largest increase of any process, in bytes.
    fn more(&self) -> Result<f64> {
        let mut most: f64 = 0.0;
        for (id, before) in &self.0 {
            most = most.max(process::peak(*id)? - before);
        }
        Ok(most)
    }
}
