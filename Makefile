# Development tasks; `make help` lists them. The environment is set up on first use.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check install -c constraints.txt

# Licences that may be combined with ours; parts of their names are enough.
ALLOWED := MIT;BSD;Apache;ISC;PSF;Python Software Foundation;Mozilla Public License 2.0;MPL-2.0;Biopython;Zlib;Unlicense
# For tests alone; its metadata state no licence, its LICENSE file is MIT
UNSTATED = axe-playwright-python
LICENCES = $(BIN)/pip-licenses --from=mixed --partial-match --allow-only="$(ALLOWED)" --fail-on=GPL --ignore-packages $(UNSTATED)

# An empty environment has no PATH.
export PATH := $(or $(PATH),/usr/local/bin:/usr/bin:/bin)

# Sites of further studies are annotated in the calibration of probabilities
ALL_STUDIES = $(addprefix --studies ,$(wildcard $(VQRNA_DATA)/studies))

.DEFAULT_GOAL := help
.PHONY: architecture ensemble golden help setup demo test test-fast check format clean weights install-weights screenshot web-atlas pages pictures benchmark-training benchmark-validation benchmark-evaluation benchmark-adapter benchmark-flags benchmark-scan benchmark-exact \
	compare-commits benchmark-tail benchmark-reliability calibrate-weights benchmark-memory benchmark-ism benchmark-variants benchmark-quality benchmark-studies benchmark-ideas benchmark-web

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "make %-20s %s\n", $$1, $$2 }'

setup: $(STAMP)  ## create .venv with all dependencies (other targets depend on it)

$(STAMP): pyproject.toml constraints.txt
	@echo "setup: $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vqrna needs Python 3.11 or newer: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV)
	@echo "setup: torch"
	@$(PIP) torch
	@echo "setup: vqrna and the rest"
	@$(PIP) -e '.[dev]'
	@$(PIP) --no-deps bedRMod  # for tests; with its dependencies it would draw in a GUI toolkit
	@touch $@
	@echo "setup: done; 'source $(BIN)/activate' puts vqrna on your path"

