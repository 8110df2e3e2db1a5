//! The web app's session: a cookie with the caller's access token, which scripts can't read.
//!
//! `PUT /session` keeps the token of its `authorization` header in the cookie, `GET /session` says
//! whose it is, and `DELETE /session` removes it. Requests to the facade without an
//! `authorization` header are authorized by the cookie. The functions check the token of each call,
//! so a session ends with its token: when it expires, when the user changes the password, logs out
//! everywhere or is deleted.
//!
//! Two things keep other sites from using the cookie. Browsers send it only with requests of the
//! same site (`SameSite=Strict`). And it counts only with the header `x-session: cookie`, which
//! pages of other origins can't send, since CORS doesn't allow it to them; where the browser names
//! the origin's relation (`sec-fetch-site`), it must be the same origin. Pages of the same host on
//! another port belong to the same site, so the first alone wouldn't do.

use axum::{
    Extension, Json, Router,
    response::{IntoResponse as _, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, COOKIE, SET_COOKIE},
};
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use trichrome_proto::{
    error::{ApiError, ErrorCode},
    wire::header::AUTHORIZATION,
};

use super::facade::response::Refusal;
use crate::call::context::{Context, http_header};

/// The cookie's name. With this prefix, browsers accept it only with `Secure`, for this host alone
/// and for all paths (RFC 6265bis, section 4.1.3.2), so neither another host nor plain HTTP can set
/// it.
const NAME: &str = "__Host-trichrome-session";

/// Says that a request comes from the web app and uses the cookie.
const GUARD: HeaderName = HeaderName::from_static("x-session");
const GUARD_VALUE: &str = "cookie";

/// Set by browsers (Fetch Metadata Request Headers, section 2.3).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The longest token in bytes. Browsers keep cookies of up to 4,096 bytes with their attributes.
const MAX_TOKEN: usize = 3_584;

pub(crate) fn router() -> Router {
    Router::new().route("/session", get(read).put(begin).delete(end))
}

/// The value of the `authorization` header that a request's cookie stands for.
pub(crate) fn authorization(headers: &HeaderMap) -> Option<String> {
    if headers.contains_key(AUTHORIZATION) || !is_from_the_app(headers) {
        return None;
    }
    Some(format!("Bearer {}", cookie(headers)?))
}

fn is_from_the_app(headers: &HeaderMap) -> bool {
    let is = |name: &HeaderName, value: &str| {
        let mut values = headers.get_all(name).iter();
        values.next().is_some_and(|first| first == value) && values.next().is_none()
    };
    is(&GUARD, GUARD_VALUE)
        && (!headers.contains_key(SEC_FETCH_SITE) || is(&SEC_FETCH_SITE, "same-origin"))
}

/// The token in the cookie. HTTP/2 may send each cookie in a header of its own (RFC 9113, section
/// 8.2.3). A repeated cookie has no value, because it could name different callers.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == NAME)
        .map(|(_, value)| value);
    let token = values.next().filter(|token| is_token(token))?;
    values.next().is_none().then_some(token)
}

/// Whether a text has the form of a JSON Web Token, whose characters a cookie can hold.
fn is_token(text: &str) -> bool {
    text.len() <= MAX_TOKEN
        && text.split('.').count() == 3
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// What the gateway reads from a token. It has no key to check it with and needs none: a caller
/// who presents a forged token to it deceives only themselves.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// In seconds since 1970.
    exp: i64,
}

impl Claims {
    /// The claims of a token that hasn't expired.
    fn read(token: &str) -> Option<Self> {
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Self = serde_json::from_slice(&payload).ok()?;
        (claims.remaining() > 0).then_some(claims)
    }

    /// The seconds until the token expires.
    fn remaining(&self) -> i64 {
        self.exp - OffsetDateTime::now_utc().unix_timestamp()
    }
}

#[derive(Serialize)]
struct Session {
    user_id: String,
    expires_at: String,
}

/// The cookie's user and expiry.
async fn read(Extension(context): Extension<Context>, headers: HeaderMap) -> Response {
    let claims = is_from_the_app(&headers)
        .then(|| Claims::read(cookie(&headers)?))
        .flatten();
    let session = claims.and_then(|claims| {
        let expires_at = OffsetDateTime::from_unix_timestamp(claims.exp).ok()?;
        Some(Session {
            user_id: claims.sub,
            expires_at: expires_at.format(&Rfc3339).ok()?,
        })
    });
    match session {
        Some(session) => uncached(Json(session).into_response()),
        None => refused(&context, "there is no session; log in"),
    }
}

/// Keeps the caller's token in the cookie until the token expires.
async fn begin(Extension(context): Extension<Context>, headers: HeaderMap) -> Response {
    if !is_from_the_app(&headers) {
        return refused(&context, "send \"x-session: cookie\" from this origin");
    }
    let token = http_header(&headers, AUTHORIZATION)
        .and_then(|value| value.strip_prefix("Bearer "))
        .filter(|token| is_token(token));
    let Some((token, claims)) = token.and_then(|token| Some((token, Claims::read(token)?))) else {
        return refused(
            &context,
            "send a valid token, as \"authorization: Bearer …\"",
        );
    };
    set_cookie(token, claims.remaining())
}

/// Removes the cookie. The token itself counts until it expires or is revoked.
async fn end(Extension(context): Extension<Context>, headers: HeaderMap) -> Response {
    if !is_from_the_app(&headers) {
        return refused(&context, "send \"x-session: cookie\" from this origin");
    }
    set_cookie("", 0)
}

