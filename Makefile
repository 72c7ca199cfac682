# `make run` is all a newcomer needs: Python 3.11 or newer, make and a network.
.DEFAULT_GOAL := run
.PHONY: run demo test quick lint soak image bench lock clean
VENV ?= .venv
PY := $(VENV)/bin/python
export VENV

run:
	@config/bootstrap.sh run
	@exec $(PY) -u -m config.supervisor --with-parent

demo:
	@config/bootstrap.sh run
	@exec $(PY) -u -m bench.demo

test:
	@config/bootstrap.sh dev
	@exec $(PY) -u -m tests.run all $(if $(SEED),--seed $(SEED))

soak:
	@config/bootstrap.sh dev
	@exec $(PY) -u -m tests.run soak $(if $(SEED),--seed $(SEED))

quick:
	@config/bootstrap.sh dev
	@exec $(PY) -u -m tests.run quick $(if $(SEED),--seed $(SEED))

lint:
	@config/bootstrap.sh dev
	$(PY) -m ruff check .
	CALLWRIGHT_SECRET_KEY=lint $(PY) -m mypy
	$(VENV)/bin/lint-imports
	CALLWRIGHT_SECRET_KEY=lint $(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

# The container image: built and run without a Docker engine, where root on Debian has buildah and mmdebstrap.
image:
	@docker/exercise.sh || [ $$? = 77 ]

bench:
	@config/bootstrap.sh dev
	@exec $(PY) -u -m bench

# For maintainers: pins every package again, for all Pythons at once.
lock:
	@config/bootstrap.sh dev
	$(PY) -m uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 --extra tts pyproject.toml -o requirements.lock
	$(PY) -m uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 --extra tts --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

# Everything that can be made again; the data directory (.callwright) stays.
clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
