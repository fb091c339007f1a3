"""Pages in a real Chromium, as a phone and a desk show them, light and dark."""

import pytest

from cli.command_line import main
from report.files import write_comparison, write_report
from settings.reading import load
from tests.report.browser import needs_axe, needs_chromium, visit
from tests.report.report_runs import Root, classified, masked_configuration, segmented

PHONE, DESK = 320, 1200  # the narrowest phone; WCAG asks for reflow down to this width
VISITS = [
    ("digits", DESK, False), ("digits", PHONE, False), ("digits", DESK, True),
    ("digits", PHONE, True), ("failed", PHONE, False), ("compared", DESK, True),
    ("compared", PHONE, False), ("segmented", DESK, False), ("segmented", PHONE, True),
]  # fmt: skip


@pytest.fixture(scope="session")
def pages(digits_run, tmp_path_factory):
    """{name: text of a page}: of a real run, of one that failed, of contract-shaped ones."""
    settings = [word for word in digits_run.place[2:] if word != "--set"]
    failed = tmp_path_factory.mktemp("failed")
    words = ["--set", f"root={failed}", "--set", "data.splits.test=test[:0]"]
    assert main(["run", *digits_run.place, *words]) == 1
    root = Root(tmp_path_factory.mktemp("segmented"))
    masks = masked_configuration(root)
    root.add_run("2026-11-20T02:57:25", classified(), configuration=masks)
    root.add_run("2026-11-21T02:57:25", segmented(), configuration=masks)
    files = {
        "digits": write_report(load("configs/digits.yaml", settings), "1"),
        "failed": failed / "report.html",
        "compared": write_comparison(root.configuration, "previous", "latest"),
        "segmented": write_report(root.configuration),
    }
    # Paths may be as long as they like, and hold no place to break a line.
    longer = f"/{40 * 'models'}/1"
    return {
        name: file.read_text("utf-8").replace("/pushed/1", longer) for name, file in files.items()
    }


@pytest.fixture(scope="session", params=VISITS, ids=lambda p: f"{p[0]}-{p[1]}-{'dl'[not p[2]]}")
def visited(request, pages, tmp_path_factory):
    name, width, dark = request.param
    found = visit(pages[name], tmp_path_factory.mktemp("visit"), width, dark)
    assert found.dark == dark
    return found


@pytest.mark.slow
@needs_chromium
def test_a_browser_asks_for_nothing_says_nothing_and_cuts_nothing_off(visited):
    assert visited.requests == []
    assert visited.console == []
    assert visited.broken == []
    assert visited.wide == 0


@pytest.mark.slow
@needs_chromium
@needs_axe
def test_axe_finds_nothing(visited):
    assert visited.violations == []


@pytest.mark.slow
@needs_chromium
def test_a_page_that_asks_for_a_picture_elsewhere_is_found_out(tmp_path):
    page = "<!doctype html><title>page</title><img alt=far src='http://example.invalid/far.png'>"
    found = visit(page, tmp_path)
    assert found.requests == ["http://example.invalid/far.png"]
    assert found.broken == ["far"]


@pytest.mark.slow
def test_the_report_of_digits_is_small_and_written_without_a_word_of_complaint(
    digits_run, pages, capfd
):
    assert len(pages["digits"].encode()) < 3_000_000
    capfd.readouterr()
    assert main(["report", *digits_run.place]) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_real_run_is_whole_and_a_failed_one_says_why(pages):
    for name in ("Pipeline", "Data", "Training", "Evaluation", "Serving", "Lineage of the model"):
        assert f">{name}</h2>" in pages["digits"]
    assert pages["digits"].count('alt="Example') == 40
    assert (
        "TfdsExampleGen failed</strong><p>Split test: &#39;test[:0]&#39; selects no example"
        in (pages["failed"])
    )
