#!/bin/sh
# Installs the index template in Elasticsearch, and the data view and saved search in Kibana.
# Idempotent.
set -eu
cd "$(dirname "$0")"
elasticsearch=${ELASTICSEARCH_URL:-http://elasticsearch:9200}
kibana=${KIBANA_URL:-http://kibana:5601}

# Prints the response if it is an error.
send() {
  curl --silent --show-error --fail-with-body --retry 10 --retry-delay 2 --retry-all-errors \
    --max-time 30 "$@"
}

send -X PUT "$elasticsearch/_index_template/trichrome-logs" \
  -H 'content-type: application/json' --data-binary @index-template.json
echo

answer=$(send -X POST "$kibana/api/saved_objects/_import?overwrite=true" \
  -H 'kbn-xsrf: setup' --form file=@kibana.ndjson)
echo "$answer"
# An import that failed in part also returns 200.
case $answer in *'"success":true'*) ;; *) exit 1 ;; esac

send -X POST "$kibana/api/data_views/default" -H 'kbn-xsrf: setup' \
  -H 'content-type: application/json' \
  --data '{"data_view_id": "trichrome-logs", "force": true}'
echo
