//! Finds the operation of a REST request.

use super::{OPERATIONS, Operation, path_parameter};

/// The outcome of looking up a method and a path.
#[derive(Debug)]
pub enum Route {
    /// An operation and the path's parameters.
    Found {
        /// The operation.
        operation: &'static Operation,
        /// The name and the percent-decoded value of each parameter.
        params: Vec<(&'static str, String)>,
    },
    /// The path exists, with other methods.
    MethodNotAllowed {
        /// Those methods.
        allow: Vec<&'static str>,
    },
    /// No such path.
    NotFound,
}

/// Finds the operation of a method and a path. A literal segment takes precedence over a
/// parameter: `/users/validate-password` isn't a user. HEAD is served where GET is (RFC 9110,
/// section 9.3.2), by the same operation.
pub fn route(method: &str, path: &str) -> Route {
    let mut matches: Vec<_> = OPERATIONS
        .iter()
        .filter_map(|operation| Some((operation, match_path(operation.http.path, path)?)))
        .collect();
    let Some(fewest) = matches.iter().map(|(_, params)| params.len()).min() else {
        return Route::NotFound;
    };
    matches.retain(|(_, params)| params.len() == fewest);
    let served_as = if method == "HEAD" { "GET" } else { method };
    let found = matches
        .iter()
        .position(|(operation, _)| operation.http.method == served_as);
    match found.map(|at| matches.swap_remove(at)) {
        Some((operation, params)) => Route::Found { operation, params },
        None => Route::MethodNotAllowed {
            allow: allowed(matches.iter().map(|(operation, _)| operation.http.method)),
        },
    }
}

fn allowed(methods: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    methods
        .flat_map(|method| {
            let head = (method == "GET").then_some("HEAD");
            [Some(method), head].into_iter().flatten()
        })
        .collect()
}

/// The parameters of `path` if it matches `template`.
fn match_path(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut params = Vec::new();
    let mut given = path.split('/');
    for expected in template.split('/') {
        let segment = given.next()?;
        match path_parameter(expected) {
            Some(name) if !segment.is_empty() => params.push((name, percent_decode(segment)?)),
            Some(_) => return None,
            None if expected == segment => {}
            None => return None,
        }
    }
    given.next().is_none().then_some(params)
}

/// Decodes `%XX` (RFC 3986, section 2.1). `None` if the result isn't UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let text = percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .ok()?;
    Some(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str) -> (&'static str, Vec<(&'static str, String)>) {
        match route(method, path) {
            Route::Found { operation, params } => (operation.function, params),
            other => panic!("{method} {path}: {other:?}"),
        }
    }

    #[test]
    fn every_operation_is_reached_by_its_own_path() {
        for operation in OPERATIONS {
            let path = operation
                .http
                .path
                .replace("{user_id}", "u")
                .replace("{picture_id}", "p");
            assert_eq!(found(operation.http.method, &path).0, operation.function);
        }
    }

    #[test]
    fn literals_take_precedence_and_parameters_are_decoded() {
        assert_eq!(
            found("POST", "/users/validate-password").0,
            "users-validate-password"
        );
        let (function, params) = found("GET", "/pictures/a%20b");
        assert_eq!(function, "pictures-get");
        assert_eq!(params, [("picture_id", "a b".to_owned())]);
    }

    #[test]
    fn unknown_paths_and_methods_are_distinguished() {
        assert!(matches!(route("GET", "/nowhere"), Route::NotFound));
        assert!(matches!(route("GET", "/pictures/"), Route::NotFound));
        assert!(matches!(route("GET", "/pictures/%ff"), Route::NotFound));
        assert!(matches!(route("GET", "/pictures/a/b"), Route::NotFound));
        let Route::MethodNotAllowed { allow } = route("PUT", "/pictures") else {
            panic!("expected 405");
        };
        assert_eq!(allow, ["GET", "HEAD", "POST"]);
    }

    #[test]
    fn a_literal_path_has_only_its_own_methods() {
        let Route::MethodNotAllowed { allow } = route("GET", "/users/validate-password") else {
            panic!("expected 405");
        };
        assert_eq!(allow, ["POST"]);
    }

    #[test]
    fn head_is_served_where_get_is() {
        assert_eq!(found("HEAD", "/pictures").0, "pictures-list");
        let Route::MethodNotAllowed { allow } = route("HEAD", "/login") else {
            panic!("expected 405");
        };
        assert_eq!(allow, ["POST"]);
    }
}
