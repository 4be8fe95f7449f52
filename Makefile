# Two commands are enough: `make demo` and `make test`. What they do stands in tests/setup/*.sh.
# ARGS goes through: make test ARGS="-k escalation"
ARGS ?=

.PHONY: help demo test check bench lock format codec clean .venv

help: ## this list
	@awk -F ':.*## ' '/^[a-z.]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## starts Careline with a simulated carrier and an XMPP server, all on this machine
	@exec tests/setup/demo.sh $(ARGS)

test: ## the whole suite, with all that it needs
	@exec tests/setup/test.sh $(ARGS)

check: ## format, lint, types, import contracts, limits; under a minute
	@exec tests/setup/check.sh

bench: ## speed and memory under load
	@exec tests/setup/bench.sh $(ARGS)

lock: .venv ## resolves the dependencies anew; ARGS=--upgrade for newer versions
	@exec tests/setup/lock.sh $(ARGS)

format: .venv ## formats, and mends what the linter can mend
	@.venv/bin/ruff check --quiet --fix-only . && .venv/bin/ruff format .

codec: .venv ## writes the SMPP codec anew from smpplib's tables, after `make lock` brought a new smpplib
	@.venv/bin/python -m compiling.codec

.venv: ## the virtual environment, tests included
	@tests/setup/venv.sh test

clean: ## removes what the other targets made, except var/, where the demo keeps its data
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage build dist \
	    tests/peers/node_modules gateway/demo/desk/node_modules tests/bench/rig/rig
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
