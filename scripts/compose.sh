#!/usr/bin/env bash
# Run a scenario in the containers of docker-compose.perf.yml, and take them down: the exit code is the verdict's.
#
#   scripts/compose.sh peak [--profile smoke] [WORDS of `proofload run`]
#
# WORKERS=n   n containers put the load on
# ALONE=1     the pipeline starts the reference target itself, beside the load: for what scales or disturbs it
# KEEP=1      leave everything up, with the database and the keys
set -euo pipefail
cd "$(dirname "$0")/.."

scenario=${1:-}
plan=$(grep -lsx "\[scenario\.$scenario\]" systems/*.toml || true)
if [ -z "$scenario" ] || [ -z "$plan" ]; then
    echo "error: '$scenario' is no scenario: expected e.g. $0 peak; \`proofload list\` names all" >&2
    exit 2
fi
PERF_SYSTEM=$(basename "$plan" .toml)
export PERF_SYSTEM

if docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
elif command -v docker-compose >/dev/null; then
    compose=(docker-compose)
else
    echo "error: no docker compose here: expected Docker with its compose plugin, or docker-compose 1.29; \`make doctor\`" >&2
    exit 2
fi
# A project of its own: what is taken down is not what somebody else has up.
compose+=(--file docker-compose.perf.yml --project-name "${COMPOSE_PROJECT_NAME:-proofload-run}")

# Reports belong to whom the checkout does, but never to root, who can read them anyway.
mkdir -p reports/runs
if [ "$(id -u)" = 0 ]; then
    chown "${PERF_UID:-1000}:${PERF_GID:-1000}" reports/runs
else
    export PERF_UID=${PERF_UID:-$(id -u)} PERF_GID=${PERF_GID:-$(id -g)}
fi

master=locust-master before=(target) scale=() run=(run --rm --use-aliases)
if [ "$PERF_SYSTEM" = event_store ] || [ -n "${ALONE:-}" ]; then # the users of an event store call it in PostgreSQL
    master=locust-alone before=(postgres-primary)
elif [ "$PERF_SYSTEM" = orchestrator ]; then
    master=locust-orchestrator before=(orchestrator)
fi
words=("$@")
if [ -n "${WORKERS:-}" ]; then
    before+=(locust-worker) scale=(--scale "locust-worker=$WORKERS")
    words+=(--workers "$WORKERS")
    export PERF_CONTAINER_MASTER=$master
fi
[ -t 0 ] && [ -t 1 ] || run+=(-T)
if [ -d baselines ]; then run+=(--volume "$PWD/baselines:/project/baselines:ro"); fi

down() {
    code=$?
    if [ -z "${KEEP:-}" ]; then
        said=$("${compose[@]}" --profile run --profile distributed --profile orchestrator \
            down --volumes --timeout 30 2>&1) || echo "$said" >&2
    fi
    exit "$code"
}
trap down EXIT
{ [ -n "${PERF_IMAGE:-}" ] || "${compose[@]}" build keys; } &&
    "${compose[@]}" up --detach --no-build "${scale[@]}" "${before[@]}" || {
    echo "error: the containers are not up, and nothing was sent: see above, and \`make doctor\`" >&2
    exit 2 # compose's own code would be that of a verdict
}
"${compose[@]}" "${run[@]}" "$master" "${words[@]}"
