#!/bin/sh
# `kafka-acls.sh` without a distribution of Apache Kafka, for `deploy/kafka/acls.sh`.
exec "$KAFKA_JAVA" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$KAFKA_CLASS_PATH" \
    org.apache.kafka.tools.AclCommand "$@"
