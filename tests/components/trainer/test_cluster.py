"""What TF_CONFIG says of this process and the others."""

import json

import pytest

from components.trainer.cluster import place
from components.trainer.devices import choose
from failures import Failure
from settings.training import Training


def test_the_workers_of_one_host_are_counted():
    cluster = {"chief": ["a:1"], "worker": ["b:1", "a:2", "b:3", "a:4"]}
    task = {"type": "worker", "index": 1}
    tf_config = json.dumps({"cluster": cluster, "task": task})
    assert place({"TF_CONFIG": tf_config}).workers_here == 3
    assert place({}).workers_here == 1


def test_the_chief_is_the_worker_that_writes():
    cluster = {"chief": ["a:1"], "worker": ["b:1"]}
    chief, worker = (
        json.dumps({"cluster": cluster, "task": {"type": kind, "index": 0}})
        for kind in ("chief", "worker")
    )
    assert place({"TF_CONFIG": chief}).number == 0
    assert place({"TF_CONFIG": worker}).number == 1
    assert place({}).number == 0


@pytest.mark.parametrize(
    ("tf_config", "message"),
    [
        ("no JSON", "TF_CONFIG is not a JSON object"),
        ("[]", "TF_CONFIG is not a JSON object"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {}}', "TF_CONFIG is not a JSON object"),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "ps", "index": 0}}',
            "the task 'ps'. Allowed: chief, worker.",
        ),
        (
            '{"cluster": {"worker": ["a", "b:1"]}, "task": {"type": "worker", "index": 1}}',
            "names the worker 'a'. Give its address as host:port.",
        ),
    ],
)
def test_an_unusable_tf_config_is_refused_in_one_line(tf_config, message):
    with pytest.raises(Failure) as reported:
        choose(Training(), {"TF_CONFIG": tf_config})
    assert message in str(reported.value)
    assert "\n" not in str(reported.value)
