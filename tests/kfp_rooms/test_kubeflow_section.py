import pytest
from pydantic import ValidationError

from settings.kubeflow import Kubeflow
from settings.kubernetes import Step, Volume


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image", "Steadyfeed"),
        ("image", "steadyfeed:latest"),
        ("pipeline_root", "/data"),
        ("pipeline_root", "http://bucket/runs"),
        ("push_destination", "runs/pushed"),
        ("data_dir", "minio://bucket/data"),
        ("push_destination", "minio://bucket/models"),
        ("work_dir", "work"),
        ("work_dir", "/work[1]"),
        ("work_dir", "/$HOME/work"),
        ("data_dir", "/$HOME/data"),
        ("models", {"claim": "c", "mount_path": "/models*"}),
        ("every_step", {"memory": "4 GB"}),
        ("every_step", {"cpu": "-1"}),
        ("every_step", {"gpu": 1}),
        ("every_step", {"retries": 11}),
        ("every_step", {"cache": True}),
        ("every_step", {"pull_policy": "Sometimes"}),
        ("every_step", {"tolerations": [{"operator": "Equal", "key": "a"}]}),
        ("every_step", {"tolerations": [{"value": "a"}]}),
        ("every_step", {"secrets": [{"secret": "s", "key": "k", "variable": "1A"}]}),
        # Kubeflow's own: k8s.go and driver.go of its driver, common.go of its compiler.
        ("every_step", {"secrets": [{"secret": "s", "key": "k", "variable": "KFP_POD_NAME"}]}),
        ("every_step", {"environment": {"KFP_RETRY_INDEX": "0"}}),
        ("every_step", {"environment": {"NAMESPACE": "a"}}),
        ("every_step", {"volumes": [{"claim": "My Claim", "mount_path": "/a"}]}),
        ("every_step", {"volumes": [{"claim": "c", "mount_path": "a"}]}),
        ("every_step", {"volumes": [{"claim": c, "mount_path": p} for c, p in ("a/", "b/")]}),
        ("every_step", {"volumes": [{"claim": "c", "mount_path": p} for p in ("/a", "/b")]}),
        ("parameters", {"Learning rate": "training.learning_rate"}),
        ("models", None),
        ("unknown", 1),
    ],
)
def test_what_a_cluster_would_refuse_is_refused(field, value):
    with pytest.raises(ValidationError):
        Kubeflow.model_validate({field: value})


def test_a_step_takes_what_it_leaves_out_from_every_step():
    section = Kubeflow.model_validate(
        {"every_step": {"cpu": "1", "memory": "2Gi"}, "steps": {"Trainer": {"memory": "8Gi"}}}
    )

    assert section.step("Trainer") == Step(cpu="1", memory="8Gi")
    assert section.step("Pusher") == Step(cpu="1", memory="2Gi")


def test_zero_said_by_a_step_wins_over_every_step():
    section = Kubeflow(every_step=Step(retries=3), steps={"Pusher": Step(retries=0)})

    assert section.step("Pusher").retries == 0


@pytest.mark.parametrize(
    ("every", "trainer", "reported"),
    [
        ({"cpu": "1"}, {"cpu_request": "2"}, "steps.Trainer: cpu_request 2 is above cpu 1"),
        ({"cpu_request": "1.5"}, {"cpu": "500m"}, "steps.Trainer: cpu_request 1.5 is above cpu"),
        ({"memory": "1Gi", "memory_request": "1.1G"}, {}, "every_step: memory_request 1.1G is ab"),
    ],
)
def test_a_step_that_asks_for_more_than_its_limit_is_refused(every, trainer, reported):
    with pytest.raises(ValidationError, match=reported):
        Kubeflow.model_validate({"every_step": every, "steps": {"Trainer": trainer}})


def test_a_step_may_ask_for_all_of_its_limit():
    Kubeflow(every_step=Step(cpu="1", cpu_request="1000m", memory="1Gi", memory_request="1024Mi"))


def test_without_the_volume_models_a_destination_says_where_they_go():
    section = Kubeflow(models=None, push_destination="gs://bucket/models")

    assert section.push_destination == "gs://bucket/models"


def test_two_volumes_have_two_places():
    volumes = [Volume(claim="a", mount_path="/data"), Volume(claim="b", mount_path="/data/")]

    with pytest.raises(ValidationError, match="two volumes at /data"):
        Step(volumes=volumes)
