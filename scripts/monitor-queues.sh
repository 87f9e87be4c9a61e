#!/usr/bin/env bash
# How full each queue is, anew every two seconds, until Ctrl-C: ORCHESTRATOR_URL, or TARGET_URL.
set -euo pipefail
exec "$(dirname "$0")/monitor-queues-during-test.sh" 2
