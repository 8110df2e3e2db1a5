//! What a client declares of a file that it will upload.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use trichrome_image::Format;
use trichrome_proto::pictures::BeginUploadRequest;

use crate::{Error, create::hexadecimal, picture::visible_title};

const MIB: u32 = 1024 * 1024;

/// The largest file that is one part.
const MAX_SINGLE: u32 = 16 * MIB;

/// The size of each part of a larger file but the last. S3 takes 5 MiB to 5 GiB.
const PART: u32 = 8 * MIB;

const FORMATS: [Format; 5] = [
    Format::Png,
    Format::Jpeg,
    Format::Gif,
    Format::Webp,
    Format::Avif,
];

/// A valid declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declaration {
    pub(super) title: String,
    pub(super) size_bytes: u32,
    pub(super) content_type: &'static str,
    /// One for each part.
    pub(super) checksums: Vec<String>,
}

impl Declaration {
    /// Checks a request to upload a file of at most `max_bytes`.
    pub(super) fn read(request: BeginUploadRequest, max_bytes: u32) -> Result<Self, Error> {
        let BeginUploadRequest {
            title,
            size_bytes,
            content_type,
            checksums,
            ..
        } = request;
        let title = visible_title(&title)?;
        let invalid = |message: String| Err(Error::Declaration(message));
        if size_bytes == 0 {
            return invalid("size_bytes is missing or 0; send the file's size".to_owned());
        }
        if size_bytes > max_bytes {
            return Err(Error::UploadTooLarge {
                size: size_bytes,
                limit: max_bytes,
            });
        }
        let Some(content_type) = known_type(&content_type) else {
            let known = FORMATS.map(Format::content_type).join(", ");
            return invalid(format!("content_type must be one of {known}"));
        };
        let parts = part_sizes(size_bytes).count();
        if checksums.len() != parts {
            return invalid(format!(
                "a file of {size_bytes} bytes has {parts} parts, but there are {} checksums; up to \
                 16 MiB a file is one part, a larger one has parts of 8 MiB",
                checksums.len()
            ));
        }
        if let Some(at) = checksums.iter().position(|it| !is_sha256(it)) {
            return invalid(format!(
                "checksum {} is not a SHA-256 in base64: 32 bytes, 44 characters",
                at + 1
            ));
        }
        Ok(Self {
            title,
            size_bytes,
            content_type,
            checksums,
        })
    }

    /// A hash that is the same for requests to upload the same file with the same title.
    pub(super) fn fingerprint(&self) -> String {
        let mut hash = Sha256::new()
            .chain_update((self.title.len() as u64).to_be_bytes())
            .chain_update(&self.title)
            .chain_update(self.size_bytes.to_be_bytes())
            .chain_update(self.content_type);
        for checksum in &self.checksums {
            hash.update(checksum);
        }
        hexadecimal(&hash.finalize())
    }

    /// Whether the file has several parts.
    pub(super) fn is_multipart(&self) -> bool {
        self.checksums.len() > 1
    }
}

/// The sizes of the parts of a file, in order.
pub(super) fn part_sizes(size: u32) -> impl Iterator<Item = u32> {
    let part = if size <= MAX_SINGLE { MAX_SINGLE } else { PART };
    (0..size.div_ceil(part)).map(move |at| part.min(size - at * part))
}

fn known_type(content_type: &str) -> Option<&'static str> {
    FORMATS
        .into_iter()
        .map(Format::content_type)
        .find(|known| content_type.eq_ignore_ascii_case(known))
}

fn is_sha256(checksum: &str) -> bool {
    STANDARD
        .decode(checksum)
        .is_ok_and(|bytes| bytes.len() == <Sha256 as sha2::Digest>::output_size())
}

#[cfg(test)]
mod tests {
    use trichrome_proto::error::{ErrorCode, Fault as _};

    use super::*;

    const SHA256: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn request(size_bytes: u32, checksums: usize) -> BeginUploadRequest {
        BeginUploadRequest {
            title: "A dot".to_owned(),
            size_bytes,
            content_type: "image/PNG".to_owned(),
            checksums: vec![SHA256.to_owned(); checksums],
            user_id: String::new(),
        }
    }

    #[test]
    fn a_file_over_16_mib_has_parts_of_8_mib() {
        for (size, parts) in [
            (1, vec![1]),
            (16 * MIB, vec![16 * MIB]),
            (16 * MIB + 1, vec![PART, PART, 1]),
            (24 * MIB, vec![PART, PART, PART]),
        ] {
            assert_eq!(part_sizes(size).collect::<Vec<_>>(), parts, "{size}");
        }
        assert_eq!(part_sizes(u32::MAX).count(), 512);
        let sum: u64 = part_sizes(u32::MAX).map(u64::from).sum();
        assert_eq!(sum, u64::from(u32::MAX));
    }

    #[test]
    fn a_declaration_is_checked() {
        let read = |request| Declaration::read(request, 64 * MIB);
        let declared = read(request(20 * MIB, 3)).unwrap();
        assert_eq!(declared.content_type, "image/png");
        assert!(declared.is_multipart());

        let wrong_type = BeginUploadRequest {
            content_type: "image/heic".to_owned(),
            ..request(1, 1)
        };
        let short = BeginUploadRequest {
            checksums: vec!["AAAA".to_owned()],
            ..request(1, 1)
        };
        let url_safe = BeginUploadRequest {
            checksums: vec![SHA256.replace('+', "-").replace('/', "_")],
            ..request(1, 1)
        };
        for (request, code, part) in [
            (request(0, 1), ErrorCode::InvalidArgument, "size_bytes"),
            (
                request(64 * MIB + 1, 9),
                ErrorCode::PayloadTooLarge,
                "67108864",
            ),
            (request(20 * MIB, 1), ErrorCode::InvalidArgument, "3 parts"),
            (wrong_type, ErrorCode::InvalidArgument, "image/avif"),
            (short, ErrorCode::InvalidArgument, "checksum 1"),
            (url_safe, ErrorCode::InvalidArgument, "checksum 1"),
        ] {
            let error = read(request).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn a_fingerprint_is_that_of_one_declaration() {
        let declared = Declaration::read(request(1, 1), MIB).unwrap();
        let other = Declaration {
            title: "Another".to_owned(),
            ..declared.clone()
        };
        assert_eq!(declared.fingerprint(), declared.clone().fingerprint());
        assert_ne!(declared.fingerprint(), other.fingerprint());
    }
}
