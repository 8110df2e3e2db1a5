//! Checking a token for another service, which may name the operation that it guards.

use trichrome_proto::auth::ValidateRpcRequestInput;
use trichrome_proto::contract::{self, Access, OPERATIONS, Operation, Route};
use trichrome_users::Users;

use crate::Error;

/// Whose token it is: the user's id, or an empty one where no token was given and none is
/// needed. `verify` answers the subject of a token that is valid.
///
/// The user is looked up, because a token outlives its user.
///
/// # Errors
/// [`Error::UnknownOperation`], [`Error::NoToken`], [`Error::Token`], [`Error::UserGone`] and
/// the user store's failures.
pub async fn validate<E: std::error::Error + Send + Sync + 'static>(
    input: ValidateRpcRequestInput,
    verify: impl FnOnce(&str) -> Result<String, E>,
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
    let user_id = verify(&input.access_token).map_err(|error| Error::Token(error.into()))?;
    match users.get(&user_id).await {
        Ok(user) => Ok(user.id),
        Err(trichrome_users::Error::NotFound) => Err(Error::UserGone),
        Err(error) => Err(error.into()),
    }
}

/// Whether what is guarded needs no token. Where nothing is named, or where a path is public
/// for some HTTP methods only (`/users`), it does need one: a guard that does not say which
/// operation it means must not let the guarded one through.
fn is_public(method: &str, path: &str) -> Result<bool, Error> {
    let mut named = by_method(method)?;
    named.extend(by_path(path)?);
    Ok(!named.is_empty()
        && named
            .iter()
            .all(|operation| operation.access == Access::Public))
}

/// The operation of an rpc, named `Method` or `/package.Service/Method`.
fn by_method(method: &str) -> Result<Vec<&'static Operation>, Error> {
    if method.is_empty() {
        return Ok(Vec::new());
    }
    found(
        OPERATIONS
            .iter()
            .filter(|operation| operation.method == method || operation.grpc_path == method)
            .collect(),
        "method",
        "use an rpc's name, as `Login` or `/auth.Auth/Login`",
    )
}

/// The operations of a REST path, whatever the HTTP method. A query is left aside.
fn by_path(path: &str) -> Result<Vec<&'static Operation>, Error> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    // No operation has an empty HTTP method, so the route says which ones the path takes.
    let methods = match contract::route("", path) {
        Route::MethodNotAllowed { allow } => allow,
        Route::Found { .. } | Route::NotFound => Vec::new(),
    };
    found(
        methods
            .into_iter()
            .filter_map(|method| match contract::route(method, path) {
                Route::Found { operation, .. } => Some(operation),
                Route::MethodNotAllowed { .. } | Route::NotFound => None,
            })
            .collect(),
        "path",
        "use a REST path, as `/pictures`",
    )
}

fn found(
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
