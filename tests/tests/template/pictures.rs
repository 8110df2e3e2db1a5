//! The pictures bucket: its events, its CORS, and the age of presigned links.

use serde_json::{Value, json};

use crate::{Template, texts};

fn resource(template: &Template, id: &str) -> Value {
    template.resources()[id].clone()
}

/// S3 sends an event of each original, and of nothing that the service derives from it.
#[test]
fn new_originals_are_notified() {
    let template = Template::read();
    let bucket = resource(&template, "PicturesBucket");
    let notified = &bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"];
    assert_eq!(
        *notified,
        json!([{
            "Event": "s3:ObjectCreated:*",
            "Queue": {"Fn::GetAtt": "DeriveQueue.Arn"},
            "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "originals/"}]}},
        }])
    );
    // S3 refuses the configuration unless it may send to the queue.
    assert_eq!(bucket["DependsOn"], "DeriveQueuePolicy");
    let policy = resource(&template, "DeriveQueuePolicy");
    assert_eq!(
        policy["Properties"]["PolicyDocument"]["Statement"],
        json!([{
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": {"Fn::GetAtt": "DeriveQueue.Arn"},
            "Condition": {
                "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
                "ArnLike": {"aws:SourceArn": {
                    "Fn::Sub": "arn:${AWS::Partition}:s3:::*-picturesbucket-*",
                }},
            },
        }])
    );
}

/// S3 can't send to a queue that is encrypted with the key `aws/sqs`.
#[test]
fn s3_may_use_the_key_of_its_queue() {
    let template = Template::read();
    let queue = resource(&template, "DeriveQueue");
    assert!(queue["Properties"]["KmsMasterKeyId"].is_null(), "{queue}");
}

#[test]
fn only_the_web_origin_may_use_the_bucket() {
    let template = Template::read();
    let bucket = resource(&template, "PicturesBucket");
    let rules = &bucket["Properties"]["CorsConfiguration"]["CorsRules"];
    assert_eq!(rules.as_array().map(Vec::len), Some(1));
    let rule = &rules[0];
    assert_eq!(rule["AllowedOrigins"], json!([{"Ref": "WebOrigin"}]));
    assert_eq!(texts(&rule["AllowedMethods"]), ["GET", "HEAD", "PUT"]);
    assert!(texts(&rule["ExposedHeaders"]).contains(&"ETag"));
}

/// A presigned request is refused when it is older than the service makes it valid, whatever expiry
/// it has.
#[test]
fn old_links_are_refused() {
    let template = Template::read();
    let policy = resource(&template, "PicturesBucketPolicy");
    assert!(policy["Condition"].is_null(), "{policy}");
    let statements = policy["Properties"]["PolicyDocument"]["Statement"].clone();
    let limit = |action: &str| {
        let mut limits = statements.as_array().into_iter().flatten();
        let statement = limits.find(|statement| statement["Action"] == action);
        let statement = statement.unwrap_or_else(|| panic!("no limit of {action}"));
        assert_eq!(statement["Effect"], "Deny");
        assert_eq!(
            statement["Condition"]["StringEquals"],
            json!({"s3:authType": "REST-QUERY-STRING"})
        );
        statement["Condition"]["NumericGreaterThan"]["s3:signatureAge"].clone()
    };
    // In milliseconds.
    assert_eq!(limit("s3:PutObject"), 15 * 60 * 1000);
    assert_eq!(limit("s3:GetObject"), 60 * 60 * 1000);
}

/// Parts that were never put together are deleted after a day.
#[test]
fn abandoned_parts_are_deleted() {
    let template = Template::read();
    let bucket = resource(&template, "PicturesBucket");
    let rule = &bucket["Properties"]["LifecycleConfiguration"]["Rules"][0];
    assert_eq!(
        rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"],
        1
    );
    assert_eq!(rule["Status"], "Enabled");
}

/// Functions of version 0.1 don't find the objects of pictures that later versions store.
#[test]
fn an_update_replaces_readers_of_pictures_before_what_creates_them() {
    let template = Template::read();
    let create = resource(&template, "PicturesCreateFunction");
    let first = [
        "PicturesDeleteFunction",
        "PicturesGetFunction",
        "PicturesListFunction",
        "UsersDeleteFunction",
    ];
    assert_eq!(create["DependsOn"], json!(first));
    for id in first {
        // Not a cycle.
        assert!(resource(&template, id)["DependsOn"].is_null(), "{id}");
    }
}
