# Everything a person or CI does here. A target's own comment is its help.
.DEFAULT_GOAL := help
SHELL := /bin/bash
LOCAL := deploy/local
# A process killed by a test loses nothing without fsync; a machine without power would.
STACK := SWITCHBOARD_LOCAL_FSYNC=off $(LOCAL)/with-stack
# Some of each lane: what loses most if it is handled badly.
CHAOS_SHORT := kill,freeze,deploy,kill-broker,kill-database,cut-at-commit,forgotten,rate-limited,truncated,revoked-key
NEXTEST := $(shell command -v cargo-nextest)
TEST := $(if $(NEXTEST),cargo nextest run,cargo test)

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo up down
demo: install ## Show the whole system on servers of its own, and leave nothing behind
	@binary=$$($(LOCAL)/binary) && $(LOCAL)/alone demo $$binary demo
up: install ## Start servers, stand-in vendors and every role in the background
	@$(LOCAL)/app start
down: ## Stop everything that `make up` or `make stack-up` started
	@$(LOCAL)/app stop
	@$(LOCAL)/down

.PHONY: test test-run migrations
test: install ## Run all tests on real servers
	@$(LOCAL)/install prometheus
	@$(STACK) $(MAKE) --no-print-directory test-run
test-run: ## The same on servers that the environment names
	$(TEST) --workspace
	$(if $(NEXTEST),cargo test --workspace --doc --quiet)
migrations: install ## Migrate from nothing, and from the previous version with data in it
	$(STACK) $(TEST) -p store --test migrations

.PHONY: bench bench-long
# PostgreSQL has the memory that a server of a million conversations would be given.
bench: install ## Measure speed and memory beside a bare pipeline (over an hour; ARGS="drain --rounds 1" for less)
	@binary=$$($(LOCAL)/binary --release) && bench=$$($(LOCAL)/binary --release bench) && \
	    SWITCHBOARD_LOCAL_SHARED_BUFFERS=4GB SWITCHBOARD_TEST_BINARY=$$binary $(LOCAL)/alone bench $$bench $(ARGS)
bench-long: ## See that no role's memory grows in an hour of steady load (ARGS="--minutes 10" for less)
	@$(MAKE) --no-print-directory bench ARGS="soak $(ARGS)"

.PHONY: chaos chaos-long chaos-short
chaos: install ## Bring about faults of every kind for some minutes, and check that every promise holds (ARGS="--seed 7 --minutes 3")
	@$(LOCAL)/install faketime
	@chaos=$$($(LOCAL)/binary chaos) && binary=$$($(LOCAL)/binary switchboard --features failpoints) && \
	    SWITCHBOARD_LOCAL_FSYNC=off SWITCHBOARD_TEST_BINARY=$$binary $(LOCAL)/alone chaos $$chaos $(ARGS)
chaos-short: ## The same in two minutes, of a few kinds and from one seed, as CI does
	@$(MAKE) --no-print-directory chaos ARGS="--seed 1 --minutes 0.7 --conversations 80 --only $(CHAOS_SHORT) $(ARGS)"
chaos-long: ## The same for a night, seed after seed, until one finds something (ARGS="--minutes 20" each)
	@seed=1; while $(MAKE) --no-print-directory chaos ARGS="--minutes 20 --conversations 500 $(ARGS) --seed $$seed"; do seed=$$((seed + 1)); done; \
	    echo "stopped at seed $$seed"; exit 1

.PHONY: ci fmt fmt-check lint clippy docs deny advisories alerts dashboards kubernetes
ci: install ## Run exactly what CI runs: format, lints, docs, import rules, alerts, dashboards, manifests, migrations, tests, faults
	@$(STACK) .ci/stages
fmt: ## Format the code
	cargo fmt --all
fmt-check: ## Check the format
	cargo fmt --all --check
lint: fmt-check clippy deny ## Check format, lints and import rules
clippy: ## Check the lints
	cargo clippy --workspace --all-targets --all-features -- -D warnings
docs: ## Build the documentation of our crates; a warning is an error
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items
alerts: ## Check the alerts, and run their tests
	@deploy/observability/check alerts
dashboards: ## Check the dashboards against Grafana's own types
	@deploy/observability/check dashboards
kubernetes: ## Check the manifests for Kubernetes, every overlay, and that broken ones are refused
	@deploy/kubernetes/check
deny: ## Check who imports what, licenses and sources
	@.ci/deny
advisories: ## Ask RustSec's database whether anything we build in has a known fault (needs the network)
	@.ci/advisories

.PHONY: containers backup-rehearsal
containers: install ## Build the image and run the rendered Deployments as containers (PROFILE=dev builds faster)
	@image=$$($(LOCAL)/image) && $(STACK:with-stack=alone) pods deploy/kubernetes/run $$image
backup-rehearsal: install ## Back up a running system, lose its servers, restore it, and see it go on
	@$(LOCAL)/rehearse-backup

.PHONY: install stack-up stack-down psql clean-local
install: ## Install what is missing: PostgreSQL, RabbitMQ, make, a C compiler
	@$(LOCAL)/install
stack-up: install ## Start only PostgreSQL and RabbitMQ
	@$(LOCAL)/up
stack-down: ## Stop only PostgreSQL and RabbitMQ
	@$(LOCAL)/down
psql: ## Open the application's database
	@$(LOCAL)/with-stack bash -c 'exec psql "$$DATABASE_URL"'
clean-local: down ## Delete the local databases, queues and logs
	@rm -rf .local/containers
	@for name in demo bench pods rehearsal; do [[ ! -d .local/$$name ]] || $(LOCAL)/down --remove .local/$$name; done
	@$(LOCAL)/down --remove
