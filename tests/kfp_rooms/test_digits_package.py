"""The default configuration, compiled and run as the backend would run it."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from cli.command_line import main
from environment.lock import NOT_IN_THE_IMAGE
from failures import ConfigurationError
from files.strict_json import text_of
from kfp.image_tag import PROJECT
from kfp.package_rules import read_package
from kfp.run_package import run_package
from pipeline.code_fingerprint import sources_of
from pipeline.create_pipeline import create_pipeline
from pipeline.origin import origin_of
from settings.reading import load
from tests.kfp_rooms import forked_steps
from tests.processes import is_ours, start

DIGITS = "configs/digits.yaml"
GIVEN = ["learning_rate=0.0039"]  # of a run, in place of 0.004
# The same seed, and sums of floats in another order: a few of 359 test images at most.
TOLERANCE = 0.015


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch):
    monkeypatch.chdir(PROJECT)


def compile_digits(path, *overrides):
    from kfp.compile_package import compile_package

    return compile_package(load(DIGITS, overrides), path)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(PROJECT)
        return compile_digits(tmp_path_factory.mktemp("digits") / "digits.yaml")


@pytest.mark.slow
def test_the_default_pipeline_compiles_to_a_package_that_the_backend_takes(package):
    spec, kubernetes = read_package(package)

    assert spec["pipelineInfo"]["name"] == "digits"
    assert set(kubernetes) >= {"ChampionResolver_executor", "Pusher_executor"}


def test_a_packages_origin_is_not_part_of_what_the_cache_counts(package):
    spec, _ = read_package(package)

    for name, task in spec["root"]["dag"]["tasks"].items():
        executor = spec["deploymentSpec"]["executors"][f"{name}_executor"]
        assert ("git_commit" in text_of(executor)) == (name == "Pusher")
        assert not (name == "Pusher" and task["cachingOptions"])


def test_transform_waits_for_the_gate_and_reads_nothing_of_it(package):
    spec, _ = read_package(package)

    transform = spec["root"]["dag"]["tasks"]["Transform"]
    assert "ValidationGate" in transform["dependentTasks"]
    assert set(transform["inputs"]["artifacts"]) == {"examples", "schema"}


def test_no_place_of_this_machine_is_in_the_package(package):
    text = package.read_text()

    assert str(PROJECT) not in text
    assert "runs/" not in text


def test_steps_that_read_what_may_change_are_never_cached(package):
    spec, _ = read_package(package)

    uncached = {
        name for name, task in spec["root"]["dag"]["tasks"].items() if not task["cachingOptions"]
    }
    assert uncached == {"ChampionResolver", "Pusher", "ServingCheck"}


@pytest.mark.parametrize("dataset", ["digits", "digits:1.*.*"])
def test_data_without_a_version_is_read_in_every_run(tmp_path, dataset):
    spec, _ = read_package(compile_digits(tmp_path / "any.yaml", f"data.dataset={dataset}"))

    assert not spec["root"]["dag"]["tasks"]["TfdsExampleGen"]["cachingOptions"]


def test_a_run_may_be_given_the_dataset_and_the_training(package):
    spec, _ = read_package(package)

    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert set(parameters) == {"dataset", "epochs", "learning_rate", "trigger"}
    assert parameters["dataset"]["defaultValue"] == "digits:1.0.0"


@pytest.mark.parametrize(
    ("parameter", "cause"),
    [
        ("epochs=0", "training.epochs: given 0"),
        ("dataset=no dataset", "data.dataset: given"),
        ("dataset=mnist", "data.dataset: given 'mnist'; allowed: a dataset with a version"),
    ],
)
def test_a_runs_value_is_checked_as_in_a_file_before_anything_runs(
    package, tmp_path, parameter, cause
):
    with pytest.raises(ConfigurationError, match=cause):
        run_package(package, [parameter], "minio://bucket", tmp_path)


def test_a_runs_training_reaches_the_trials_of_a_tuner_as_well(tmp_path):
    tuner = "{trials: 1, epochs: 1, search_space: {training.batch_size: {choices: [32]}}}"
    spec, _ = read_package(compile_digits(tmp_path / "tuned.yaml", f"tuner={tuner}"))

    for name in ("Trainer", "Tuner"):
        given = spec["root"]["dag"]["tasks"][name]["inputs"]["parameters"]
        assert given["training__learning_rate"] == {"componentInputParameter": "learning_rate"}
        assert given["training__epochs"] == {"componentInputParameter": "epochs"}
        declared = spec["components"][name]["inputDefinitions"]["parameters"]
        assert declared["training__learning_rate"] == {"parameterType": "NUMBER_DOUBLE"}


def test_a_gpu_goes_to_the_trainer_alone(tmp_path):
    path = compile_digits(tmp_path / "gpu.yaml", "kubeflow.steps.Trainer.gpu=1")

    spec, _ = read_package(path)
    with_gpu = {
        label
        for label, executor in spec["deploymentSpec"]["executors"].items()
        if "accelerator" in executor["container"].get("resources", {})
    }
    assert with_gpu == {"Trainer_executor"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("kubeflow.steps.Trianer.gpu=1", "kubeflow.steps.Trianer: not a component"),
        ("kubeflow.parameters.rate=training.rate", "given 'training.rate'; allowed: a key"),
        ("kubeflow.parameters.height=preprocessing.height", "given 'preprocessing.height'"),
        ("kubeflow.image=steadyfeed:latest", "kubeflow.image"),
        ("kubeflow.pipeline_root=/data", "kubeflow.pipeline_root"),
        ("kubeflow.every_step.memory=4 GB", "kubeflow.every_step.memory"),
        ("kubeflow.every_step.gpu=1", "kubeflow.every_step"),
    ],
)
def test_a_mistake_in_the_section_is_one_line_and_nothing_is_written(tmp_path, override, message):
    with pytest.raises(ConfigurationError) as mistake:
        compile_digits(tmp_path / "out.yaml", override)

    assert message in str(mistake.value)
    assert len(str(mistake.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


COMPILE = """
import socket, sys, time