demo: $(STAMP)  ## predict sites in a small synthetic input
	@rm -rf demo-out
	$(BIN)/vqrna predict examples/demo.fasta --out demo-out --plot
	@echo && echo "demo-out/sites.tsv:" && cat demo-out/sites.tsv
	@echo && echo "Look at:" && ls demo-out/*

test: $(STAMP)  ## run all tests on two cores (JOBS=N for another number)
	$(BIN)/pytest -n $(or $(JOBS),2) --dist loadfile -m "not serial and not docs"
	$(BIN)/pytest -m serial

test-docs: $(STAMP)  ## run all code of README, docs and notebooks
	$(BIN)/pytest -n $(or $(JOBS),2) -m docs

test-fast: $(STAMP)  ## run the tests without Ray, searches, kill tests and long trainings
	$(BIN)/pytest -n $(or $(JOBS),2) --dist loadfile -m "not slow and not docs"

fuzz: $(STAMP)  ## 100,000 generated documents for each reader: docs/robustness.md (FUZZ="--count 1000 GTF")
	$(BIN)/python -m tests.fuzz --keep $(FUZZ)

check: $(STAMP) docs-check  ## check lint, format, types, licences of dependencies and the documentation site
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(LICENCES) --summary >/dev/null

.PHONY: audit dist footprint licences lint-packaging man sbom smoke
licences: $(STAMP)  ## list the licences of all installed dependencies; fail for one that is not allowed
	$(LICENCES) --with-urls --order=license

RELEASE := .venv-release
$(RELEASE)/.set-up: packaging/requirements.txt
	@$(PYTHON) -m venv $(RELEASE)
	@$(RELEASE)/bin/python -m pip -qq --disable-pip-version-check install -r packaging/requirements.txt
	@touch $@

dist: $(STAMP) $(RELEASE)/.set-up  ## build sdist and wheel, man pages, SBOM and checksums into dist/
	rm -rf dist
	$(RELEASE)/bin/python -m build -q
	$(RELEASE)/bin/twine check --strict dist/*
	$(MAKE) -s man sbom
	cd dist && sha256sum *.whl *.tar.gz sbom.json > SHA256SUMS && cat SHA256SUMS

smoke:  ## install wheel and sdist of dist/ into empty environments of each Python here, and use them
	$(PYTHON) packaging/smoke.py

man: $(STAMP)  ## write the man pages of all commands to dist/man
	$(BIN)/python packaging/man_pages.py dist/man

sbom: $(STAMP) $(RELEASE)/.set-up  ## write dist/sbom.json, the list of dependencies in .venv (CycloneDX)
	@mkdir -p dist
	$(RELEASE)/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-reproducible --of JSON -o dist/sbom.json

audit: $(RELEASE)/.set-up  ## look up known vulnerabilities of the tested versions
	$(RELEASE)/bin/python packaging/audit.py

footprint: $(STAMP)  ## packages, size and import time of the core
	$(BIN)/python packaging/footprint.py

lint-packaging: $(RELEASE)/.set-up  ## lint Dockerfile (hadolint) and Galaxy tools (planemo)
	$(RELEASE)/bin/hadolint Dockerfile examples/serve/Dockerfile
	$(RELEASE)/bin/planemo lint packaging/galaxy

.PHONY: docs docs-check test-docs
docs: $(STAMP)  ## build the documentation site in build/site, with the output of tutorials and notebooks
	NO_MKDOCS_2_WARNING=1 VQRNA_DOCS_RUN=1 $(BIN)/python -m mkdocs build --quiet
	@echo "docs: python3 -m http.server -d build/site, then open http://localhost:8000"

docs-check: $(STAMP)  ## build the site without running its code; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --site-dir build/site-check

# Twelve epochs with a teacher; then the head alone learns from labels, on unchanged codes
HEAD := --head-only --epochs 5 --learning-rate 0.0005 --threads 1 --resume
weights: $(STAMP)  ## train the shipped weights (VQRNA_DATA: folder of the benchmark; two hours)
	@test -n "$(VQRNA_DATA)" || { echo "make weights: set VQRNA_DATA to the folder of the benchmark"; exit 2; }
	$(BIN)/vqrna train --data "$(VQRNA_DATA)" $(ALL_STUDIES) --out runs/vqrna-501-teacher --teacher trees --epochs 12 --seed 2 --threads 1 --resume
	$(BIN)/vqrna train --data "$(VQRNA_DATA)" $(ALL_STUDIES) --out runs/vqrna-501 --from runs/vqrna-501-teacher $(HEAD) --seed 2
	$(MAKE) install-weights RUN=runs/vqrna-501 CHOSEN="one of the networks in docs/studies.md, by the scores of validation windows"

ensemble: $(STAMP)  ## train and ship the ensemble: the shipped network and one with another seed (VQRNA_DATA; two hours)
	@test -n "$(VQRNA_DATA)" || { echo "make ensemble: set VQRNA_DATA to the folder of the benchmark"; exit 2; }
	$(BIN)/vqrna train --data "$(VQRNA_DATA)" $(ALL_STUDIES) --out runs/vqrna-501-seed0-teacher --teacher trees --epochs 12 --seed 0 --threads 1 --resume
	$(BIN)/vqrna train --data "$(VQRNA_DATA)" $(ALL_STUDIES) --out runs/vqrna-501-seed0 --from runs/vqrna-501-seed0-teacher $(HEAD) --seed 0
	$(BIN)/vqrna model combine shipped runs/vqrna-501-seed0 --data "$(VQRNA_DATA)" $(ALL_STUDIES) --out runs/ensemble.safetensors
	$(BIN)/python benchmarks/install_weights.py runs/ensemble.safetensors --name ensemble
	$(BIN)/python -m tests.golden
	$(BIN)/python -m benchmarks.scan_reliability "$(VQRNA_DATA)" $(wildcard $(VQRNA_DATA)/studies) --model ensemble
	$(BIN)/python -m benchmarks.studies "$(VQRNA_DATA)"
	$(BIN)/python -m benchmarks.pages

# Everything that depends on the weights: calibration, model card, atlas, reliability table and picture, generated blocks
install-weights: $(STAMP)  ## ship the weights of a training with all that depends on them (RUN, CHOSEN, VQRNA_DATA; two hours)
	@test -n "$(VQRNA_DATA)" || { echo "make install-weights: set VQRNA_DATA to the folder of the benchmark"; exit 2; }
	@test -n "$(RUN)" || { echo "make install-weights: set RUN to the folder of a training, or a file of weights"; exit 2; }
	@mkdir -p runs
	$(BIN)/vqrna model calibrate "$(RUN)" --data "$(VQRNA_DATA)" $(ALL_STUDIES) --out runs/calibrated.safetensors
	$(BIN)/python benchmarks/install_weights.py runs/calibrated.safetensors $(if $(CHOSEN),"$(CHOSEN)")
	$(BIN)/python -m tests.golden
	$(BIN)/python -m benchmarks.web_atlas "$(VQRNA_DATA)"
	$(BIN)/python -m benchmarks.scan_reliability "$(VQRNA_DATA)" $(wildcard $(VQRNA_DATA)/studies)
	for each in validation_table evaluation_tables flags_check scan_exact tail_check adapter_match studies pictures; do $(BIN)/python -m benchmarks.$$each "$(VQRNA_DATA)" || exit 1; done
	$(BIN)/python -m benchmarks.pages

screenshot: $(STAMP)  ## take the picture of the web page for README (needs Chromium)
	$(BIN)/python -m benchmarks.web_screenshot

web-atlas: $(STAMP)  ## compute the codebook atlas that the web page shows (VQRNA_DATA; ten minutes)
	@test -n "$(VQRNA_DATA)" || { echo "make web-atlas: set VQRNA_DATA to the folder of the benchmark"; exit 2; }
	$(BIN)/python -m benchmarks.web_atlas "$(VQRNA_DATA)"

golden: $(STAMP)  ## write tests/golden again, after a change of the shipped weights or their format
	$(BIN)/python -m tests.golden

calibrate-weights: $(STAMP)  ## calibrate the shipped weights for scans, without training (VQRNA_DATA; minutes)
	@test -n "$(VQRNA_DATA)" || { echo "make calibrate-weights: set VQRNA_DATA to the folder of the benchmark"; exit 2; }
	@mkdir -p runs
	$(BIN)/vqrna model calibrate --data "$(VQRNA_DATA)" $(ALL_STUDIES) --out runs/calibrated.safetensors
	$(BIN)/python benchmarks/install_weights.py runs/calibrated.safetensors
	$(BIN)/python -m tests.golden
	$(BIN)/python -m benchmarks.scan_reliability "$(VQRNA_DATA)" $(wildcard $(VQRNA_DATA)/studies)

architecture: $(STAMP)  ## draw docs/images/architecture.png from the imports
	$(BIN)/python -m benchmarks.architecture

.PHONY: network
network: $(STAMP)  ## draw docs/images/network.svg, the network of the shipped model
	$(BIN)/python -m benchmarks.network

pages: $(STAMP)  ## regenerate the tables of README and docs from kept results
	$(BIN)/python -m benchmarks.pages

benchmark-training: $(STAMP)  ## training speed of the published network and ours: docs/speed.md
	$(BIN)/python -m benchmarks.training_speed

benchmark-validation: $(STAMP)  ## the shipped model on validation windows: docs/evaluation.md (VQRNA_DATA)
	@test -n "$(VQRNA_DATA)" || { echo "make benchmark-validation: set VQRNA_DATA"; exit 2; }
	$(BIN)/python -m benchmarks.validation_table "$(VQRNA_DATA)"

benchmark-evaluation: $(STAMP)  ## localisation, calibration, prevalence, false calls: docs/evaluation.md (VQRNA_DATA)
	@test -n "$(VQRNA_DATA)" || { echo "make benchmark-evaluation: set VQRNA_DATA"; exit 2; }
	$(BIN)/python -m benchmarks.evaluation_tables "$(VQRNA_DATA)"

pictures: $(STAMP)  ## pictures and tables of motifs and codes: docs (VQRNA_DATA; half an hour)
	@test -n "$(VQRNA_DATA)" || { echo "make pictures: set VQRNA_DATA to the folder of the benchmark"; exit 2; }
	$(BIN)/python -m benchmarks.pictures "$(VQRNA_DATA)" $(PARTS)

benchmark-adapter: $(STAMP)  ## adapter-like sequence at sites, and how the model reacts: docs/codes.md (VQRNA_DATA)
	@test -n "$(VQRNA_DATA)" || { echo "make benchmark-adapter: set VQRNA_DATA"; exit 2; }
	$(BIN)/python -m benchmarks.adapter_match "$(VQRNA_DATA)"

benchmark-web: $(STAMP)  ## 50 clients, a full queue and 1,000 jobs for the web server: docs/web.md
	$(BIN)/python -m benchmarks.web_load

benchmark-reliability: $(STAMP)  ## probabilities of both shipped models in a scan: docs/probabilities.md (VQRNA_DATA)
	@test -n "$(VQRNA_DATA)" || { echo "make benchmark-reliability: set VQRNA_DATA"; exit 2; }
	$(BIN)/python -m benchmarks.scan_reliability "$(VQRNA_DATA)" $(wildcard $(VQRNA_DATA)/studies)
	$(BIN)/python -m benchmarks.scan_reliability "$(VQRNA_DATA)" $(wildcard $(VQRNA_DATA)/studies) --model ensemble

benchmark-tail: $(STAMP)  ## fitted tails of nulls against held-out positions: docs/multiple_testing.md (VQRNA_DATA)
	@test -n "$(VQRNA_DATA)" || { echo "make benchmark-tail: set VQRNA_DATA"; exit 2; }
	$(BIN)/python -m benchmarks.tail_check "$(VQRNA_DATA)"

benchmark-ism: $(STAMP)  ## speed of saturation mutagenesis, tangermeme and ours: docs/motifs.md (minutes)
	$(BIN)/python -m benchmarks.ism_speed

benchmark-variants: $(STAMP)  ## vqrna variants against whole windows; 100,000 SNVs (RECORDS=N for fewer): docs/variants.md
	$(BIN)/python -m benchmarks.variant_speed $(RECORDS)

benchmark-flags: $(STAMP)  ## share of flagged windows: docs/flags.md (VQRNA_DATA)
	@test -n "$(VQRNA_DATA)" || { echo "make benchmark-flags: set VQRNA_DATA"; exit 2; }
	$(BIN)/python -m benchmarks.flags_check "$(VQRNA_DATA)"

benchmark-memory: $(STAMP)  ## memory of scans from 1 to 300 million nt: docs/speed.md (half an hour)
	$(BIN)/python -m benchmarks.scan_memory

benchmark-scan: $(STAMP)  ## speed of scans, by windows and densely: docs/speed.md (minutes)
	$(BIN)/python -m benchmarks.scan_speed
	$(BIN)/python -m benchmarks.scan_files
	$(BIN)/python -m benchmarks.scan_cost --measure

# Speeds first, while nothing else runs. Engines are packages of this comparison alone
.PHONY: measure
MEASURE_SPEED := benchmark-training benchmark-scan benchmark-ism benchmark-web benchmark-variants
MEASURE_MODEL := benchmark-memory benchmark-exact benchmark-validation benchmark-evaluation benchmark-flags \
	benchmark-reliability benchmark-tail benchmark-adapter pictures
measure: $(STAMP)  ## measure all numbers of the shipped models again: docs/measurements.md (VQRNA_DATA; two hours, idle machine)
	@test -n "$(VQRNA_DATA)" || { echo "make measure: set VQRNA_DATA to the folder of the benchmark"; exit 2; }
	$(PIP) onnxscript onnxruntime openvino
	for each in $(MEASURE_SPEED) $(MEASURE_MODEL); do $(MAKE) $$each || exit 1; done
	$(MAKE) benchmark-studies STUDIES="--again ours ensemble"
	$(MAKE) benchmark-quality QUALITY=--table
	$(MAKE) screenshot network footprint pages

.PHONY: benchmark-gpu
benchmark-gpu: $(STAMP)  ## speed of scans, training and mutagenesis on a GPU (needs a CUDA build of torch)
	$(BIN)/python -m benchmarks.gpu

benchmark-exact: $(STAMP)  ## exactness of scans, near ties, fast mode: docs/speed.md (VQRNA_DATA; minutes)
	@test -n "$(VQRNA_DATA)" || { echo "make benchmark-exact: set VQRNA_DATA"; exit 2; }
	$(BIN)/python -m benchmarks.scan_exact "$(VQRNA_DATA)"

benchmark-quality: $(STAMP)  ## baselines and networks: docs/quality.md (VQRNA_DATA; QUALITY="--models baselines")
	@test -n "$(VQRNA_DATA)" || { echo "make benchmark-quality: set VQRNA_DATA"; exit 2; }
	$(BIN)/python -m benchmarks.quality "$(VQRNA_DATA)" $(QUALITY)

benchmark-studies: $(STAMP)  ## models on other studies: docs/studies.md (VQRNA_DATA; STUDIES="--without each" trains for hours)
	@test -n "$(VQRNA_DATA)" || { echo "make benchmark-studies: set VQRNA_DATA to the folder of the benchmark"; exit 2; }
	$(BIN)/python -m benchmarks.studies "$(VQRNA_DATA)" $(STUDIES)

benchmark-ideas: $(STAMP)  ## short trainings of alternative parts: docs/experiments.md (VQRNA_DATA; IDEAS="--ideas rotation")
	@test -n "$(VQRNA_DATA)" || { echo "make benchmark-ideas: set VQRNA_DATA"; exit 2; }
	$(BIN)/python -m benchmarks.ideas "$(VQRNA_DATA)" $(IDEAS)

compare-commits: $(STAMP)  ## compare results with those of another commit (BASE=COMMIT; VQRNA_DATA; COMPARE="--jobs train")
	@test -n "$(BASE)" || { echo "make compare-commits: set BASE to a commit"; exit 2; }
	$(BIN)/python -m benchmarks.compare_commits "$(BASE)" $(if $(VQRNA_DATA),--data "$(VQRNA_DATA)") $(COMPARE)

format: $(STAMP)  ## format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:  ## remove generated files
	rm -rf $(VENV) $(RELEASE) demo-out build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
