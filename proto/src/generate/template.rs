//! The generated parts of `template.yaml`.

use std::fmt::Write as _;

use crate::contract::{OPERATIONS, TRIGGERS};

/// The functions that the gateway may invoke.
pub(super) fn gateway_functions() -> String {
    let mut text = String::new();
    for (_, function) in functions() {
        let _ = writeln!(text, "              - !GetAtt {}.Arn", resource(function));
    }
    text
}

/// Two alarms for each domain: on its functions' errors, and on throttled calls.
pub(super) fn alarms() -> String {
    let mut domains: Vec<&str> = OPERATIONS
        .iter()
        .map(|operation| operation.package)
        .collect();
    domains.dedup();
    let mut text = String::new();
    for domain in domains {
        for (metric, description) in [
            (
                "Errors",
                format!("A function {domain}-* crashed, timed out or ran out of memory."),
            ),
            (
                "Throttles",
                format!("Calls of a function {domain}-* were throttled."),
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
    let of_domain = functions().filter(|(package, _)| *package == domain);
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

/// Every function and its domain.
fn functions() -> impl Iterator<Item = (&'static str, &'static str)> {
    let operations = OPERATIONS
        .iter()
        .map(|operation| (operation.package, operation.function));
    let triggers = TRIGGERS
        .iter()
        .map(|trigger| (trigger.package, trigger.function));
    operations.chain(triggers)
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
