# Each target sets up what it needs; a second call installs nothing.
CONFIG ?= configs/digits.yaml
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
PY := .venv/bin/python
ACCELERATOR ?= cpu
IMAGE ?= steadyfeed

.PHONY: help setup setup-gpu run test servers quick coverage lint format lock wheel image bench clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup:  ## make .venv from the lock
	@$(PYTHON) environment/make_venv.py

setup-gpu:  ## the same with CUDA's libraries (first time: .venv anew)
	@$(PYTHON) environment/make_venv.py --with gpu

bench:  ## the input function against its peers (first time: .venv anew with 5 GB more; ten minutes)
	@$(PYTHON) environment/make_venv.py --with bench
	@$(PY) -m benchmarks.input

run: setup  ## train, evaluate and push (CONFIG=configs/digits.yaml)
	@$(PY) -m pipeline run --config $(CONFIG)

# Each worker imports TensorFlow and all tests once and takes whole files. On two cores, a third
# one computes while another waits; quick tests seldom wait. Where one crashes, pytest-xdist would
# make another and then wait forever.
TOGETHER := --dist loadfile --no-loadscope-reorder --max-worker-restart=0
# oneDNN makes large networks faster. For every node of a small graph it looks through all of
# TensorFlow's kernels, which was a fifth of these tests' time. `make servers` runs with it.
PLAIN := TF_ENABLE_ONEDNN_OPTS=0
# Containers often switch Python's bytecode off; then each process compiles what it imports.
test servers quick coverage: export PYTHONDONTWRITEBYTECODE =

test: setup lint  ## the tests; while one measures time, no other runs
	@$(PLAIN) $(PY) -m pytest -m "not server" -n 3 $(TOGETHER)

servers: setup  ## the tests that start a server of S3, Cloud Storage, Kafka or Flink
	@$(PY) -m pytest -m server -n 3 $(TOGETHER)

quick: setup lint  ## the tests of half a second or less each
	@$(PLAIN) $(PY) -m pytest -m "not slow and not measured and not server" -n 2 $(TOGETHER)

coverage: setup  ## the share of lines that all tests reach
	@$(PY) -m pytest -m "not measured" -n 3 $(TOGETHER) --cov --cov-report term

lint: setup
	@.venv/bin/ruff check --quiet . && .venv/bin/ruff format --quiet --check .

format: setup  ## put the code in shape
	@.venv/bin/ruff check --quiet --fix . && .venv/bin/ruff format --quiet .

lock: setup  ## renew requirements.txt from pyproject.toml
	@$(PY) environment/lock.py

wheel: setup  ## the input function as a package of its own, in dist/
	@$(PY) environment/build_input_wheel.py dist

image: setup  ## build the image of Kubeflow's steps, where Docker is (ACCELERATOR=gpu)
	@tag=$$($(PY) -m kfp.image_tag)$(if $(filter gpu,$(ACCELERATOR)),-gpu) && \
	docker build -f kfp/Dockerfile --build-arg ACCELERATOR=$(ACCELERATOR) \
	  --build-arg VERSION=$$tag -t $(IMAGE):$$tag .

clean:  ## remove .venv and runs/, with pushed models and prepared datasets in it
	rm -rf .venv .venv.lock runs
