//! argon2id in memory that is returned to the system.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        CustomizedPasswordHasher, Error, PasswordHasher, Result,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};

// OWASP's parameters for argon2id (Password Storage Cheat Sheet): 19 MiB, 2 iterations, and
// 1 degree of parallelism.
const MEMORY_KIB: u32 = 19 * 1024;
const ITERATIONS: u32 = 2;
const PARALLELISM: u32 = 1;

/// The least memory to allocate, in blocks of 1 KiB: just over 32 MiB, above which glibc maps an
/// allocation by itself and unmaps it when freed (`DEFAULT_MMAP_THRESHOLD_MAX`, mallopt(3)). It
/// keeps smaller ones, one for each thread that ever hashed: after 24 logins a function held
/// 119 MiB. Pages that are never written take no memory.
const RESERVED_BLOCKS: usize = 33 * 1024;

/// argon2id: new hashes with our parameters, old ones with their own, so that ours can be raised
/// without locking anybody out. Its `PasswordVerifier` is argon2's blanket implementation.
pub(super) struct Argon;

impl PasswordHasher<PasswordHash> for Argon {
    fn hash_password_with_salt(&self, password: &[u8], salt: &[u8]) -> Result<PasswordHash> {
        let params = Params::new(MEMORY_KIB, ITERATIONS, PARALLELISM, None)?;
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

/// Allocates blocks that are unmapped when dropped.
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
    fn hashes_are_those_of_argon2() {
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
    fn the_memory_is_large_enough_to_be_unmapped() {
        let memory = memory(19 * 1024).unwrap();
        assert_eq!(memory.len(), 19 * 1024);
        assert!(memory.capacity() * Block::SIZE > 32 << 20);
    }
}
