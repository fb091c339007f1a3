"""What a tf.data service cannot do is refused before anything runs."""

import pytest

from failures import ConfigurationError, Failure
from kfp.run_parameters import on_a_cluster
from pipeline.data_service import check
from settings.reading import load

GIVEN = "training.input.data_service=grpc://localhost:1"
PODS = "kubeflow.data_service_workers=2"
TRIED = "training.sampling: {choices: [shuffled, balanced]}"
BALANCED = f"tuner={{trials: 2, epochs: 1, search_space: {{{TRIED}}}}}"


@pytest.mark.parametrize(
    ("others", "mistake"),
    [
        (["training.input.data_service=localhost:1"], "allowed: grpc://host:port"),
        ([GIVEN, "training.input.strategy=disk"], "data_service with strategy disk; allowed: with"),
        ([GIVEN, "training.workers=2"], "input.data_service with workers 2; allowed: without it"),
        ([GIVEN, "training.deterministic=true"], "input.data_service with deterministic true"),
        ([GIVEN, "training.sampling=balanced"], "input.data_service with sampling balanced"),
        (
            [PODS, "training.workers=2"],
            "service_workers 2 with training.workers 2; allowed: 0",
        ),
        ([PODS, "training.input.strategy=memory"], "with training.input.strategy memory; allowed"),
        ([PODS, "training.deterministic=true"], "with training.deterministic true; allowed: 0"),
        ([GIVEN, BALANCED], "search_space training.sampling: balanced has an order of its own"),
        ([PODS, BALANCED], "workers 2 while tuner.search_space tries training.sampling balanced"),
    ],
)
def test_what_does_not_go_with_a_service_is_refused_in_one_line(others, mistake):
    with pytest.raises(ConfigurationError) as refused:
        load("configs/digits.yaml", others)
    assert mistake in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_service_that_does_not_answer_is_reported_before_the_run():
    with pytest.raises(
        Failure, match=r"^training\.input\.data_service: nothing answers at grpc://"
    ) as failure:
        check(load("configs/digits.yaml", [GIVEN]).training.input)
    assert "data-service dispatcher --port 1 --work-dir FOLDER`" in str(failure.value)
    check(load("configs/digits.yaml").training.input)


def test_a_service_that_sees_no_pods_files_is_refused_for_kubeflow():
    with pytest.raises(ConfigurationError, match=r"^training\.input\.data_service: its workers"):
        on_a_cluster(load("configs/digits.yaml", [GIVEN]))


def test_on_kubeflow_its_pods_take_the_place_of_this_machines_service():
    there = on_a_cluster(load("configs/digits.yaml", [GIVEN, PODS]))
    assert there.training.input.data_service is None


@pytest.mark.parametrize("words", [PODS, "training.workers=2"])
def test_the_right_to_make_pods_is_named_before_anything_runs(words):
    needed = load("configs/digits.yaml", [words, "kubeflow.service_account=mine"]).needed_rights
    assert needed.startswith(
        f"On Kubeflow, {words.replace('=', ' ')} needs the right of the steps'"
    )
    assert "(mine)" in needed
    assert "kfp/manifests/workers.yaml" in needed
    assert load("configs/digits.yaml", ["kubeflow.trial_pods=true"]).needed_rights is None
