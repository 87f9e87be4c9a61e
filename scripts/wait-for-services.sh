#!/usr/bin/env bash
# Wait until the orchestrator answers, for at most 60 seconds: ORCHESTRATOR_URL, or TARGET_URL.
set -euo pipefail

url=${ORCHESTRATOR_URL:-${TARGET_URL:-}}
if [ -z "$url" ]; then
    echo "error: ORCHESTRATOR_URL is not set: expected e.g. http://127.0.0.1:8080" >&2
    exit 2
fi
for _ in $(seq "${WAIT_SECONDS:-60}"); do
    if curl -fsS -m 2 -o /dev/null "$url/api/orchestrator/health" 2>/dev/null; then
        echo "$url is up"
        exit 0
    fi
    sleep 1
done
echo "error: $url/api/orchestrator/health does not answer 2xx after ${WAIT_SECONDS:-60} s" >&2
exit 1
