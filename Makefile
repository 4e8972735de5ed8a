# A fresh clone needs only make and Python 3.11 or newer: each target first builds .venv where it is missing or stale.
# PYTHON=python3.12 chooses the interpreter. ARGS is handed on, as in: make test ARGS="-k period"

run = .venv/bin/python -m
NAME = ledger

# The tests start some hundred processes, which would each compile the house anew where the environment forbids bytecode.
export PYTHONDONTWRITEBYTECODE =

help:
	@echo "make demo    the whole story on a stream, then its pages in the browser; ARGS=--once ends after the story,"
	@echo "             VIDEO=path takes your own recording as the stream"
	@echo "make test    format, lint, types, import rules and every test"
	@echo "make browser-test   the whole demo, and its pages in a real browser; needs chromium, leaves var/browser/*.png"
	@echo "make check   the same without the tests"
	@echo "make bench   measure; NAME=ledger or identification says what, ARGS=--quick makes it short"
	@echo "make words   bring the pages' catalogues up to date; says what has no translation"
	@echo "make lock    resolve pyproject.toml into the hash-pinned locks; ARGS=--upgrade takes newer versions"
	@echo "make clean   remove .venv and caches; var/, where the books are, stays"

demo: runtime
	@$(run) clipledger demo $(if $(VIDEO),--video "$(VIDEO)") $(ARGS)

test: check
	@$(run) pytest -q -n auto --maxprocesses 8 --dist loadgroup $(ARGS)

browser-test: dev
	@$(run) pytest -q --timeout 600 tests/browser $(ARGS)

check: dev
	@$(run) ruff format --check --quiet --output-format concise
	@$(run) ruff check --quiet --output-format concise
	@$(run) mypy --no-error-summary
	@.venv/bin/lint-imports --no-logo >.venv/imports.txt || { cat .venv/imports.txt; exit 1; }
	@echo "Format, lint, types and import rules: good."

bench: dev
	@$(run) bench.$(NAME) $(ARGS)

words: dev
	@$(run) clipledger.pages.catalogues

runtime:
	@sh .ci/venv requirements.lock

dev:
	@sh .ci/venv requirements.lock requirements-dev.lock

compile = pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ARGS)

lock:
	@uv=$$(command -v uv) || { $(MAKE) --silent runtime && $(run) venv .venv/uv && .venv/uv/bin/pip install --quiet uv && \
	uv=.venv/uv/bin/uv; }; \
	"$$uv" $(compile) pyproject.toml --output-file requirements.lock && \
	"$$uv" $(compile) --group dev --constraints requirements.lock --output-file requirements-dev.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: help demo test browser-test check bench words runtime dev lock clean
