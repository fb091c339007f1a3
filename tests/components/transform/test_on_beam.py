"""Transform through a Beam runner, or in several processes, gives the same result."""

import os
from pathlib import Path

import numpy as np
import pytest

from components.transform import executor
from failures import Failure
from tests.components.transform.conftest import serve

# A runner of its own threads, so that the component does not choose its own process.
pytestmark = pytest.mark.slow

ON_BEAM = (
    "--runner=FnApiRunner",
    "--direct_running_mode=multi_threading",
    "--direct_num_workers=2",
)


@pytest.fixture
def splits(make):
    def examples(count, seed):
        pictures = [make.picture(6 + i, 9 + i, 3, seed + i) for i in range(count)]
        return [make.example(make.encode(p), 5 * (i % 3)) for i, p in enumerate(pictures)]

    return {"train": examples(13, 0), "test": examples(4, 50)}


def test_beam_and_this_process_give_the_same(workplace, splits):
    raw = workplace.raw(splits)
    options = {"channels": 3, "antialias": True}
    here = workplace.run(raw, to="here", **options)
    there = workplace.run(raw, to="there", beam_pipeline_args=ON_BEAM, **options)
    for split in splits:
        assert there.split(split) == here.split(split)
    assert there.labels == here.labels == ["0", "5", "10"]
    assert there.pixel_statistics == here.pixel_statistics
    assert there.property("summary") == here.property("summary")
    digests = [Path(made.examples.uri, "content.sha256").read_text() for made in (here, there)]
    assert digests[0] == digests[1]
    assets = [
        sorted(os.listdir(Path(made.graph.uri, "transform_fn", "assets"))) for made in (here, there)
    ]
    assert assets[0] == assets[1] == ["labels"]
    for name in ("transformed_metadata", "raw_metadata"):
        assert getattr(there.output, name).schema == getattr(here.output, name).schema


def test_processes_on_many_cores_give_the_same(
    workplace, splits, cores, started_works, monkeypatch
):
    raw = workplace.raw(splits)
    here = workplace.run(raw, to="here")
    cores(8)
    monkeypatch.setattr(executor, "_MUCH", 1)
    there = workplace.run(raw, to="there")
    assert len(started_works) == 2
    for split in splits:
        assert there.split(split) == here.split(split)
    assert there.pixel_statistics == here.pixel_statistics
    assert there.property("summary") == here.property("summary")


def test_a_failure_leaves_no_process_at_work(
    workplace, make, cores, started_works, monkeypatch, tmp_path
):
    records = [make.example(make.encode(make.picture(seed=i)), i % 2) for i in range(12)]
    raw = workplace.raw({"train": [make.example(b"no picture", 0), *records]}, files=13)
    cores(8)
    monkeypatch.setattr(executor, "_MUCH", 1)
    before = _children()
    with pytest.raises(Failure, match="corrupt"):
        workplace.run(raw)
    assert len(started_works) == 2
    assert _children() <= before


def _children() -> set[str]:
    lists = Path("/proc/self/task").glob("*/children")
    return {number for one in lists for number in one.read_text().split()}


def test_corrupt_images_are_dropped_on_beam_too_with_a_class_that_only_they_have(
    workplace, make, splits
):
    splits["train"][4] = make.example(b"no picture", 7)
    splits["test"][1] = make.example(b"", 0)
    raw = workplace.raw(splits, files=1)
    options = {"on_corrupt_image": "drop", "max_dropped": 1}
    transformed = workplace.run(raw, beam_pipeline_args=ON_BEAM, **options)
    kept = [record for i, record in enumerate(splits["train"]) if i != 4]
    images = transformed.split("train")
    assert images == serve(transformed, kept)
    pixels = np.concatenate([np.frombuffer(image, np.uint8) for image, _ in images])
    np.testing.assert_allclose(transformed.pixel_statistics["mean"], [pixels.mean()])
    assert transformed.labels == ["0", "5", "10"]
    assert transformed.property("dropped") == {"train": 1, "test": 1}


def test_a_failure_on_a_worker_is_told_as_in_this_process(workplace, make, splits):
    splits["train"][4] = make.example(make.encode(make.picture()), "text")
    raw = workplace.raw(splits, files=1)
    with pytest.raises(Failure, match=r"record 4 of .* has a bytes_list") as raised:
        workplace.run(raw, beam_pipeline_args=ON_BEAM)
    assert "\n" not in str(raised.value)


def test_a_failure_is_told_in_the_same_words(workplace, make):
    image = make.encode(make.picture())
    record = make.example(image, "two\nlines' \\ends")
    raw = workplace.raw({"train": [record] * 2}, files=1)
    told = []
    for arguments in ((), ON_BEAM):
        with pytest.raises(Failure) as raised:
            workplace.run(
                raw,
                label_type="BYTES",
                to=str(len(arguments)),
                beam_pipeline_args=arguments,
            )
        told.append(str(raised.value))
    assert told[1] == told[0]


def test_a_training_split_of_corrupt_images_alone_is_told_on_beam(workplace, make):
    raw = workplace.raw({"train": [make.example(b"no picture", 1)] * 2})
    with pytest.raises(Failure, match="no image is left in split 'train'"):
        workplace.run(raw, beam_pipeline_args=ON_BEAM, on_corrupt_image="drop", max_dropped=2)
