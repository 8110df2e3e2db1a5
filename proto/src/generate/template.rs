//! The generated parts of `template.yaml`.

use std::fmt::Write as _;

use crate::contract::{OPERATIONS, TRIGGERS};

/// The functions that the gateway may invoke.
pub(super) fn gateway_functions() -> String {
    let mut text = String::new();
    for (_, function) in functions() {
        let id = resource(function);
        let _ = writeln!(text, "              - !GetAtt {id}.Arn");
        let _ = writeln!(text, "              - !Ref {id}.Alias");
    }
    text
}

/// Two alarms for each group of functions, by the first word of their names: on errors, and on
/// throttled calls. CloudWatch adds up at most ten metrics in an alarm.
pub(super) fn alarms() -> String {
    let mut domains: Vec<&str> = Vec::new();
    for (group, _) in functions() {
        if !domains.contains(&group) {
            domains.push(group);
        }
    }
    let mut text = String::new();
    for domain in domains {
        for (metric, description) in [
            (
                "Errors",
                format!(
                    "A function {domain}-* crashed, timed out or ran out of memory. docs/runbook.md#functionerrors"
                ),
            ),
            (
                "Throttles",
                format!(
                    "Calls of a function {domain}-* were throttled. docs/runbook.md#functionthrottles"
                ),
            ),
        ] {
            text.push_str(&alarm(domain, metric, &description));
        }
    }
    text
}

fn alarm(domain: &str, metric: &str, description: &str) -> String {
    let id = pascal_case(domain);
    let mut text = format!(
        "  {id}{metric}Alarm:
    Type: AWS::CloudWatch::Alarm
    Condition: Notifies
    Properties:
      AlarmDescription: {description}
      AlarmActions: [!Ref AlarmTopicArn]
      OKActions: [!Ref AlarmTopicArn]
      ComparisonOperator: GreaterThanThreshold
      Threshold: 0
      EvaluationPeriods: 1
      TreatMissingData: notBreaching
      Metrics:
        - {{Id: total, Label: {metric}, Expression: SUM(METRICS())}}
"
    );
    let of_domain = functions().filter(|(group, _)| *group == domain);
    for (number, (_, function)) in (1..).zip(of_domain) {
        let function = resource(function);
        let _ = write!(
            text,
            "        - Id: m{number}
          ReturnData: false
          MetricStat:
            Stat: Sum
            Period: 300
            Metric: {{Namespace: AWS/Lambda, MetricName: {metric}, Dimensions: [{{Name: FunctionName, Value: !Ref {function}}}]}}
"
        );
    }
    text + "\n"
}

/// Every function and the first word of its name.
fn functions() -> impl Iterator<Item = (&'static str, &'static str)> {
    let operations = OPERATIONS.iter().map(|operation| operation.function);
    let triggers = TRIGGERS.iter().map(|trigger| trigger.function);
    operations
        .chain(triggers)
        .map(|function| (function.split('-').next().unwrap_or(function), function))
}

/// The name of a function's resource: `PicturesGetFunction` for `pictures-get`.
pub fn resource(function: &str) -> String {
    format!("{}Function", pascal_case(function))
}

fn pascal_case(kebab_case: &str) -> String {
    kebab_case
        .split('-')
        .flat_map(|word| {
            let (first, rest) = word.split_at(usize::from(!word.is_empty()));
            [first.to_uppercase(), rest.to_owned()]
        })
        .collect()
}
