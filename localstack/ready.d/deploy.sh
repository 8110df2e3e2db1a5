#!/usr/bin/env bash
# LocalStack's ready hook: deploys template.yaml and writes the outputs for the gateway to
# $OUTPUTS. LocalStack runs it at every start, once it serves requests. Its free release loses
# its state when it is stopped, so every start deploys from scratch.
#
# DEPLOY_FILES    the folder with deploy.py and template.yaml
# FUNCTIONS       the folder with the functions' zips, or programs
# SECRETS         the folder with token-key.json, token-jwks.json and postgres-password
# OUTPUTS         the folder for outputs.json, and for gateway.env and functions.env, which
#                 shells source
# POSTGRES        host:port of Postgres, as the functions' containers reach it
# CACHE_NODES     the nodes of the optional cache, if there is one
# AWS_ENDPOINT_URL  LocalStack, as the gateway's container reaches it
# S3_PUBLIC_URL   LocalStack, as browsers reach it
# WEB_ORIGIN      the web app's origin
set -euo pipefail
: "${DEPLOY_FILES:?}" "${FUNCTIONS:?}" "${SECRETS:?}" "${OUTPUTS:?}" "${POSTGRES:?}" "${AWS_ENDPOINT_URL:?}" "${S3_PUBLIC_URL:?}" "${WEB_ORIGIN:?}"

# LocalStack accepts any credentials.
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION=us-east-1
export TOKEN_KEY_FILE="$SECRETS/token-key.json" TOKEN_JWKS_FILE="$SECRETS/token-jwks.json"
DATABASE_URL="postgres://trichrome:$(<"$SECRETS/postgres-password")@$POSTGRES/trichrome"
export DATABASE_URL

# LocalStack's own Python has botocore; this is its path in the image of 4.14.0.
python=${PYTHON:-/opt/code/localstack/.venv/bin/python}
# The gateway must not read the outputs of an earlier start.
rm -f "$OUTPUTS/outputs.json" "$OUTPUTS/gateway.env"
"$python" "$DEPLOY_FILES/deploy.py" up \
  --stack trichrome \
  --template "$DEPLOY_FILES/template.yaml" \
  --code "$FUNCTIONS" \
  --parameter "OtlpEndpoint=${OTLP_ENDPOINT:-}" \
  --parameter "CacheNodes=${CACHE_NODES:-}" \
  --parameter "S3PublicUrl=$S3_PUBLIC_URL" \
  --parameter "WebOrigin=$WEB_ORIGIN" \
  --parameter ApiGatewayLogRole=existing \
  --parameter PostgresConcurrency=0 \
  --parameter TlsOnly=false \
  > "$OUTPUTS/outputs.json.new"
"$python" - "$OUTPUTS" "$TOKEN_JWKS_FILE" <<'PYTHON'
import json
import shlex
import sys
from pathlib import Path

folder, jwks = Path(sys.argv[1]), Path(sys.argv[2])
outputs = json.loads((folder / "outputs.json.new").read_text())


def write(name, variables):
    lines = [f"{key}={shlex.quote(value)}\n" for key, value in variables.items()]
    (folder / name).write_text("".join(lines))


write(
    "gateway.env",
    {"REST_URL": outputs["Endpoint"], "FUNCTION_PREFIX": outputs["FunctionPrefix"]},
)
write(
    "functions.env",
    {
        "USERS_TABLE": outputs["UsersTable"],
        "PICTURES_TABLE": outputs["PicturesTable"],
        "PICTURES_BUCKET": outputs["PicturesBucket"],
        "CALL_LOG_QUEUE_URL": outputs["CallLogQueueUrl"],
        "DERIVE_QUEUE_URL": outputs["DeriveQueueUrl"],
        "TOKEN_KEY_SECRET_ID": outputs["TokenKeySecretArn"],
        "TOKEN_JWKS": jwks.read_text().strip(),
    },
)
PYTHON
# Last, since the health check waits for this file.
mv "$OUTPUTS/outputs.json.new" "$OUTPUTS/outputs.json"