def refuse(*_, **__):
    raise OSError("a network was asked for")

socket.socket.connect = socket.socket.bind = socket.getaddrinfo = refuse
# The processor's time, which a busy machine changes little.
began = time.process_time()
import kfp
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

imported = time.process_time()
from settings.reading import load
from kfp.compile_package import compile_package

compile_package(load(sys.argv[1]), "digits.yaml")
print((time.process_time() - began) / (imported - began))
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A process that compiled the same in another folder, by another hash seed."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = {"PYTHONPATH": str(PROJECT), "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE, str(PROJECT / DIGITS)],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(folder=folder, share=float(done.stdout))


@pytest.mark.slow
def test_two_compiles_are_the_same_to_the_byte_without_a_network_or_a_trace(package, elsewhere):
    [compiled] = elsewhere.folder.iterdir()
    assert compiled.read_bytes() == package.read_bytes()


@pytest.mark.slow
def test_compiling_takes_at_most_half_as_long_again_as_importing(elsewhere):
    assert elsewhere.share <= 1.5


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """A folder in which each step of a run below `run_below` lists the modules it imported."""
    return tmp_path_factory.mktemp("modules")


@pytest.fixture(scope="module")
def run_forked(modules):
    """Runs a step's command in a process of its own in which nothing of this project is loaded."""

    def run(command, environment, log):
        assert command[:3] == [sys.executable, "-m", "kfp.entrypoint"]
        words = command[3:]
        notes = str(modules / words[words.index("--component_id") + 1])
        given = {"environment": os.environ | environment, "log": log}
        return start(forked_steps.run_step, words, notes, **given).wait()

    return run


@pytest.fixture(scope="module")
def run_below(package, tmp_path_factory, run_forked):
    """A function: root → (the run, its work folder); a root's first run is made once."""
    made = {}

    def run(root):
        if root not in made:
            work = tmp_path_factory.mktemp("work")
            made[root] = (
                run_package(package, GIVEN, root, work, run_command=run_forked, reuse=True),
                work,
            )
        return made[root]

    return run


@pytest.mark.slow
def test_every_module_that_a_step_imports_is_part_of_its_codes_fingerprint(run_below, modules):
    run_below("minio://bucket/runs")
    # The entrypoint writes JSON itself, also for a component that writes none.
    of_runners = {PROJECT / "kfp", PROJECT / "pipeline", PROJECT / "files" / "strict_json.py"}
    pipeline = create_pipeline(load(DIGITS))

    assert {component.id for component in pipeline.components} == set(os.listdir(modules))
    for component in pipeline.components:
        files = map(Path, (modules / component.id).read_text().splitlines())
        ours = {
            file for file in filter(is_ours, files) if of_runners.isdisjoint([file, *file.parents])
        }
        assert ours, component.id
        assert ours - sources_of(type(component).__module__) == set(), component.id


@pytest.mark.slow
def test_no_step_imports_what_the_image_leaves_out(run_below, modules):
    run_below("minio://bucket/runs")
    imported = {line for file in modules.iterdir() for line in file.read_text().splitlines()}

    # Beam imports boto3 where moto has brought it, and goes on without it.
    for name in NOT_IN_THE_IMAGE - {"tensorflow", "boto3", "s3transfer"}:
        files = importlib.metadata.files(name)
        assert imported.isdisjoint(str(file.locate()) for file in files), name


