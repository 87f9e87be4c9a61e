#!/usr/bin/env bash
# Run a performance test of the orchestrator: load, stress or spike.
#
#   scripts/run-perf-test-local.sh load [smoke|ci|full]
#
# Without ORCHESTRATOR_URL it starts what the test needs: PostgreSQL, the reference target and its services. With it, that
# target is tested, whose database is at DATABASE_URL. What comes of it is linked below perf-tests/results.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-}
profile=${2:-${PROFILE:-smoke}}
case "$kind" in
load | stress | spike) ;;
*)
    echo "error: '${kind}': expected load, stress or spike" >&2
    exit 2
    ;;
esac
scenario=orchestrator-$kind
results=perf-tests/results
python=.venv/bin/python

# 1, 2: what is to be built and started.
[ -x "$python" ] || make venv
if [ -n "${ORCHESTRATOR_URL:-}" ]; then
    export TARGET_URL=$ORCHESTRATOR_URL
    # 3: until it answers.
    scripts/wait-for-services.sh
else
    # No containers: what LocalStack and Prometheus are for elsewhere is embedded here.
    echo "services: PostgreSQL with the queues, the reference target and a monitor that samples once a second, all without"
    echo "          containers; to test one of yours: ORCHESTRATOR_URL=http://HOST:PORT DATABASE_URL=postgresql://… $0 $kind"
fi

# 4: data, for other tools; our users make their events of numbers.
orders=perf-tests/test-data/test-data-10k.jsonl
[ -f "$orders" ] || make --no-print-directory orders N=10000 OUT="$orders"

# 5, 6: the test and its report; queues are watched meanwhile.
mkdir -p "$results"
code=0
"$python" -m harness run "$scenario" --profile "$profile" || code=$?

# 7: the report, the results, logs and metrics, as links into the folder of the run.
run=$(readlink -f "${PERF_RUNS:-reports/runs}/$scenario/latest" || true)
if [ -n "$run" ] && [ -d "$run" ]; then
    ln -sfn "$run/report.html" "$results/$kind-test-report.html"
    ln -sfn "$run/verdict.json" "$results/$kind-test-results.json"
    ln -sfn "$run/monitor.jsonl" "$results/metrics.jsonl"
    for log in "$run"/*.log; do
        [ -f "$log" ] && ln -sfn "$log" "$results/orchestrator-$(basename "$log" .log)-logs.txt"
    done
    scripts/queue-stats.sh "$run" >"$results/queue-stats.txt" || true
    echo "results: $results/$kind-test-report.html"
fi
exit "$code"
