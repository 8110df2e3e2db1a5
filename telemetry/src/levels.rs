//! Which lines are logged, by level and target.

use tracing::{Level, Metadata};
use tracing_subscriber::{
    filter::{FilterExt as _, Targets, filter_fn},
    layer::Filter,
};

/// The lines of these levels, except `trace` of libraries. At that level they print whole requests
/// and the bytes on the wire, with passwords, tokens and pictures.
pub(crate) fn lines<S>(levels: Targets) -> impl Filter<S> {
    levels.and(filter_fn(has_no_payload))
}

fn has_no_payload(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("trichrome") || *metadata.level() <= Level::DEBUG
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{Event, Subscriber, level_filters::LevelFilter};
    use tracing_subscriber::{
        Layer, Registry,
        layer::{Context, SubscriberExt as _},
    };

    use super::*;

    /// Records the targets and levels of lines.
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Seen {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let metadata = event.metadata();
            let line = format!("{} {}", metadata.target(), metadata.level());
            self.0.lock().unwrap().push(line);
        }
    }

    #[test]
    fn trace_lines_of_libraries_are_never_logged() {
        let seen = Seen::default();
        let levels = Targets::new().with_default(LevelFilter::TRACE);
        let layer = seen.clone().with_filter(lines(levels));
        tracing::subscriber::with_default(Registry::default().with(layer), || {
            tracing::trace!(target: "hyper::proto", "POST /login password");
            tracing::debug!(target: "hyper::proto", "connected");
            tracing::trace!(target: "trichrome_gateway", "ours");
        });
        let seen = seen.0.lock().unwrap();
        assert_eq!(*seen, ["hyper::proto DEBUG", "trichrome_gateway TRACE"]);
    }
}
