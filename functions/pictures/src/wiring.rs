//! The domain's parts, built from a function's environment.

use std::path::PathBuf;

use trichrome_runtime::Env;
use trichrome_secrets::Forms;

use crate::{
    Deriver, MAX_UPLOAD_BYTES, NewPictures, PictureStore, Places, Quota, Uploads, UsersTable,
};

/// The variables of the key that signs links through CloudFront.
const LINK_KEY: Forms = Forms::source("PICTURES_KEY").or_secret_id();

const MIB: u32 = 1024 * 1024;
const GIB: u64 = 1024 * 1024 * 1024;

impl PictureStore {
    /// The pictures in `PICTURES_TABLE` and `PICTURES_BUCKET`, which clients reach at
    /// `S3_PUBLIC_URL` if that is set. With `PICTURES_URL`, an origin of CloudFront, links lead
    /// there, signed with the key that `PICTURES_KEY_SECRET_ID` or `PICTURES_KEY_SOURCE` names.
    pub fn from_env(env: &mut Env) -> Self {
        let places = Places {
            table: env.required("PICTURES_TABLE"),
            bucket: env.required("PICTURES_BUCKET"),
            public_url: env.variables().optional_with(
                "S3_PUBLIC_URL",
                "an http:// or https:// URL",
                |url| is_http(url).then(|| url.trim_end_matches('/').to_owned()),
            ),
        };
        let store = Self::new(&env.aws("dynamodb"), &env.aws("s3"), places);
        let base = env.variables().optional_with(
            "PICTURES_URL",
            "an https:// origin without a path",
            origin,
        );
        let Some(base) = base else {
            return store;
        };
        match env.secret(LINK_KEY) {
            Some(key) => store.with_edge(base, key),
            // The start fails.
            None => store,
        }
    }
}

impl Deriver {
    /// Derives from the pictures in [`PictureStore::from_env`], by running this program.
    pub fn from_env(env: &mut Env) -> Self {
        let store = PictureStore::from_env(env);
        let program = std::env::current_exe().unwrap_or_else(|_| {
            env.problem("/proc", "must be mounted, to find the program itself");
            PathBuf::new()
        });
        Self::new(store, program)
    }
}

impl NewPictures {
    /// New pictures for [`PictureStore::from_env`], of the users in `USERS_TABLE`.
    pub fn from_env(env: &mut Env) -> Self {
        let store = PictureStore::from_env(env);
        let quota = Quota::from_env(env);
        Self::new(store, UsersTable(env.required("USERS_TABLE")), quota)
    }
}

impl Uploads {
    /// Uploads for [`PictureStore::from_env`], of the users in `USERS_TABLE`, of files up to
    /// `MAX_UPLOAD_BYTES` (default 64 MiB).
    pub fn from_env(env: &mut Env) -> Self {
        let store = PictureStore::from_env(env);
        let quota = Quota::from_env(env);
        let max_bytes = env.variables().parse_or(
            "MAX_UPLOAD_BYTES",
            64 * MIB,
            "a number of bytes, at most 256 MiB",
        );
        if max_bytes > MAX_UPLOAD_BYTES {
            env.problem("MAX_UPLOAD_BYTES", "must be at most 268435456, 256 MiB");
        }
        let users = UsersTable(env.required("USERS_TABLE"));
        Self::new(store, users, quota, max_bytes)
    }
}

impl Quota {
    /// `USER_QUOTA_BYTES` (default 10 GiB) and `USER_QUOTA_PICTURES` (default 10,000), both of one user.
    pub fn from_env(env: &mut Env) -> Self {
        let variables = env.variables();
        Self {
            bytes: variables.parse_or("USER_QUOTA_BYTES", 10 * GIB, "a number of bytes"),
            pictures: variables.parse_or("USER_QUOTA_PICTURES", 10_000, "a number of pictures"),
        }
    }
}

/// An origin as browsers write it. CloudFront compares the signed address byte by byte.
fn origin(url: &str) -> Option<String> {
    let host = url.strip_prefix("https://")?;
    let known = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    (!host.is_empty() && host.bytes().all(known)).then(|| url.to_owned())
}

fn is_http(url: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        url.strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_an_origin() {
        for valid in [
            "https://d111111abcdef8.cloudfront.net",
            "https://pictures.example.org",
        ] {
            assert_eq!(origin(valid).as_deref(), Some(valid));
        }
        for invalid in [
            "http://pictures.example.org",
            "https://",
            "https://pictures.example.org/",
            "https://Pictures.example.org",
            "https://pictures.example.org?a=b",
            "pictures.example.org",
        ] {
            assert_eq!(origin(invalid), None, "{invalid}");
        }
    }
}
