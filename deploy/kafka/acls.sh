#!/bin/sh
# Who may do what on Trichrome's topics, for brokers with Apache Kafka's authorizer. Only gateways
# write answers; clients can neither read each other's commands nor forge an answer.
#
#   KAFKA_BROKERS=broker:9093 deploy/kafka/acls.sh --command-config admin.properties
#
# The arguments go to kafka-acls, which Apache Kafka comes with (KAFKA_ACLS names another). Setting
# ACLs again changes nothing.
set -eu

: "${KAFKA_BROKERS:?the bootstrap brokers, such as localhost:9092}"
: "${KAFKA_ACLS:=kafka-acls.sh}"
# The principals of the gateways and of the clients.
: "${KAFKA_GATEWAY:=User:gateway}"
: "${KAFKA_CLIENT:=User:client}"
# KAFKA_GROUP of the gateways; its triggers' groups begin with it. And with what the clients' own
# groups and transactional ids begin.
: "${KAFKA_GROUP:=gateway}"
: "${KAFKA_CLIENT_GROUPS:=client}"

kafka_acls() {
    "$KAFKA_ACLS" --bootstrap-server "$KAFKA_BROKERS" "$@"
}

# The commands start a Java program each, so they run side by side.
running=""
allow() {
    principal=$1
    shift
    kafka_acls --add --force --allow-principal "$principal" "$@" &
    running="$running $!"
}

for option in "$@"; do
    case $option in --bootstrap-server*) echo "set KAFKA_BROKERS instead" >&2; exit 64 ;; esac
done

# Gateways read commands and call logs, and write them: the facade sends commands, too.
allow "$KAFKA_GATEWAY" "$@" --operation Read --operation Write --operation Describe \
    --topic auth --topic users --topic pictures --topic analytics --topic analyticsdata \
    --topic results
allow "$KAFKA_GATEWAY" "$@" --operation Write --operation Describe \
    --topic auth.dlq --topic users.dlq --topic pictures.dlq --topic analytics.dlq \
    --topic analyticsdata.dlq
# Answers to the topics that clients name in `reply-to`.
allow "$KAFKA_GATEWAY" "$@" --operation Write --operation Describe \
    --topic results. --resource-pattern-type prefixed
allow "$KAFKA_GATEWAY" "$@" --operation Read --operation Describe \
    --group "$KAFKA_GROUP" --resource-pattern-type prefixed

# Clients write commands and read answers.
allow "$KAFKA_CLIENT" "$@" --operation Write --operation Describe \
    --topic auth --topic users --topic pictures --topic analytics
allow "$KAFKA_CLIENT" "$@" --operation Read --operation Describe --topic results
allow "$KAFKA_CLIENT" "$@" --operation Read --operation Describe \
    --group "$KAFKA_CLIENT_GROUPS" --resource-pattern-type prefixed

allow "$KAFKA_CLIENT" "$@" --operation Write --operation Describe \
    --transactional-id "$KAFKA_CLIENT_GROUPS" --resource-pattern-type prefixed

failed=0
for process in $running; do
    wait "$process" || failed=1
done
exit "$failed"
