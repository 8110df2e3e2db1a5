//! Decodes gRPC-Web's text form, base64 in one or more padded pieces.
//!
//! `tonic-web` decodes each chunk of the body as one piece. So it refuses padding within a chunk
//! and accepts it at a chunk's end, although chunks end anywhere on their way.

use std::io::{Error, ErrorKind};

use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::{Stream, stream};
use http_body_util::BodyExt as _;

/// The characters that stand for up to three bytes.
const GROUP: usize = 4;

/// The decoded chunks of a body. A chunk that isn't base64, or a body that isn't a whole number
/// of groups, is an error.
pub(super) fn decode(body: Body) -> impl Stream<Item = Result<Bytes, Error>> + Send {
    stream::unfold(Some((body, Vec::new())), async |state| {
        let (mut body, mut rest) = state?;
        match next(&mut body, &mut rest).await {
            Some(Ok(bytes)) => Some((Ok(bytes), Some((body, rest)))),
            Some(Err(error)) => Some((Err(error), None)),
            None => None,
        }
    })
}

/// Decodes the next chunk after `rest`, the characters that make no whole group yet.
async fn next(body: &mut Body, rest: &mut Vec<u8>) -> Option<Result<Bytes, Error>> {
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Some(Err(Error::other(error))),
        };
        let Some(data) = frame.data_ref() else {
            continue;
        };
        rest.extend_from_slice(data);
        let whole = rest.len() / GROUP * GROUP;
        if whole > 0 {
            let decoded = groups(rest.get(..whole).unwrap_or_default());
            rest.drain(..whole);
            return Some(decoded.map(Bytes::from));
        }
    }
    let cut = !rest.is_empty();
    cut.then(|| Err(invalid("the base64 text is cut off")))
}

/// Decodes whole groups. Each may be padded, as it may be the last of its piece.
fn groups(mut text: &[u8]) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(text.len() / GROUP * 3);
    while !text.is_empty() {
        let padding = text.iter().position(|byte| *byte == b'=');
        let end = padding.map_or(text.len(), |at| (at / GROUP + 1) * GROUP);
        let (piece, others) = text.split_at(end.min(text.len()));
        STANDARD.decode_vec(piece, &mut bytes).map_err(invalid)?;
        text = others;
    }
    Ok(bytes)
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;

    use super::*;

    async fn decoded(chunks: Vec<&'static [u8]>) -> Option<Vec<u8>> {
        let chunks = chunks.into_iter().map(Ok::<_, Error>);
        let body = Body::from_stream(stream::iter(chunks));
        let chunks: Result<Vec<Bytes>, Error> = Box::pin(decode(body)).try_collect().await;
        chunks.ok().map(|chunks| chunks.concat())
    }

    /// The verdict on a text, which has to be the same for every division into three chunks.
    async fn verdict(text: &'static [u8]) -> Option<Vec<u8>> {
        let whole = decoded(vec![text]).await;
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let (head, tail) = text.split_at(first);
                let (middle, tail) = tail.split_at(second - first);
                let divided = decoded(vec![head, middle, tail]).await;
                assert_eq!(divided, whole, "{first} {second}");
            }
        }
        whole
    }

    #[tokio::test]
    async fn padded_pieces_are_accepted_wherever_chunks_end() {
        assert_eq!(verdict(b"AA==AQI=AwQF").await.unwrap(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(verdict(b"").await.unwrap(), [0_u8; 0]);
    }

    #[tokio::test]
    async fn other_text_is_refused_wherever_chunks_end() {
        for text in [
            &b"AA=="[..3],
            b"AA==A",
            b"A===",
            b"AA=A",
            b"AAA\n",
            b"A A=",
            b"=AAA",
        ] {
            assert_eq!(verdict(text).await, None, "{text:?}");
        }
    }
}
