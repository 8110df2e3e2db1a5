//! Checking a token for another service, which may name the operation it guards.

use trichrome_proto::{
    auth::ValidateRpcRequestInput,
    contract::{self, Access, OPERATIONS, Operation, Route},
};
use trichrome_runtime::Claims;
use trichrome_users::Users;

use crate::Error;

/// The id of the token's user; empty if there is no token and the operation needs none.
/// `verify` returns the claims of a valid token.
///
/// The user is looked up, because a token may be valid after its user was deleted or revoked it.
///
/// # Errors
/// [`Error::UnknownOperation`], [`Error::NoToken`], [`Error::Token`], [`Error::Revoked`] and
/// the user store's failures.
pub async fn validate<E: std::error::Error + Send + Sync + 'static>(
    input: ValidateRpcRequestInput,
    verify: impl FnOnce(&str) -> Result<Claims, E>,
    users: &Users,
) -> Result<String, Error> {
    let public = is_public(&input.method, &input.path)?;
    if input.access_token.is_empty() {
        return if public {
            Ok(String::new())
        } else {
            Err(Error::NoToken)
        };
    }
    let claims = verify(&input.access_token).map_err(|error| Error::Token(error.into()))?;
    match users.token_counts(&claims.sub, claims.generation).await? {
        true => Ok(claims.sub),
        false => Err(Error::Revoked),
    }
}

/// Whether the guarded operation needs no token. It needs one if none is named, or if a path is
/// public for some HTTP methods only (`/users`): an ambiguous request must not open a protected
/// operation.
fn is_public(method: &str, path: &str) -> Result<bool, Error> {
    let mut named = by_method(method)?;
    named.extend(by_path(path)?);
    Ok(!named.is_empty()
        && named
            .iter()
            .all(|operation| operation.access == Access::Public))
}

/// The operations of an rpc, named `Method`, `/package.Service/Method` or, as clients of the Go
/// original do, by its API key.
fn by_method(method: &str) -> Result<Vec<&'static Operation>, Error> {
    if method.is_empty() {
        return Ok(Vec::new());
    }
    non_empty(
        OPERATIONS
            .iter()
            .filter(|operation| {
                operation.method == method
                    || operation.grpc_path == method
                    || has_api_key(operation, method)
            })
            .collect(),
        "method",
        "use an rpc's name such as `Login` or `/auth.Auth/Login`",
    )
}

/// Keys of the Go original's API that no Kafka command has. It has one operation a transport to
/// validate a token, and here they are one.
const MORE_API_KEYS: [(&str, &str); 2] = [
    ("validateRestRequest", "auth-validate"),
    ("validateRpcRequest", "auth-validate"),
];

/// Whether the Go original's API has the operation under this key: `getPictures` is the Kafka key
/// `getpictures`, for example.
fn has_api_key(operation: &Operation, key: &str) -> bool {
    let mut keys = operation.command.keys.iter();
    keys.any(|known| known.eq_ignore_ascii_case(key))
        || MORE_API_KEYS.contains(&(key, operation.function))
}

/// The operations of a REST path, for all HTTP methods. A query is ignored.
fn by_path(path: &str) -> Result<Vec<&'static Operation>, Error> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    // No operation has an empty HTTP method, so the lookup returns the allowed ones.
    let methods = match contract::route("", path) {
        Route::MethodNotAllowed { allow } => allow,
        Route::Found { .. } | Route::NotFound => Vec::new(),
    };
    non_empty(
        methods
            .into_iter()
            .filter_map(|method| match contract::route(method, path) {
                Route::Found { operation, .. } => Some(operation),
                Route::MethodNotAllowed { .. } | Route::NotFound => None,
            })
            .collect(),
        "path",
        "use a REST path such as `/pictures`",
    )
}

fn non_empty(
    operations: Vec<&'static Operation>,
    field: &'static str,
    remedy: &'static str,
) -> Result<Vec<&'static Operation>, Error> {
    if operations.is_empty() {
        Err(Error::UnknownOperation { field, remedy })
    } else {
        Ok(operations)
    }
}

#[cfg(test)]
mod tests;
