"""A version is made again by code that takes its configuration, or the commit is named."""

import json

import pytest

from components.model_store.publish import publish
from components.model_store.versions import PushRecord
from failures import Failure
from pipeline.reproduce import reproduce
from settings.reading import load


def test_a_configuration_that_is_refused_by_now_is_one_line_with_the_commit(tmp_path):
    here = [f"root={tmp_path}", f"push.destination={tmp_path}/pushed"]
    configuration = load("configs/digits.yaml", here)
    kept = configuration.model_dump(mode="json", by_alias=True)
    kept["training"]["input"]["cache_dir"] = "$HOME/cache"
    origin = {"git_commit": "0123abc", "configuration": json.dumps(kept)}
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").touch()
    record = PushRecord("f" * 64, "model", "2026-11-01T00:00:00+00:00", run="r", origin=origin)
    publish(str(tmp_path / "model"), f"{tmp_path}/pushed", record)

    with pytest.raises(Failure, match=r"training\.input\.cache_dir: given .* it, 0123abc\.") as one:
        reproduce(configuration, 1, lambda *run: None)
    assert "\n" not in str(one.value)
