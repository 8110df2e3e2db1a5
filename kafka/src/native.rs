//! Two functions of librdkafka that rdkafka doesn't wrap: they give a client that exists another
//! login.
#![expect(
    unsafe_code,
    reason = "rdkafka has no safe function to change a client's login"
)]

use std::{
    ffi::{CStr, CString},
    ptr,
    time::{SystemTime, UNIX_EPOCH},
};

use rdkafka::{
    ClientContext,
    bindings::{
        rd_kafka_error_destroy, rd_kafka_error_string, rd_kafka_oauthbearer_set_token,
        rd_kafka_sasl_set_credentials,
    },
    client::Client,
    types::RDKafkaRespErr,
};

use crate::login::Token;

/// Sets the name and password of further connections.
pub(crate) fn set_password<C: ClientContext>(
    client: &Client<C>,
    username: &str,
    password: &str,
) -> Result<(), String> {
    let username = text(username)?;
    let password = text(password)?;
    // SAFETY: the client lives while it is borrowed, and librdkafka copies both strings.
    let error = unsafe {
        rd_kafka_sasl_set_credentials(client.native_ptr(), username.as_ptr(), password.as_ptr())
    };
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the error isn't null, its text lives as long as it does, and it is destroyed once.
    unsafe {
        let message = CStr::from_ptr(rd_kafka_error_string(error))
            .to_string_lossy()
            .into_owned();
        rd_kafka_error_destroy(error);
        Err(message)
    }
}

/// Sets the token of further connections.
pub(crate) fn set_token<C: ClientContext>(client: &Client<C>, token: &Token) -> Result<(), String> {
    let value = text(&token.value)?;
    let principal = text(&token.principal)?;
    let lifetime = millis(token.expires);
    let mut message = [0; 512];
    // SAFETY: the client lives while it is borrowed, librdkafka copies both strings, there are no
    // extensions, and it writes no more than the buffer's length.
    let code = unsafe {
        rd_kafka_oauthbearer_set_token(
            client.native_ptr(),
            value.as_ptr(),
            lifetime,
            principal.as_ptr(),
            ptr::null_mut(),
            0,
            message.as_mut_ptr(),
            message.len(),
        )
    };
    if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Ok(());
    }
    // SAFETY: librdkafka has written a text with its final zero.
    let message = unsafe { CStr::from_ptr(message.as_ptr()) };
    Err(message.to_string_lossy().into_owned())
}

fn text(value: &str) -> Result<CString, String> {
    CString::new(value).map_err(|_| "it contains a zero byte".to_owned())
}

fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