@pytest.mark.slow
def test_digits_run_as_a_package_to_a_pushed_model_as_good_as_the_local_runs(run_below, digits_run):
    # The other object stores: test_run_package.py, on a pipeline that takes no minute.
    run, work = run_below("minio://bucket/runs")

    assert [outcome.status for outcome in run.outcomes] == ["ran"] * len(run.outcomes)
    metadata = run.made["Evaluator"].artifacts["evaluation"]["metadata"]
    [verdict] = digits_run.root.glob("Evaluator/blessing/*/blessing.json")
    local = json.loads(verdict.read_text())["metrics"]["accuracy"]
    assert metadata["accuracy"] == pytest.approx(local, abs=TOLERANCE)
    pushed = work / "volumes" / "steadyfeed-models" / "digits" / "1"
    assert (pushed / "saved_model.pb").is_file()


@pytest.mark.slow
def test_a_model_that_a_cluster_pushed_names_its_commit_and_configuration(run_below, capsys):
    run, work = run_below("minio://bucket/runs")
    pushed = work / "volumes" / "steadyfeed-models" / "digits"
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    commit = head.stdout.strip() or "unknown"

    words = ["--config", DIGITS, "--set", f"root={work}", "--set", f"push.destination={pushed}"]
    assert main(["lineage", "1", *words, "--json"]) == 0
    lineage = json.loads(capsys.readouterr().out)
    assert lineage["git_commit"] == commit
    assert lineage["model"] == run.made["Trainer"].artifacts["model"]["uri"]
    assert lineage["model"].startswith("minio://bucket/runs/digits/")
    assert lineage["trigger"] == "manual"
    read = run.made["TfdsExampleGen"].artifacts["examples"]["metadata"]
    assert lineage["data"]["dataset"] == "digits/1.0.0"
    assert lineage["data"]["fingerprint"] == read["fingerprint"]
    assert lineage["data"]["counts"] == json.loads(read["counts"])
    assert lineage["lock_sha256"] == origin_of(load(DIGITS))["lock_sha256"]
    training = load(DIGITS).model_dump(mode="json")["training"] | {"learning_rate": 0.0039}
    assert lineage["configuration"]["training"] == training
    assert main(["lineage", "1", *words]) == 0
    assert f"code              commit {commit}, " in capsys.readouterr().out


@pytest.mark.slow
def test_a_second_run_on_unchanged_data_trains_nothing(package, run_below, run_here):
    first, work = run_below("minio://bucket/runs")
    given = {"run_command": run_here, "reuse": True}
    second = run_package(package, GIVEN, "minio://bucket/runs", work, **given)

    ran = {outcome.component for outcome in second.outcomes if outcome.status == "ran"}
    assert ran == {"ChampionResolver", "Evaluator", "ServingCheck", "Pusher"}
    assert {outcome.status for outcome in second.outcomes} == {"ran", "cached"}
    assert second.made["Trainer"].artifacts == first.made["Trainer"].artifacts


@pytest.mark.slow
def test_another_model_meets_the_champion_of_the_last_run(package, run_below, run_before):
    first, work = run_below("minio://bucket/runs")
    given = {"run_command": run_before("ServingCheck"), "reuse": True}
    second = run_package(package, ["epochs=1"], "minio://bucket/runs", work, **given)

    found = [
        run.made["ChampionResolver"].artifacts["champion"]["metadata"]["found"]
        for run in (first, second)
    ]
    assert found == [0, 1]
    statuses = {outcome.component: outcome.status for outcome in second.outcomes}
    assert (statuses["Transform"], statuses["Evaluator"]) == ("cached", "ran")


def test_the_guide_shows_a_section_that_is_one(tmp_path):
    guide = (PROJECT / "kfp" / "README.md").read_text()
    section = guide.split("```yaml\nkubeflow:")[1].split("```")[0]
    configuration = yaml.safe_load((PROJECT / DIGITS).read_text())
    configuration |= yaml.safe_load("kubeflow:" + section)
    (tmp_path / "guide.yaml").write_text(yaml.safe_dump(configuration))

    assert load(tmp_path / "guide.yaml").kubeflow.step("Trainer").gpu == 1


def test_a_search_before_the_training_is_a_step_of_the_package(tmp_path):
    search = "tuner={trials: 2, epochs: 1, search_space: {training.learning_rate: {choices: [1]}}}"
    spec, _ = read_package(compile_digits(tmp_path / "tuned.yaml", search))

    tasks = spec["root"]["dag"]["tasks"]
    assert "Transform" in tasks["Tuner"]["dependentTasks"]
    given = tasks["Trainer"]["inputs"]["artifacts"]["hyperparameters"]["taskOutputArtifact"]
    assert given == {"producerTask": "Tuner", "outputArtifactKey": "best_hyperparameters"}
