# Everything sets itself up; `make help` says what there is. PYTHON=... chooses the interpreter
# (>= 3.11) that the environment is made from.

PYTHON ?= python3
UV ?= uv
SETUP := "$(PYTHON)" scripts/setup.py
RUN := $(SETUP) run

.DEFAULT_GOAL := help
.PHONY: help demo test test-kind test-lab test-vm bench bench-profile lint lint-playbooks lint-rest lock clean python

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

demo: python ## replay real taxi rides through real Flink over an emulated network, with a report
	@$(SETUP) env --privileges needed
	@$(RUN) fogbed demo

test: python ## lint, then every test that needs no lab
	@$(SETUP) env --privileges told
	@$(MAKE) --no-print-directory lint
	@mkdir -p build && rm -f build/junit.xml
	@HYPOTHESIS_PROFILE=thorough $(RUN) pytest -n 2 --dist loadgroup -m "not lab and not kind and not vm and not bench" --junitxml=build/junit.xml; \
	  code=$$?; "$(PYTHON)" scripts/counts.py --skips build/junit.xml; exit $$code

test-kind: python ## the demo on a kind cluster, from up to down, as CI runs it (Docker Engine, kind)
	@"$(PYTHON)" scripts/kind_needs.py
	@$(SETUP) env
	@mkdir -p build/kind
	@$(RUN) pytest -m kind --durations=0 -s tests/kind

test-lab: python ## whole clusters on the machines of ../shared/lab (root, Go, Docker's packages; an hour)
	@$(SETUP) env --privileges told
	@test ! -x ../shared/lab/lab || { ../shared/lab/lab build && ../shared/lab/lab images stack && ../shared/lab/lab minor; }
	@$(RUN) pytest -m lab --durations=0 -s

test-vm: python ## tc on a stock Debian kernel, in guests of ../shared/lab/vm (root, qemu; half an hour)
	@$(SETUP) env --privileges told
	@$(RUN) pytest -m vm --durations=0 -s tests/vm

bench: python ## measure every figure beside its goal and its anchor; writes benchmarks/RESULTS.md
	@$(SETUP) env --privileges needed
	@$(RUN) python -m benchmarks

bench-profile: python ## core-seconds of every stage of an import: where its time goes
	@$(SETUP) env --privileges needed
	@$(RUN) python -m benchmarks rides_profile

lint: python ## ruff, mypy --strict, import-linter, yamllint, manifests, ansible-lint
	@$(SETUP) env
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint-playbooks lint-rest

lint-playbooks:
	@ANSIBLE_CONFIG="$$PWD/ansible.cfg" $(RUN) ansible-lint --offline --strict -c .ansible-lint playbooks

lint-rest:
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@$(RUN) lint-imports --no-logo
	@$(RUN) yamllint --strict .
	@$(RUN) python scripts/manifests.py

lock: ## pin every dependency anew, with hashes and without addresses; needs uv
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --extra laptop --extra pi --extra kubernetes --group dev --no-header pyproject.toml -o requirements.lock

clean: ## remove the environment and everything that can be made again (not runs/)
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "Missing: $(PYTHON). Install what fogbed needs with"; \
	  echo "  sudo apt install git make python3-venv"; exit 2; } >&2
