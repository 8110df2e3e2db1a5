//! Secrets from RustyVault, a server with Vault's API.

use anyhow::Result;

use super::{Checks, Part, cargo_program::CargoProgram};
use crate::workspace::{cargo, root};

pub(super) static PART: Part = Part {
    name: "vault",
    about: "secrets from a server with Vault's API: logins, leases, sealing (RustyVault)",
    needs: &[&RUSTY_VAULT],
    run,
};

/// Licensed under Apache-2.0, unlike Vault.
static RUSTY_VAULT: CargoProgram = CargoProgram {
    package: "rusty_vault",
    program: "rvault",
    version: "0.2.1",
    gigabytes: 2,
};

fn run(checks: &mut Checks) -> Result<()> {
    let program = RUSTY_VAULT.get()?;
    let mut test = cargo();
    test.args(["test", "--locked", "--package", "trichrome-secrets"])
        .args(["--features", "vault", "--test", "rusty_vault"])
        .args(["--", "--ignored", "--nocapture"])
        .env("TRICHROME_RVAULT", program)
        .current_dir(root());
    checks.accepts("secrets follow RustyVault", &mut test)
}
