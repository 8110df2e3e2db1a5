//! argon2id in memory that is given back.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{CustomizedPasswordHasher, Error, PasswordHasher, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// Memory in KiB. With [`PASSES`] and [`LANES`] OWASP's choice for argon2id (Password Storage
/// Cheat Sheet: 19 MiB, 2 iterations, 1 degree of parallelism).
const MEMORY: u32 = 19 * 1024;
/// Iterations.
const PASSES: u32 = 2;
/// Degree of parallelism.
const LANES: u32 = 1;

/// The least memory to ask for, in blocks of 1 KiB: just over the 32 MiB above which glibc maps
/// a piece by itself and unmaps it when freed (`DEFAULT_MMAP_THRESHOLD_MAX`, mallopt(3)). Smaller
/// pieces it learns to keep, one for each thread that ever hashed: after 24 logins a function
/// held 119 MiB. What is asked for and not touched costs only addresses.
const RESERVED_BLOCKS: usize = 33 * 1024;

/// argon2id: new hashes at our parameters, old ones at their own, so that ours can be raised
/// without locking anybody out. Checking comes with it, by `PasswordVerifier`.
pub(super) struct Argon;

impl PasswordHasher<PasswordHash> for Argon {
    fn hash_password_with_salt(&self, password: &[u8], salt: &[u8]) -> Result<PasswordHash> {
        let params = Params::new(MEMORY, PASSES, LANES, None)?;
        self.hash_password_with_params(password, salt, params)
    }
}

impl CustomizedPasswordHasher<PasswordHash> for Argon {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> Result<PasswordHash> {
        let algorithm = algorithm.map_or(Ok(Algorithm::Argon2id), Algorithm::try_from)?;
        let version = version.map_or(Ok(Version::V0x13), Version::try_from)?;
        let text = ParamsString::try_from(&params)?;
        let mut output = vec![0; params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
        let mut memory = memory(params.block_count())?;
        Argon2::new(algorithm, version, params).hash_password_into_with_memory(
            password,
            salt,
            &mut output,
            &mut memory[..],
        )?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: text,
            salt: Some(Salt::new(salt)?),
            hash: Some(Output::new(&output)?),
        })
    }
}

/// This many blocks, to be unmapped when dropped.
fn memory(blocks: usize) -> Result<Vec<Block>> {
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(blocks.max(RESERVED_BLOCKS))
        .map_err(|_| Error::OutOfMemory)?;
    memory.resize(blocks, Block::new());
    Ok(memory)
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier;

    use super::*;

    #[test]
    fn agrees_with_argon2_itself() {
        for algorithm in [Algorithm::Argon2id, Algorithm::Argon2i] {
            let params = Params::new(64, 3, 2, Some(24)).unwrap();
            let theirs: PasswordHash = Argon2::new(algorithm, Version::V0x10, params)
                .hash_password(b"correct horse")
                .unwrap();
            assert!(Argon.verify_password(b"correct horse", &theirs).is_ok());
            assert!(Argon.verify_password(b"battery staple", &theirs).is_err());
        }
        let ours = Argon.hash_password(b"correct horse").unwrap();
        assert!(
            Argon2::default()
                .verify_password(b"correct horse", &ours)
                .is_ok()
        );
    }

    #[test]
    fn asks_for_what_is_given_back() {
        let memory = memory(19 * 1024).unwrap();
        assert_eq!(memory.len(), 19 * 1024);
        assert!(memory.capacity() * Block::SIZE > 32 << 20);
    }
}