fn set_cookie(value: &str, max_age: i64) -> Response {
    let cookie =
        format!("{NAME}={value}; Path=/; Max-Age={max_age}; Secure; HttpOnly; SameSite=Strict");
    let mut response = uncached(StatusCode::NO_CONTENT.into_response());
    if let Ok(mut cookie) = HeaderValue::try_from(cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

fn refused(context: &Context, message: &str) -> Response {
    let error = ApiError::new(ErrorCode::Unauthenticated, message);
    Refusal::from(error).into_response(context)
}

fn uncached(mut response: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, extract::Request, middleware, middleware::Next};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    /// A token that expires in so many seconds.
    fn token(seconds: i64) -> String {
        let exp = OffsetDateTime::now_utc().unix_timestamp() + seconds;
        let claims = serde_json::json!({"sub": "user-1", "exp": exp}).to_string();
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    async fn send(method: &str, pairs: &[(&str, &str)]) -> Response {
        let identify = async |mut request: Request, next: Next| {
            request.extensions_mut().insert(Context::read(|_| None));
            next.run(request).await
        };
        let mut request = Request::builder().method(method).uri("/session");
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        router()
            .layer(middleware::from_fn(identify))
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_session_keeps_the_token_where_scripts_cannot_read_it() {
        let token = token(3600);
        let bearer = format!("Bearer {token}");
        let begun = send(
            "PUT",
            &[("x-session", "cookie"), ("authorization", &bearer)],
        )
        .await;
        assert_eq!(begun.status(), 204);
        assert_eq!(begun.headers()[CACHE_CONTROL], "no-store");
        let cookie = begun.headers()[SET_COOKIE].to_str().unwrap();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(pair, format!("__Host-trichrome-session={token}"));
        assert!(attributes.starts_with("Path=/; Max-Age=3"), "{attributes}");
        assert!(
            attributes.ends_with("; Secure; HttpOnly; SameSite=Strict"),
            "{attributes}"
        );
        assert!(!attributes.contains("Domain"));

        let session = send("GET", &[("x-session", "cookie"), ("cookie", pair)]).await;
        assert_eq!(session.status(), 200);
        let body = session.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["user_id"], "user-1");
        assert!(!body.to_string().contains(&token));

        let ended = send("DELETE", &[("x-session", "cookie")]).await;
        let cookie = ended.headers()[SET_COOKIE].to_str().unwrap();
        assert!(cookie.starts_with("__Host-trichrome-session=; Path=/; Max-Age=0; Secure"));
    }

    #[tokio::test]
    async fn nothing_but_the_app_uses_the_session() {
        let token = token(3600);
        let bearer = format!("Bearer {token}");
        let cookie = format!("__Host-trichrome-session={token}");
        for foreign in [
            &[][..],
            &[("x-session", "yes")],
            &[("x-session", "cookie"), ("x-session", "cookie")],
            &[("x-session", "cookie"), ("sec-fetch-site", "cross-site")],
            &[("x-session", "cookie"), ("sec-fetch-site", "same-site")],
            &[("x-session", "cookie"), ("sec-fetch-site", "none")],
        ] {
            for method in ["GET", "PUT", "DELETE"] {
                let mut pairs = foreign.to_vec();
                pairs.push(("cookie", &cookie));
                if method == "PUT" {
                    pairs.push(("authorization", &bearer));
                }
                let response = send(method, &pairs).await;
                assert_eq!(response.status(), 401, "{method} {foreign:?}");
                assert!(!response.headers().contains_key(SET_COOKIE));
            }
            let mut pairs = foreign.to_vec();
            pairs.push(("cookie", &cookie));
            assert_eq!(authorization(&headers(&pairs)), None, "{foreign:?}");
        }
    }

    #[tokio::test]
    async fn only_a_token_becomes_a_session() {
        let expired = token(-1);
        let long = format!("e30.{}.c2ln", "a".repeat(MAX_TOKEN));
        for value in ["", "a.b", "a.b.c", "e30.e30.c2ln;Domain=x", &expired, &long] {
            let bearer = format!("Bearer {value}");
            let begun = send(
                "PUT",
                &[("x-session", "cookie"), ("authorization", &bearer)],
            )
            .await;
            assert_eq!(begun.status(), 401, "{value}");
            let cookie = format!("__Host-trichrome-session={value}");
            let session = send("GET", &[("x-session", "cookie"), ("cookie", &cookie)]).await;
            assert_eq!(session.status(), 401, "{value}");
        }
    }

    #[test]
    fn the_cookie_authorizes_requests_without_a_header() {
        let app = ("x-session", "cookie");
        let same = ("sec-fetch-site", "same-origin");
        let one = ("cookie", "theme=dark; __Host-trichrome-session=a.b.c");
        let bearer = Some("Bearer a.b.c".to_owned());
        assert_eq!(authorization(&headers(&[app, one])), bearer);
        assert_eq!(authorization(&headers(&[app, same, one])), bearer);
        let split = [app, ("cookie", "theme=dark"), one];
        assert_eq!(authorization(&headers(&split)), bearer);

        let given = [app, one, ("authorization", "Bearer d.e.f")];
        assert_eq!(authorization(&headers(&given)), None);
        assert_eq!(authorization(&headers(&[app, one, one])), None);
        let other = ("cookie", "trichrome-session=a.b.c");
        assert_eq!(authorization(&headers(&[app, other])), None);
    }
}
