# Proofload. `make` alone prints what there is.
PROFILE ?= ci
PYTHON ?= python3
export PERF_PROCESSES ?= $(PROCESSES)
export PERF_JOIN_KEY
# Our packages are in this folder, which Python would not look into.
unexport PYTHONSAFEPATH
PY := .venv/bin/python
READY := .venv/.ready
CHANGES = $(foreach change,$(SET) $(EVENTS_SET),--set '$(change)')
# EVENTS=3m, or 100k, or a number: how many events the event store has.
EVENTS_SET = $(if $(EVENTS),pool.events=$(subst m,000000,$(subst k,000,$(EVENTS))))
VARIANT = $(if $(FAULT),--fault $(FAULT)) $(if $(STRATEGY),--strategy $(STRATEGY))

# Scenarios and systems are read from the plans: a new one needs no change here.
SCENARIOS := $(shell sed -n 's/^\[scenario\.\([a-z0-9-]*\)\]$$/\1/p' systems/*.toml)
# A system's targets have hyphens, as those of its scenarios: perf-event-store.
SYSTEMS := $(subst _,-,$(basename $(notdir $(wildcard systems/*.toml))))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Each target with a description, and those of scenarios and systems: none is a file.
.PHONY: $(shell awk -F: '/^[a-z-]+:.*\#\# / {print $$1}' $(firstword $(MAKEFILE_LIST))) \
	$(SCENARIOS:%=perf-%) $(SCENARIOS:%=perf-%-master) $(SCENARIOS:%=ui-%) $(SCENARIOS:%=plan-%) $(SCENARIOS:%=compose-%) \
	$(SYSTEMS:%=perf-%) $(SYSTEMS:%=migrate-%) $(SYSTEMS:%=seed-%) $(SYSTEMS:%=target-%) $(SYSTEMS:%=clean-%) $(SYSTEMS:%=verify-%)

help:  ## print the targets that are needed first
	@echo 'make TARGET [PROFILE=smoke|ci|full] [SET="KEY=VALUE …"] [FAULT=name]'
	@echo '            [PROCESSES=n] [TARGET_URL=…] [DATABASE_URL=…]'
	@echo 'To begin with: make perf-peak PROFILE=smoke'
	@echo
	@echo '  perf-SCENARIO       from an empty machine to a verdict; SCENARIO is one of'
	@awk 'FNR == 1 {if (line) print line; name = FILENAME; sub(/.*\//, "", name); sub(/\.toml$$/, "", name); \
			line = sprintf("    %-15s", name)} \
		/^\[scenario\./ {word = substr($$0, 11, length($$0) - 11); \
			if (length(line word) > 78) {print line; line = sprintf("    %-15s", "")} line = line " " word} \
		END {print line}' systems/*.toml
	@echo '  ui-SCENARIO         the same with a web UI, until Ctrl-C'
	@echo '  plan-SCENARIO       what it would send; nothing is started'
	@echo '  perf-SYSTEM         all scenarios of a system, e.g. perf-messages: one page'
	@echo '  perf-file           a locustfile of yours: FILE=theirs.py TARGET_URL=…'
	@echo '  report, analyze     again, or as text, of RUN=reports/runs/peak/latest'
	@echo '  compare, perf-ab    two runs, which proves nothing; pairs of runs, which can'
	@echo '  doctor              what is missing on this machine'
	@echo '  test, lint          what CI runs'
	@echo '  help-all            every target, and what each is for'

help-all:  ## print every target
	@echo "make TARGET [PROFILE=smoke|ci|full] [SET="KEY=VALUE …"] [FAULT=name] [STRATEGY=name] [PROCESSES=n] [TARGET_URL=…] [DATABASE_URL=…]"
	@echo
	@awk '/^\[scenario\./ {name = substr($$0, 11, length($$0) - 11)} \
		/^purpose = / {sub(/^purpose = "/, ""); sub(/"$$/, ""); \
		printf "  %-24s run it: %s\n", "perf-" name, $$0; \
		printf "  %-24s the same with Locust'"'"'s web UI, until Ctrl-C\n", "ui-" name; \
		printf "  %-24s what it would send; nothing is started\n", "plan-" name; \
		printf "  %-24s in containers, which are taken down again [WORKERS=n]\n", "compose-" name; \
		printf "  %-24s all its runs on one page, and where their level changed\n", "history-" name}' systems/*.toml
	@for system in $(SYSTEMS); do \
		printf '  %-24s %s\n' "perf-$$system" "run all its scenarios, and make one page about them"; \
		printf '  %-24s %s\n' "migrate-$$system" "make its tables in the database of DATABASE_URL"; \
		printf '  %-24s %s\n' "seed-$$system" "migrate and seed its database"; \
		printf '  %-24s %s\n' "target-$$system" "start its reference target, seeded, until Ctrl-C; prints its URL"; \
		printf '  %-24s %s\n' "clean-$$system" "delete what was seeded and stored for it in DATABASE_URL (YES=1 beyond this machine)"; \
		printf '  %-24s %s\n' "verify-$$system" "verify its latest run again and report it, or RUN=…"; done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-24s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(READY)  ## make the environment: .venv with the hash-locked requirements
# An environment whose Python is gone, or too old, is made again.
$(shell test ! -e $(READY) || $(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || rm -f $(READY))
$(READY): requirements.txt
	@command -v '$(PYTHON)' > /dev/null || { echo "PYTHON=$(PYTHON): no such command: expected Python 3.11 or later, e.g. make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) scripts/install.py
	@touch $@

# The variable of the requirement, for this system.
perf-orchestrator perf-orchestrator-load perf-orchestrator-stress perf-orchestrator-spike: export TARGET_URL := $(or $(TARGET_URL),$(ORCHESTRATOR_URL))

$(SCENARIOS:%=perf-%): perf-%: $(READY)
	@$(PY) -m harness run $* --profile $(PROFILE) $(CHANGES) $(VARIANT)

$(SCENARIOS:%=perf-%-master): perf-%-master: $(READY)
	@$(PY) -m harness run $* --workers '$(or $(WORKERS),$(LOCUST_EXPECT_WORKERS),$(error WORKERS=… is missing: expected how many load processes all machines have, e.g. WORKERS=4))' \
		--profile $(PROFILE) $(CHANGES) $(VARIANT)

# Its exit code, which make hides, is that of scripts/compose.sh.
$(SCENARIOS:%=compose-%): compose-%:
	@WORKERS='$(WORKERS)' scripts/compose.sh $* --profile $(PROFILE) $(CHANGES)

perf-worker: $(READY)  ## put load on for a master elsewhere, whose make perf-SCENARIO-master WORKERS=n prints this line: MASTER=… PERF_JOIN_KEY=… [PROCESSES=n]
	@$(PY) -m harness worker $(if $(MASTER),--master '$(MASTER)')

$(SYSTEMS:%=perf-%): perf-%: $(READY)
	@$(PY) -m harness suite $(subst -,_,$*) --profile $(PROFILE) $(VARIANT)

$(SCENARIOS:%=ui-%): ui-%: $(READY)
	@$(PY) -m harness run $* --profile $(PROFILE) --ui $(CHANGES) $(VARIANT)

$(SCENARIOS:%=plan-%): plan-%: $(READY)
	@$(PY) -m harness plan $* --profile $(PROFILE) $(CHANGES) $(VARIANT)

$(SYSTEMS:%=migrate-%): migrate-%: $(READY)
	@$(PY) -m schema $(subst -,_,$*)

$(SYSTEMS:%=seed-%): seed-%: $(READY)
	@$(PY) -m harness seed $(subst -,_,$*)

$(SYSTEMS:%=target-%): target-%: $(READY)
	@$(PY) -m harness target $(subst -,_,$*) $(VARIANT)

$(SYSTEMS:%=clean-%): clean-%: $(READY)
	@$(PY) -m harness clean $(subst -,_,$*) $(RUN) $(if $(YES),--yes)

$(SYSTEMS:%=verify-%): verify-%: $(READY)
	@$(PY) -m harness verify $(subst -,_,$*) $(RUN)

perf-file: $(READY)  ## run a locustfile of yours as it is: FILE=theirs.py TARGET_URL=… [USERS=10] [FOR=1m] [RULE="p95(response_time) < 500ms"]
	@$(PY) -m harness run --locustfile '$(or $(FILE),$(error FILE=… is missing: expected a locustfile, e.g. FILE=theirs.py))' --profile $(PROFILE) \
		$(if $(USERS),--users $(USERS)) $(if $(FOR),--for $(FOR)) $(if $(RULE),--rule '$(RULE)') $(CHANGES)

report: $(READY)  ## write and print the report of a run again: RUN=reports/runs/peak/latest
	@$(PY) -m harness report $(or $(RUN),$(error RUN=… is missing: expected a run folder, e.g. RUN=reports/runs/peak/latest))

export: $(READY)  ## write a line for each operation of a run: RUN=reports/runs/peak/latest [FORMAT=jsonl|csv|parquet]
	@$(PY) -m reports.export $(or $(RUN),$(error RUN=… is missing: expected a run folder, e.g. RUN=reports/runs/peak/latest)) --format $(or $(FORMAT),jsonl)

analyze: $(READY)  ## print what a run came to: phases, worst second, growth, first errors, what to try: RUN=reports/runs/peak/latest
	@$(PY) -m reports.analyze $(or $(RUN),$(error RUN=… is missing: expected a run folder, e.g. RUN=reports/runs/peak/latest))

orders: $(READY)  ## write a file of orders, an event a line: N=10000 OUT=orders.jsonl
	@$(PY) -m systems.orchestrator_orders $(or $(N),$(error N=… is missing: expected how many orders, e.g. N=10000)) \
		'$(or $(OUT),$(error OUT=… is missing: expected a file, e.g. OUT=orders.jsonl))'

psql: $(READY)  ## open the database of a run in psql, to look at findings: RUN=reports/runs/peak/latest
	@$(PY) -m harness psql $(or $(RUN),$(error RUN=… is missing: expected a run folder, e.g. RUN=reports/runs/peak/latest))

baseline: $(READY)  ## make a run the baseline of its scenario, baselines/<scenario>-<profile>.json, to be committed: RUN=reports/runs/peak/latest
	@$(PY) -m reports.compare.name_baseline $(or $(RUN),$(error RUN=… is missing: expected a run folder, e.g. RUN=reports/runs/peak/latest))

compare: $(READY)  ## compare two runs, which proves nothing: BASE=reports/runs/peak/… HEAD=reports/runs/peak/latest
	@$(PY) -m reports.compare $(or $(BASE),$(error BASE=… is missing: expected a run folder)) $(or $(HEAD),$(error HEAD=… is missing: expected a run folder))

compare-production: $(READY)  ## rate and p95 of production, by its Prometheus, beside a run's: QUERY='http_request_duration_seconds{job="api"}' PROMETHEUS_URL=http://… RUN=reports/runs/peak/latest [OP=…] [LAST=1d] [STEP=5m]
	@$(PY) -m reports.compare.production $(or $(RUN),$(error RUN=… is missing: expected a run folder, e.g. RUN=reports/runs/peak/latest)) \
		--query '$(QUERY)' $(if $(P95),--p95 '$(P95)') $(if $(RATE),--rate '$(RATE)') --op $(or $(OP),all) --last $(or $(LAST),1d) --step $(or $(STEP),5m)

history-%: $(READY)
	@$(PY) -m reports.compare.history $(or $(PERF_RUNS),reports/runs)/$* --profile $(PROFILE)

perf-ab: $(READY)  ## compare targets in PAIRS=6 pairs of runs: SCENARIO=peak BASE=main, against this checkout's
	@$(PY) -m harness ab $(or $(SCENARIO),$(error SCENARIO=… is missing: expected e.g. SCENARIO=peak)) --profile $(PROFILE) \
		--base $(or $(BASE),$(error BASE=… is missing: expected a commit, e.g. BASE=main)) --pairs $(or $(PAIRS),6) $(if $(BASE_STRATEGY),--base-strategy $(BASE_STRATEGY)) $(VARIANT)

perf-volumes: $(READY)  ## run a scenario at several volumes, and say what grows: SCENARIO=event-scale VOLUMES="1m 3m 10m" [SET="pool.largest=100"]
	@$(PY) -m harness volumes $(or $(SCENARIO),event-scale) --profile $(PROFILE) --volumes $(or $(VOLUMES),1m 3m 10m) $(CHANGES) $(VARIANT)

doctor: $(READY)  ## say what is missing on this machine, and the command that fixes it
	@$(PY) -m harness doctor

compiled: $(READY)  ## compile what runs for each operation, where there is a C compiler (docs/performance.md)
	@$(PY) scripts/compile.py

interpreted: $(READY)  ## remove what was compiled: it runs as Python again
	@$(PY) scripts/compile.py --remove

test: $(READY)  ## run all tests
	$(PY) -m pytest

fuzz: $(READY)  ## run the tests of properties with new examples, which differ each time
	$(PY) -m pytest -m 'hypothesis and not machine' --hypothesis-profile fuzz

test-machine: $(READY)  ## run the tests that need the machine to themselves, or an environment of their own
	$(PY) -m pytest tests/machine -m machine -n 0 --timeout 600

fault-matrix: $(READY)  ## make a run with each fault of target, database and harness, and the table of what named it (some minutes)
	@$(PY) -m tests.fault_matrix

false-alarms: $(READY)  ## run every scenario against the clean target, at ci once and at smoke ten times: how often is it not GO? (goes on where it was; 40 minutes)
	@$(PY) -m tests.false_alarms

lint: $(READY)  ## ruff, and mypy (strict outside locustfiles/)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

lock: $(READY)  ## lock the dependencies of pyproject.toml into requirements.txt, with hashes
	$(PY) -m pip install --quiet uv
	$(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes --only-binary :all: --no-emit-index-url \
		--upgrade --quiet --custom-compile-command "make lock" --all-extras pyproject.toml -o requirements.txt
	echo hatchling | $(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes --only-binary :all: --no-emit-index-url \
		--quiet --custom-compile-command "make lock" --extra reference --extra otel --constraint requirements.txt pyproject.toml - -o deploy/image/requirements.txt

bench-ab: $(READY)  ## see a comparison of pairs find a target that is 10 % slower, and nothing in one that is not (some minutes)
	@$(PY) -m benchmarks.ab

bench-search: $(READY)  ## search the limit of two scenarios twice each, and see that what is found agrees within 10 % (half an hour; nothing else should run)
	@$(PY) -m benchmarks.search

bench-report: $(READY)  ## measure the report of 1 M and of 10 M operations
	@$(PY) -m benchmarks.report

bench-day: $(READY)  ## verify and report a day at 100 operations a second, made up, each in 10 GB at most (some minutes)
	@$(PY) -m benchmarks.day $(if $(HOURS),--hours $(HOURS))

bench-scale: $(READY)  ## measure the verification of long runs (OPERATIONS="1e6 1e8", made up: 100 million need 55 GB of disk and 25 minutes; SYSTEM=messages)
	@$(PY) -m benchmarks.scale $(if $(OPERATIONS),--operations $(OPERATIONS)) $(if $(SYSTEM),--system $(SYSTEM))

bench-verification: $(READY)  ## measure the verification of 1 M operations
	@$(PY) -m benchmarks.verification

bench-append: $(READY)  ## measure appends and reads of the event store beside pgbench, which sends the same statements (two minutes; nothing else should run)
	@$(PY) -m benchmarks.append $(if $(SECONDS_EACH),--seconds $(SECONDS_EACH))

bench-reads: $(READY)  ## measure batches of events: server, client and whole apart, by tenant and of all, and in memory (a minute; nothing else should run)
	@$(PY) -m benchmarks.reads

bench-machines: $(READY)  ## measure what it costs to ship a journal to another machine while the load goes on (nothing else should run)
	@$(PY) -m benchmarks.machines

bench-queue: $(READY)  ## measure what goes in and out of each queue of the orchestrator a second
	@$(PY) -m benchmarks.queue

bench-seeding: $(READY)  ## measure seeding, and a copy of a seeded database: FOLDER=/some/folder on the filesystem to measure
	@$(PY) -m benchmarks.seeding $(if $(FOLDER),--folder $(FOLDER))

bench-engine: $(READY)  ## measure the load engine beside FastHttpUser, hey and k6 (some minutes; nothing else should run)
	-@$(PY) scripts/compile.py
	@$(PY) -m benchmarks.engine

dashboards: $(READY)  ## write deploy/prometheus/alerts and deploy/grafana/dashboards anew, from the plans
	@$(PY) -m deploy.prometheus
	@$(PY) -m deploy.grafana

gallery: $(READY)  ## make an example report for each verdict and type of load: docs/gallery/*.html
	@$(PY) -m docs.gallery

screenshots: $(READY)  ## make pictures of reports, of the page of a suite and of the web UI, of runs made for them: docs/screenshots/*.webp (some minutes; needs Chromium)
	@$(PY) -m docs.screenshots

clean:  ## remove the embedded PostgreSQL, all run folders, caches and .venv
	@if [ -x $(PY) ]; then $(PY) -m harness clean; fi
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
