//! Counters that are there before what they count. A counter that begins with its first event
//! begins at one, and `rate()` does not see how it came there: the first failure would be none.

use trichrome_proto::contract::{OPERATIONS, TRIGGERS, command_topics};

use super::{
    CallLabels, ConsumerLabels, InvokeLabels, InvokeOutcome, Metrics, OTHER, OperationLabels,
    OutcomeLabels, TopicLabels,
};

const STATUSES: [&str; 3] = ["2xx", "4xx", "5xx"];

impl Metrics {
    /// Some three hundred series. Dead letters, by a reason each, the recording rules see to.
    pub(crate) fn zero(&self) {
        let operations = || OPERATIONS.iter().map(|operation| operation.function);
        for status in STATUSES {
            for operation in operations() {
                for transport in ["grpc", "events"] {
                    drop(self.calls.get_or_create(&CallLabels {
                        transport,
                        operation,
                        status,
                    }));
                }
            }
            for operation in operations().chain([OTHER]) {
                for transport in ["rest", "grpc", "events"] {
                    drop(self.facade.get_or_create(&CallLabels {
                        transport,
                        operation,
                        status,
                    }));
                }
            }
        }
        for operation in operations() {
            drop(self.retries.get_or_create(&OperationLabels { operation }));
        }
        let triggers = || TRIGGERS.iter().map(|trigger| trigger.function);
        for operation in operations().chain(triggers()) {
            for outcome in InvokeOutcome::ALL.map(InvokeOutcome::as_str) {
                drop(
                    self.invokes
                        .get_or_create(&InvokeLabels { operation, outcome }),
                );
            }
        }
        for outcome in ["written", "dropped", "failed"] {
            drop(self.call_logs.get_or_create(&OutcomeLabels { outcome }));
        }
        self.zero_kafka();
    }

    fn zero_kafka(&self) {
        let commands = command_topics()
            .into_iter()
            .map(|topic| (topic, "answered"));
        let batches = TRIGGERS.iter().map(|trigger| (trigger.topic, "ingested"));
        for (topic, well) in commands.chain(batches) {
            for outcome in [well, "dead_letter"] {
                drop(self.records.get_or_create(&TopicLabels { topic, outcome }));
            }
        }
        let consumer = |consumer, outcome| ConsumerLabels { consumer, outcome };
        for outcome in ["done", "failed"] {
            drop(self.commits.get_or_create(&consumer("commands", outcome)));
        }
        for trigger in TRIGGERS {
            for outcome in ["done", "failed"] {
                drop(
                    self.commits
                        .get_or_create(&consumer(trigger.function, outcome)),
                );
            }
            for outcome in ["taken", "partly_taken", "failed", "outage"] {
                drop(
                    self.batches
                        .get_or_create(&consumer(trigger.function, outcome)),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use trichrome_proto::contract::by_function;

    use super::*;
    use crate::{
        call::transport::Transport,
        ops::metrics::{CallLogOutcome, RecordOutcome},
    };

    /// The counters' series, without their values.
    fn series(metrics: &Metrics) -> BTreeSet<String> {
        let text = metrics.render().unwrap();
        text.lines()
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(series, _)| series.to_owned())
            .filter(|series| series.contains("_total{"))
            .collect()
    }

    #[test]
    fn what_is_counted_was_there_from_the_start() {
        let metrics = Metrics::new();
        let start = series(&metrics);
        let took = Duration::from_millis(1);
        let operation = by_function("users-get").unwrap();
        for transport in [Transport::Grpc, Transport::Events] {
            metrics.call_begun(transport);
            metrics.call_ended(transport, operation, 503, took);
        }
        for transport in ["rest", "grpc", "events"] {
            for operation in [Some(operation), None] {
                metrics.facade_begun(transport);
                metrics.facade_ended(transport, operation, 499, took);
            }
        }
        let trigger = &TRIGGERS[0];
        for function in [operation.function, trigger.function] {
            for outcome in InvokeOutcome::ALL {
                metrics.invoked(function, outcome, took);
            }
        }
        metrics.retried(operation);
        metrics.record(operation.command.topic, RecordOutcome::Answered, 1);
        metrics.record(trigger.topic, RecordOutcome::Ingested, 1);
        metrics.record(trigger.topic, RecordOutcome::DeadLetter, 1);
        for consumer in ["commands", trigger.function] {
            metrics.commit(consumer, true);
            metrics.commit(consumer, false);
        }
        metrics.batch(trigger.function, "outage");
        metrics.call_log(CallLogOutcome::Failed);
        assert_eq!(series(&metrics), start);
    }
}
