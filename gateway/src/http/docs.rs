//! The API's documentation: `/openapi.json`, `/asyncapi.json` and the page `/docs`.
//!
//! They are generated from the contract. The page needs no script and no external resource.

use std::{fmt::Write as _, sync::LazyLock};

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use trichrome_proto::{
    contract::{Access, Field, Format, Kind, Message, OPERATIONS, Operation, TRIGGERS},
    generate::{self, text},
    wire::header::IDEMPOTENCY_KEY,
};

use super::{policy::content_security_policy, site::set_security_headers};

pub(crate) fn router() -> Router {
    Router::new()
        .route("/openapi.json", get(openapi))
        .route("/asyncapi.json", get(asyncapi))
        .route("/docs", get(page))
        .route("/docs/", get(page))
        .route("/docs/style.css", get(style))
}

async fn openapi() -> Response {
    static TEXT: LazyLock<Option<String>> = LazyLock::new(|| text(&generate::openapi()).ok());
    json(TEXT.as_deref())
}

async fn asyncapi() -> Response {
    static TEXT: LazyLock<Option<String>> = LazyLock::new(|| text(&generate::asyncapi()).ok());
    json(TEXT.as_deref())
}

fn json(text: Option<&'static str>) -> Response {
    match text {
        Some(text) => file("application/json", text),
        None => http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn page() -> Response {
    static PAGE: LazyLock<String> = LazyLock::new(render);
    file("text/html; charset=utf-8", &PAGE)
}

async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("docs.css"))
}

fn file(media_type: &'static str, text: &'static str) -> Response {
    let headers = [(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-cache")];
    let mut response = (headers, text).into_response();
    set_security_headers(response.headers_mut(), content_security_policy(None));
    response
}

fn render() -> String {
    let mut page = String::from(include_str!("docs_head.html"));
    let mut package = "";
    page.push_str("<nav aria-label=\"Operations\"><ul>\n");
    for operation in OPERATIONS {
        put(
            &mut page,
            format_args!(
                "<li><a href=\"#{0}\"><code>{1} {2}</code></a></li>\n",
                operation.function,
                operation.http.method,
                escape(operation.http.path),
            ),
        );
    }
    page.push_str("</ul></nav>\n<main>\n");
    for operation in OPERATIONS {
        if operation.package != package {
            package = operation.package;
            put(&mut page, format_args!("<h2>{package}</h2>\n"));
        }
        section(&mut page, operation);
    }
    page.push_str("<h2>Triggers</h2>\n");
    for trigger in TRIGGERS {
        put(
            &mut page,
            format_args!(
                "<p>Records of the topic <code>{}</code> are passed in batches to <code>{}</code>.</p>\n",
                trigger.topic, trigger.function,
            ),
        );
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn section(page: &mut String, operation: &Operation) {
    put(
        page,
        format_args!(
            "<section id=\"{}\">\n<h3><code class=\"{}\">{}</code> <code>{}</code></h3>\n<p>{}</p>\n",
            operation.function,
            operation.http.method.to_ascii_lowercase(),
            operation.http.method,
            escape(operation.http.path),
            escape(operation.doc),
        ),
    );
    page.push_str("<dl>\n");
    let mut row = |name: &str, value: String| {
        put(page, format_args!("<dt>{name}</dt><dd>{value}</dd>\n"));
    };
    row("Callers", access(operation.access).to_owned());
    row(
        "gRPC",
        code(&format!("{}/{}", operation.grpc_service, operation.method)),
    );
    let keys: Vec<_> = operation.command.keys.iter().map(|key| code(key)).collect();
    row(
        "Kafka",
        format!(
            "topic {}, key {}",
            code(operation.command.topic),
            keys.join(" or ")
        ),
    );
    row("Function", code(operation.function));
    row("Success", operation.http.success.to_string());
    if operation.idempotent_by_key {
        row(
            "Repeats",
            format!("one effect for each {}", code(IDEMPOTENCY_KEY)),
        );
    }
    if operation.rate_limit != 0 {
        row("Limit", format!("{} calls a second", operation.rate_limit));
    }
    page.push_str("</dl>\n");
    fields(page, "Request", operation.input);
    if operation.output.is_empty() {
        page.push_str("<p>The response is empty.</p>\n");
    } else {
        fields(page, "Response", operation.output);
    }
    page.push_str("</section>\n");
}

fn fields(page: &mut String, title: &str, message: &Message) {
    if message.fields.is_empty() {
        return;
    }
    put(
        page,
        format_args!(
            "<details><summary>{title}: <code>{}</code></summary>\n<table>\n\
         <thead><tr><th scope=\"col\">Field</th><th scope=\"col\">Type</th>\
         <th scope=\"col\">Description</th></tr></thead>\n<tbody>\n",
            message.name,
        ),
    );
    for field in message.fields {
        put(
            page,
            format_args!(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
                field.name,
                kind(field),
                escape(field.doc),
            ),
        );
    }
    page.push_str("</tbody>\n</table></details>\n");
}

fn kind(field: &Field) -> String {
    let mut text = match field.kind {
        Kind::String => "text".to_owned(),
        Kind::Bytes => "bytes, in JSON as base64".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Uint32 => "whole number".to_owned(),
        Kind::Double => "number".to_owned(),
        Kind::Timestamp => "time".to_owned(),
        Kind::Message(message) => code(message.name),
    };
    let rules = &field.rules;
    if field.repeated {
        text = format!("list of {text}");
    }
    match rules.format {
        Format::Uuid => text.push_str(", a UUID"),
        Format::Base64 => text.push_str(", base64"),
        Format::Link => text.push_str(", a URL"),
        Format::Line | Format::Secret => {}
    }
    if rules.required {
        text.push_str(", required");
    }
    match (rules.min_len, rules.max_len) {
        (0, None) => {}
        (0, Some(most)) => put(&mut text, format_args!(", up to {most} characters")),
        (least, None) => put(&mut text, format_args!(", at least {least} characters")),
        (least, Some(most)) => put(&mut text, format_args!(", {least} to {most} characters")),
    }
    if rules.gte > 0 {
        put(&mut text, format_args!(", at least {}", rules.gte));
    }
    if let Some(most) = rules.lte {
        put(&mut text, format_args!(", at most {most}"));
    }
    text
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Public => "anyone",
        Access::User => "any user",
        Access::Owner => "a user, on their own data",
    }
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Appends to a string, which cannot fail.
fn put(to: &mut String, text: std::fmt::Arguments<'_>) {
    let _infallible = to.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_on_the_page() {
        let page = render();
        for operation in OPERATIONS {
            assert!(page.contains(&format!("id=\"{}\"", operation.function)));
            assert!(page.contains(&format!("{}/{}", operation.grpc_service, operation.method)));
        }
    }

    #[test]
    fn the_page_needs_no_external_resource() {
        let page = render();
        for word in ["<script", "http://", "https://", "style="] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn tags_are_balanced() {
        let page = render();
        for tag in ["section", "details", "table", "dl", "main", "nav", "ul"] {
            let count = |text: &str| page.matches(text).count();
            let opened = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
            assert_eq!(opened, count(&format!("</{tag}>")), "{tag}");
        }
    }
}
