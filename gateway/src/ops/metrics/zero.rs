//! Counters that exist before anything is counted. A series that starts with its first event
//! starts at one, which `rate()` doesn't see as an increase: the first failure would be missed.

use trichrome_proto::{
    contract::{OPERATIONS, TRIGGERS, command_topics},
    wire::record::RESULTS,
};

use super::{
    BatchOutcome, CallLogOutcome, InvokeOutcome, Metrics, RecordOutcome,
    kafka::commit_outcome,
    labels::{
        CallLabels, ConsumerLabels, InvokeLabels, LagLabels, OTHER, OperationLabels, OutcomeLabels,
        RecordLabels,
    },
};

const STATUSES: [&str; 3] = ["2xx", "4xx", "5xx"];

impl Metrics {
    /// Creates about three hundred series. Dead letters, which have a reason each, are left to
    /// the recording rules.
    pub(super) fn initialize(&self) {
        let operations = || OPERATIONS.iter().map(|operation| operation.function);
        for status in STATUSES {
            for operation in operations() {
                for transport in ["grpc", "events"] {
                    drop(self.calls.calls.get_or_create(&CallLabels {
                        transport,
                        operation,
                        status,
                    }));
                }
            }
            for operation in operations().chain([OTHER]) {
                for transport in ["rest", "grpc", "events"] {
                    drop(self.calls.facade_requests.get_or_create(&CallLabels {
                        transport,
                        operation,
                        status,
                    }));
                }
            }
        }
        for operation in operations() {
            let labels = OperationLabels { operation };
            drop(self.calls.retries.get_or_create(&labels));
        }
        let triggers = TRIGGERS.iter().map(|trigger| trigger.function);
        for operation in operations().chain(triggers) {
            for outcome in InvokeOutcome::ALL.map(InvokeOutcome::as_str) {
                let labels = InvokeLabels { operation, outcome };
                drop(self.calls.invokes.get_or_create(&labels));
            }
        }
        for outcome in CallLogOutcome::ALL.map(CallLogOutcome::as_str) {
            drop(
                self.kafka
                    .call_logs
                    .get_or_create(&OutcomeLabels { outcome }),
            );
        }
        self.initialize_kafka();
    }

    fn initialize_kafka(&self) {
        let commands = command_topics()
            .into_iter()
            .map(|topic| (topic, RecordOutcome::Answered));
        let batches = TRIGGERS
            .iter()
            .map(|trigger| (trigger.topic, RecordOutcome::Ingested));
        for (topic, success) in commands.chain(batches) {
            for outcome in [success, RecordOutcome::DeadLetter].map(RecordOutcome::as_str) {
                let labels = RecordLabels { topic, outcome };
                drop(self.kafka.records.get_or_create(&labels));
            }
        }
        let commands = command_topics()
            .into_iter()
            .map(|topic| ("commands", topic));
        let batches = TRIGGERS
            .iter()
            .map(|trigger| (trigger.function, trigger.topic));
        for (consumer, topic) in commands.chain(batches).chain([("results", RESULTS)]) {
            let topic = topic.to_owned();
            let labels = LagLabels { consumer, topic };
            drop(self.kafka.unreadable.get_or_create(&labels));
        }
        let triggers = || TRIGGERS.iter().map(|trigger| trigger.function);
        for consumer in triggers().chain(["commands"]) {
            for outcome in [true, false].map(commit_outcome) {
                let labels = ConsumerLabels { consumer, outcome };
                drop(self.kafka.commits.get_or_create(&labels));
            }
        }
        for consumer in triggers() {
            for outcome in BatchOutcome::ALL.map(BatchOutcome::as_str) {
                let labels = ConsumerLabels { consumer, outcome };
                drop(self.kafka.batches.get_or_create(&labels));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use trichrome_proto::{contract::by_function, wire::Transport};

    use super::{
        super::{
            LimitOutcome,
            connections::{Port, Refused},
        },
        *,
    };

    /// The counters' series without their values.
    fn series(metrics: &Metrics) -> BTreeSet<String> {
        let text = metrics.to_openmetrics();
        text.lines()
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(series, _)| series.to_owned())
            .filter(|series| series.contains("_total{"))
            .collect()
    }

    #[test]
    fn no_counter_starts_with_its_first_event() {
        let metrics = Metrics::new();
        let start = series(&metrics);
        let duration = Duration::from_millis(1);
        let operation = by_function("users-get").unwrap();
        for transport in [Transport::Grpc, Transport::Events] {
            metrics.call_started(transport);
            metrics.call_ended(transport, operation, 503, duration);
        }
        for transport in ["rest", "grpc", "events"] {
            for operation in [Some(operation), None] {
                metrics.facade_request_started(transport);
                metrics.facade_request_ended(transport, operation, 499, duration);
            }
        }
        let trigger = &TRIGGERS[0];
        for function in [operation.function, trigger.function] {
            for outcome in InvokeOutcome::ALL {
                metrics.invoked(function, outcome, duration);
            }
        }
        metrics.call_retried(operation);
        metrics.records_processed(operation.command.topic, RecordOutcome::Answered, 1);
        metrics.records_processed(trigger.topic, RecordOutcome::Ingested, 1);
        metrics.records_processed(trigger.topic, RecordOutcome::DeadLetter, 1);
        for consumer in ["commands", trigger.function] {
            metrics.offsets_committed(consumer, true);
            metrics.offsets_committed(consumer, false);
        }
        metrics.records_unreadable("commands", operation.command.topic, 1);
        metrics.records_unreadable(trigger.function, trigger.topic, 1);
        metrics.records_unreadable("results", RESULTS, 1);
        metrics.batch_passed(trigger.function, BatchOutcome::Outage);
        metrics.call_logged(CallLogOutcome::Failed);
        for outcome in LimitOutcome::ALL {
            metrics.shared_limit(outcome);
        }
        for port in Port::ALL {
            for reason in Refused::ALL {
                metrics.connection_refused(port, reason);
            }
        }
        assert_eq!(series(&metrics), start);
    }
}
