//! Media types of request bodies.

use crate::{
    contract::Operation,
    error::{ApiError, ErrorCode},
};

/// The media types of a raw body: the pictures that the service takes, and bytes of any type. API
/// Gateway's `BinaryMediaTypes` are the same, because it would replace what isn't UTF-8 in any other
/// body; it knows no pattern such as `image/*`. `image/jpg` isn't registered, but common.
pub const RAW: [&str; 7] = [
    "application/octet-stream",
    "image/avif",
    "image/gif",
    "image/jpeg",
    "image/jpg",
    "image/png",
    "image/webp",
];

/// The media type of a raw body that the gateway sends to a function.
pub const OCTETS: &str = RAW[0];

/// How a request's body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON, whatever type it claims to have: many clients send none, or that of a form.
    Json,
    /// The bytes of the operation's [`raw_body`](crate::contract::Http::raw_body).
    Raw,
}

impl Form {
    /// The form of a request's body, by its `content-type`.
    ///
    /// # Errors
    ///
    /// `UNSUPPORTED_MEDIA_TYPE` for an operation with raw bodies if the type is that of another
    /// file.
    pub fn of(operation: &Operation, content_type: Option<&str>) -> Result<Self, ApiError> {
        let Some(content_type) = content_type.filter(|_| operation.http.raw_body.is_some()) else {
            return Ok(Self::Json);
        };
        let essence = essence(content_type);
        if is_raw(&essence) {
            return Ok(Self::Raw);
        }
        let is_file = ["image/", "video/", "audio/", "multipart/"]
            .iter()
            .any(|kind| essence.starts_with(kind));
        if is_file {
            return Err(ApiError::new(
                ErrorCode::UnsupportedMediaType,
                format!(
                    "the content-type isn't supported; send JSON, or a file's bytes as one of {}",
                    RAW.join(", ")
                ),
            ));
        }
        Ok(Self::Json)
    }
}

/// Whether a `content-type` is one of [`RAW`].
pub fn is_raw(content_type: &str) -> bool {
    RAW.contains(&essence(content_type).as_str())
}

/// A media type without its parameters, in lower case.
fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::by_function;

    #[test]
    fn a_body_is_raw_by_its_type_if_the_operation_takes_one() {
        let create = by_function("pictures-create").unwrap();
        let update = by_function("pictures-update").unwrap();
        for (content_type, form) in [
            ("image/jpeg", Form::Raw),
            (" Image/PNG ; a=b", Form::Raw),
            ("application/octet-stream", Form::Raw),
            ("application/json", Form::Json),
            ("application/x-www-form-urlencoded", Form::Json),
            ("", Form::Json),
        ] {
            let read = Form::of(create, Some(content_type));
            assert_eq!(read, Ok(form), "{content_type}");
            assert_eq!(Form::of(update, Some(content_type)), Ok(Form::Json));
        }
        assert_eq!(Form::of(create, None), Ok(Form::Json));
        for other in ["image/heic", "multipart/form-data; boundary=b", "video/mp4"] {
            let error = Form::of(create, Some(other)).unwrap_err();
            assert_eq!(error.code, ErrorCode::UnsupportedMediaType, "{other}");
            assert_eq!(Form::of(update, Some(other)), Ok(Form::Json));
        }
    }
}
