#!/usr/bin/env bash
# How full each queue is, every so many seconds, for so long: scripts/monitor-queues-during-test.sh 5 300
set -euo pipefail
here=$(dirname "$0")/..
exec "$here/.venv/bin/python" "$here/scripts/queues.py" --every "${1:-5}" --for "${2:-86400}"
