//! Queues that invoke functions, each with a queue for messages that could not be handled.

use serde_json::Value;

use crate::{Template, granted};

/// The logical ids of a queue and of what belongs to it.
struct Queue {
    id: &'static str,
    dead_letters: &'static str,
    source: &'static str,
    function: &'static str,
}

const QUEUES: &[Queue] = &[
    Queue {
        id: "CallLogQueue",
        dead_letters: "CallLogDeadLetters",
        source: "CallLogSource",
        function: "AnalyticsIngestFunction",
    },
    Queue {
        id: "DeriveQueue",
        dead_letters: "DeriveDeadLetters",
        source: "DeriveSource",
        function: "PicturesDeriveFunction",
    },
];

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value}"))
}

/// The limits are AWS's recommendations ("Using Lambda with Amazon SQS").
#[test]
fn a_queue_keeps_what_cannot_be_handled() {
    let template = Template::read();
    let of = |id: &str| template.resources()[id]["Properties"].clone();
    for queue in QUEUES {
        let (id, dead_letters) = (queue.id, queue.dead_letters);
        let own = of(queue.function)["Timeout"].as_u64();
        let timeout = own.unwrap_or_else(|| number(&template.0["Globals"]["Function"]["Timeout"]));
        assert!(number(&of(id)["VisibilityTimeout"]) >= 6 * timeout, "{id}");
        let redrive = &of(id)["RedrivePolicy"];
        assert!(number(&redrive["maxReceiveCount"]) >= 5, "{id}");
        let target = format!("{dead_letters}.Arn");
        assert_eq!(
            redrive["deadLetterTargetArn"]["Fn::GetAtt"],
            target.as_str()
        );
        for properties in [of(id), of(dead_letters)] {
            let retention = number(&properties["MessageRetentionPeriod"]);
            assert_eq!(retention, 14 * 24 * 60 * 60, "{id}");
            assert_eq!(properties["SqsManagedSseEnabled"], true, "{id}");
        }
        let source = of(queue.source);
        let alias = format!("{}.Alias", queue.function);
        assert_eq!(source["FunctionName"]["Ref"], alias.as_str());
        let arn = format!("{id}.Arn");
        assert_eq!(source["EventSourceArn"]["Fn::GetAtt"], arn.as_str());
        assert_eq!(
            source["FunctionResponseTypes"][0],
            "ReportBatchItemFailures"
        );
        let concurrency = &source["ScalingConfig"]["MaximumConcurrency"];
        assert!(!concurrency.is_null(), "{id} has no limit of concurrency");
        for (queue, metric) in [
            (dead_letters, "ApproximateNumberOfMessagesVisible"),
            (id, "ApproximateAgeOfOldestMessage"),
        ] {
            let name = format!("{queue}.QueueName");
            let alarmed = template
                .of_type("AWS::CloudWatch::Alarm")
                .any(|(_, alarm)| {
                    let alarm = &alarm["Properties"];
                    alarm["MetricName"] == metric
                        && alarm["Dimensions"][0]["Value"]["Fn::GetAtt"] == name.as_str()
                });
            assert!(alarmed, "no alarm of {metric} of {queue}");
        }
    }
}

#[test]
fn functions_may_only_send_call_logs() {
    let template = Template::read();
    assert!(number(&template.resources()["CallLogSource"]["Properties"]["BatchSize"]) > 10);
    let policy = &template.resources()["CallLogPolicy"]["Properties"]["PolicyDocument"];
    let send = &policy["Statement"][0];
    assert_eq!(granted(send), ["sqs:SendMessage on CallLogQueue"]);
}
