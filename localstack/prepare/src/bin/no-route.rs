//! The default function of the local REST API, for requests that match no route.

use lambda_http::{Error, Request, RequestExt as _, service_fn};
use trichrome_prepare::no_route::answer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(|request: Request| async move {
        let request_id = request.lambda_context().request_id;
        answer(&request, &request_id)
    }))
    .await
}
