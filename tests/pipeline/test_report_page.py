"""The report of a run in a real browser: no error, no request, accessible, in both schemes."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.configuration_file import load
from pipeline.report.facts import Run
from pipeline.report.page import render

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
AXE = os.environ.get("AXE_CORE", "")  # axe.min.js of npm's axe-core


@dataclasses.dataclass
class Artifact:
    uri: str
    custom_properties: dict


@dataclasses.dataclass
class Node:
    name: str
    status: str
    seconds: float
    outputs: dict
    summaries: tuple = ("made <something>",)


@pytest.fixture
def run(tmp_path):
    """A run that was not blessed, with the files that Trainer, Evaluator and check leave."""
    epochs = [
        {"loss": 1 / n, "accuracy": 1 - 1 / n, "validation_loss": 2 / n, "seconds": 1.0,
         "validation_accuracy": 1 - 1 / n, "data_wait_seconds": 0.01}
        for n in range(1, 6)
    ]  # fmt: skip
    figures = {"p50_ms": 1.2, "p99_ms": 1.5, "memory_mb": 380.0}
    blessing = {
        "blessed": False,
        "reasons": ["accuracy 0.91 is below 0.97"],
        "metrics": {"accuracy": 0.91},
        "champion_metrics": {"accuracy": 0.95},
    }
    counts = {"models": {"challenger": {"confusion": [[0, 0, 9], [0, 1, 2], [1, 1, 10]]}}}
    files = {
        ("Trainer", "model_run", "history.json"): {"best_epoch": 5, "epochs": epochs},
        ("Evaluator", "blessing", "blessing.json"): blessing,
        ("Evaluator", "evaluation", "counts.json"): counts,
        ("Evaluator", "evaluation", "class_names.json"): ["<cat>", "dog"],
        ("ServingCheck", "infra_blessing", "serving.json"): {
            "blessed": True, "causes": [], "server": "TensorFlow C library", "challenger": figures,
        },
    }  # fmt: skip
    nodes = {}
    for (component, output, file), content in files.items():
        folder = tmp_path / component / output
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(json.dumps(content))
        node = nodes.setdefault(component, Node(component, "ran", 1.0, {}))
        node.outputs[output] = Artifact(str(folder), {})
    return Run("2026-11-21T02:57:25", nodes)


@pytest.fixture
def page(run):
    return render(run, None, load("configs/digits.yaml", []))


def test_the_verdict_the_curves_and_the_mistakes_are_in_words(page):
    assert "Not blessed: accuracy 0.91 is below 0.97" in page
    assert 'aria-label="Loss: train from 1 to 0.2; validation from 2 to 0.4"' in page
    assert "Most frequent mistakes" in page
    assert "&lt;cat&gt;" in page
    assert "<cat>" not in page


def test_nothing_in_the_file_asks_for_another_file(page):
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert "url(" not in page


def in_browser(page, folder, width, dark=False, script=""):
    """(the document after loading, what the console said)."""
    file = folder / "page.html"
    file.write_text(page.replace("</main>", f"</main>{script}"), encoding="utf-8")
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900",
         "--enable-logging=stderr", "--virtual-time-budget=8000", *scheme, "--dump-dom",
         file.as_uri()],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on PATH (Debian: chromium)")
@pytest.mark.parametrize("width", [1200, 500])
def test_a_browser_has_nothing_to_say_and_nothing_is_cut_off(page, tmp_path, width):
    measure = (
        "<script>document.body.dataset.wide="
        "document.documentElement.scrollWidth-document.documentElement.clientWidth</script>"
    )
    document, console = in_browser(page, tmp_path, width, script=measure)
    assert console == []
    assert 'data-wide="0"' in document


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on PATH (Debian: chromium)")
@pytest.mark.skipif(not AXE, reason="AXE_CORE does not name axe.min.js of npm's axe-core")
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(page, tmp_path, dark):
    script = (
        f"<script>{Path(AXE).read_text('utf-8')}</script><script>axe.run().then(r=>{{"
        "document.body.dataset.axe='done:'+"
        "matchMedia('(prefers-color-scheme:dark)').matches+"
        "r.violations.map(v=>v.id+' '+v.nodes[0].html)"
        ".join('; ')})</script>"
    )
    document, _ = in_browser(page, tmp_path, 1000, dark, script)
    [found] = re.findall(r'data-axe="([^"]*)"', document)
    assert found == f"done:{str(dark).lower()}"
