"""`python -m pipeline report`: one run, two runs compared, and mistakes in one line."""

import gzip
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from cli.command_line import main
from tests.full_disk import full_disk
from tests.report.report_runs import Root, classified, png

OLD, NEW = "2026-11-20T02:57:25.100000", "2026-11-21T02:57:25.200000"


@pytest.fixture
def root(tmp_path):
    root = Root(tmp_path)
    plain = root.configuration.model_dump(mode="json", by_alias=True)
    plain["training"]["epochs"] = 9
    root.add_run(OLD, classified((5, 5)), configuration=json.dumps(plain), git_commit="a" * 40)
    root.add_run(NEW, classified(blessed=True))
    for number, run_id in (("1", OLD), ("2", NEW)):
        version = tmp_path / "pushed" / number
        version.mkdir(parents=True)
        (version / "saved_model.pb").touch()
        record = {"fingerprint": "f", "model_uri": "", "pushed_at": "", "run": run_id}
        (version / "steadyfeed.json").write_text(json.dumps(record))
    return root


def words(root, *more):
    places = (f"root={root.folder}", f"push.destination={root.folder}/pushed")
    settings = [word for place in places for word in ("--set", place)]
    return ["report", "--config", "configs/digits.yaml", *settings, *more]


def report(root, *more):
    return main(words(root, *more))


def test_the_newest_run_is_reported_unless_another_is_named(root, capsys):
    assert report(root) == 0
    assert capsys.readouterr().out.endswith(f"{NEW.replace(':', '-')}.html\n")
    assert (root.folder / "report.html").is_file()
    assert report(root, "--run", "2026-11-20") == 0
    assert capsys.readouterr().out.endswith(f"{OLD.replace(':', '-')}.html\n")


@pytest.mark.parametrize(
    "names", [(OLD, NEW), ("previous", "latest"), ("1", "2026-11-21"), ("1", "2")]
)
def test_two_runs_are_compared_by_id_by_place_or_by_version(root, capsys, names):
    assert report(root, "--compare", *names) == 0
    page = Path(capsys.readouterr().out.strip()).read_text("utf-8")
    assert "A is the run of 2026-11-20 02:57:25, B the run of 2026-11-21 02:57:25" in page
    assert '<th scope="row">training.epochs</th><td>9</td><td>5</td>' in page
    assert "+0.07 better" in page
    assert "a" * 40 in page
    assert re.search(r'aria-label="Loss: A train from 1 to 0.2; .*B validation', page)
    assert "The model never waited" in page
    assert "+30.00&nbsp;points" in page


@pytest.mark.parametrize(
    ("names", "cause"),
    [
        (("banana", "latest"), "There is no run banana. The latest runs: 2026-11-20"),
        (("latest", "7"), "has no version 7 that this project pushed"),
        (("latest", "20"), "has no version 20 that this project pushed"),
        (("2026", "latest"), "2 runs begin with 2026. Give more of the id"),
    ],
)
def test_an_unknown_run_is_one_line(root, capsys, names, cause):
    assert report(root, "--compare", *names) == 1
    reported = capsys.readouterr().err
    assert cause in reported
    assert reported.count("\n") == 1


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("TfdsExampleGen/examples/*/Split-train/*", b"\x05" + 11 * b"\0" + b"wrong" + 90 * b"\xff"),
        ("StatisticsGen/statistics/*/*/*", b"no statistics"),
        ("ExampleValidator/anomalies/*/*/*", b"no anomalies"),
        ("Trainer/model_run/*/history.json", b'{"epochs": ['),
        ("Evaluator/evaluation/*/worst/*", b"no picture"),
    ],
)
def test_a_damaged_artifact_costs_its_part_of_the_page_alone(root, capsys, file, content):
    for path in root.folder.glob(file):
        path.write_bytes(content)
    assert report(root) == 0
    assert "Lineage of the model" in (root.folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize("damage", ["cut", "turned", "no gzip"])
def test_a_damaged_compressed_shard_costs_its_samples_alone(root, damage):
    _, shard = sorted(root.folder.glob("TfdsExampleGen/examples/*/Split-train/*"))
    content = gzip.compress(shard.read_bytes() + os.urandom(4000))
    content = {
        "cut": content[:2000],
        "turned": content[:300] + b"\xff" * 50 + content[350:],
        "no gzip": b"no gzip",
    }[damage]
    shard.unlink()
    shard.with_suffix(".gz").write_bytes(content)
    assert report(root) == 0


def test_a_png_that_breaks_off_within_a_chunk_costs_its_picture_alone(root):
    broken = bytearray(png(7))
    broken[broken.index(b"IDAT") - 1] -= 20  # of the chunk's length
    for path in root.folder.glob("Evaluator/evaluation/*/worst/*"):
        path.write_bytes(broken)
    assert report(root) == 0


@pytest.mark.slow
def test_artifacts_that_make_no_sense_are_one_line(root, capsys):
    for path in root.folder.glob("Evaluator/evaluation/*/counts.json"):
        path.write_text('{"models": {"challenger": {"confusion": 7}}}')
    assert report(root) == 1
    reported = capsys.readouterr().err
    assert "cannot be read (TypeError" in reported
    assert reported.count("\n") == 1


def test_a_disk_that_cannot_take_the_page_keeps_the_one_before(root, capfd):
    assert report(root) == 0
    pages = {path: path.read_text() for path in root.folder.rglob("*.html")}
    assert len(pages) == 2
    capfd.readouterr()
    with full_disk(9_000):
        assert report(root) == 1
    reported = capfd.readouterr().err
    assert "cannot be written: File too large" in reported
    assert reported.count("\n") == 1
    assert {path: path.read_text() for path in root.folder.rglob("*.html*")} == pages


def test_a_root_without_runs_is_one_line(tmp_path, capsys):
    assert main(["report", "--config", "configs/digits.yaml", "--set", f"root={tmp_path}"]) == 1
    assert capsys.readouterr().err == (
        f"steadyfeed: {tmp_path} has no runs. Run the pipeline first.\n"
    )


@pytest.mark.slow
def test_a_fresh_process_loads_no_tensorflow_and_says_only_where_the_file_is(root):
    script = (
        "import sys; from cli.command_line import main; code = main(sys.argv[1:]);"
        "sys.exit(code or any(name in sys.modules for name in ('tensorflow', 'tfx')))"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", script, *words(root)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Of a processor, so that a busy machine changes little.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5
