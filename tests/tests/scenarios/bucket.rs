//! What browsers may do with the pictures bucket.

use anyhow::{Result, ensure};
use trichrome_tests::{harness::Suite, scenario::Scenario, stack::Description};

pub(crate) fn add(suite: &mut Suite) {
    let deployed = Description::read().is_ok_and(|stack| stack.is_deployed());
    let reason = "the local AWS applies CORS only where it enforces policies";
    suite.given(deployed, reason, |suite| {
        suite.once("bucket::only_the_web_origin_may_use_it", cors);
    });
}

async fn cors(run: Scenario) -> Result<()> {
    let stack = &run.stack().description;
    let url = format!(
        "{}/{}/originals/user/picture",
        stack.aws_endpoint, stack.pictures_bucket
    );
    // The template's WebOrigin.
    let own = stack.gateway_url.replace("127.0.0.1", "localhost");
    for (origin, method, allowed) in [
        (own.as_str(), "PUT", true),
        (own.as_str(), "GET", true),
        (own.as_str(), "DELETE", false),
        ("https://example.com", "PUT", false),
        ("https://example.com", "GET", false),
    ] {
        let preflight = [
            ("origin", origin),
            ("access-control-request-method", method),
            (
                "access-control-request-headers",
                "content-type,if-none-match,x-amz-checksum-sha256",
            ),
        ];
        let answer = run
            .stack()
            .http
            .send("OPTIONS", &url, &preflight, "")
            .await?;
        let expected = if allowed { 200 } else { 403 };
        ensure!(
            answer.status == expected,
            "{method} from {origin}: {}",
            answer.status
        );
    }
    Ok(())
}
