#!/usr/bin/env bash
# How full each queue is: now, at ORCHESTRATOR_URL (or TARGET_URL), or over a run: scripts/queue-stats.sh RUN_FOLDER
set -euo pipefail
here=$(dirname "$0")/..
exec "$here/.venv/bin/python" "$here/scripts/queues.py" "$@"
