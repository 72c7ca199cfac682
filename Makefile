# `make run` is all a newcomer needs: Python 3.11 or newer, make and a network.
.DEFAULT_GOAL := run
.PHONY: run demo test quick lint soak simulate image bench lock clients docs messages clean
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
	@exec $(PY) -u -m tests.run --with-parent all $(if $(SEED),--seed $(SEED))

# CALLS: how many the simulator places (200,000); PROCESSES: in how many processes (one for each processor).
soak:
	@config/bootstrap.sh dev
	@exec env $(if $(CALLS),SIMULATION_CALLS=$(CALLS)) \
		$(if $(PROCESSES),SIMULATION_PROCESSES=$(PROCESSES)) $(PY) -u -m tests.run --with-parent soak $(if $(SEED),--seed $(SEED))

quick:
	@config/bootstrap.sh dev
	@exec $(PY) -u -m tests.run --with-parent quick $(if $(SEED),--seed $(SEED))

# One seed of the simulated world (tests/simulation), or the next RUNS of them, in PROCESSES beside one another; or a
# SCHEDULE that was kept.
simulate:
	@config/bootstrap.sh dev
	@exec $(PY) -u -m tests.simulation $(if $(SEED),--seed $(SEED)) $(if $(CALLS),--calls $(CALLS)) $(if $(RUNS),--runs $(RUNS)) \
		$(if $(PACE),--pace $(PACE)) $(if $(PROCESSES),--processes $(PROCESSES)) $(if $(SCHEDULE),--schedule $(SCHEDULE))

lint:
	@config/bootstrap.sh dev
	$(PY) -m ruff check .
	CALLWRIGHT_SECRET_KEY=lint $(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) -m tests.config.old_names
	$(PY) -m tests.config.known_faults
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
	$(PY) -m uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 --extra tts --extra stt -c requirements.lock pyproject.toml -o requirements-speech.lock
	echo pyrnnoise==0.4.5 | $(PY) -m uv pip compile -q --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--no-deps --python-version 3.11 - -o requirements-denoise.lock
	echo pipecat-ai==1.14.0 | $(PY) -m uv pip compile -q --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--no-deps --python-version 3.11 - -o requirements-turns.lock

# The documentation as a site with search, in site/: `python -m http.server -d site` shows it without a network.
docs:
	@config/bootstrap.sh dev
	$(PY) docs/make_site.py site

# For maintainers: writes the typed parts of clients/ again, from the OpenAPI document.
clients:
	@config/bootstrap.sh dev
	@mkdir -p .callwright
	CALLWRIGHT_SECRET_KEY=clients $(PY) -W ignore manage.py spectacular --format openapi-json --file .callwright/openapi.json
	$(PY) -m clients.generate .callwright/openapi.json

# Brings the catalogues of the pages up to date and compiles them; prints what is still to be translated.
messages:
	@config/bootstrap.sh dev
	@$(PY) -m tests.words

# Everything that can be made again; the data directory (.callwright) stays.
clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
