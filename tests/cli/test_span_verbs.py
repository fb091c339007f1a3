"""`spans` shows what has arrived and what is kept, and forgets a span."""

import json
import shlex

import pytest

from cli.command_line import main
from components.spans import store
from components.spans.pattern import Place
from files.writing import whole_folder

PLAIN = "{source: folder, path: incoming}"
CONFIGURATION = """\
name: shades
root: root
data: {source: folder, path: "incoming/{SPAN}", window: {last: 2}}
preprocessing: {height: 8, width: 8}
model: {name: small_cnn}
push: {destination: pushed}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for span in ("1", "2", "3"):
        (tmp_path / "incoming" / span).mkdir(parents=True)
    (tmp_path / "shades.yaml").write_text(CONFIGURATION)
    return tmp_path


@pytest.fixture
def keep(here):
    """Puts a span into the store, as ExampleGen does."""

    def put(span: int):
        place = Place(span, None, str(here / "incoming" / str(span)))
        kept = store.SpanStore(folder=str(here / "root" / "spans"), code="1")
        key = kept.key(place)
        with whole_folder(kept.examples(key)) as folder:
            pattern = str(here / "incoming" / "{SPAN}")
            (here / folder).mkdir(parents=True)
            store.record(folder, pattern, place, {"train": 40, "test": 20}, "f" * 64)
        store.keep(kept.read_place(place), "contents")

    return put


@pytest.fixture
def spans(here, capsys):
    def run(*words):
        code = main(["spans", *words, "--config", "shades.yaml"])
        said = capsys.readouterr()
        return code, said.out.replace(str(here), "HERE"), said.err.replace(str(here), "HERE")

    return run


def test_list_says_which_spans_the_window_takes_and_what_is_kept(spans, keep):
    keep(1)
    assert spans("list") == (
        0,
        "span 1       60 examples, 0.0 MB kept  HERE/incoming/1\n"
        "span 2       not read yet  HERE/incoming/2  in the window\n"
        "span 3       not read yet  HERE/incoming/3  in the window\n",
        "",
    )


def test_list_ends_with_what_the_next_run_would_stop_at(spans, here):
    (here / "incoming" / "2").rmdir()
    code, out, err = spans("list")
    assert code == 1
    assert len(out.splitlines()) == 2
    assert "span 2 is missing" in err


def test_show_says_what_is_known_of_a_span(spans, keep):
    keep(2)
    code, out, _ = spans("show", "2")
    assert code == 0
    assert "60 examples" in out
    assert f"fingerprint  {'f' * 64}" in out
    assert "train        40 examples" in out
    [fact] = json.loads(spans("show", "2", "--json")[1])
    assert fact["counts"] == {"train": 40, "test": 20}
    assert (fact["in_window"], fact["gone"], fact["kept"]) == (True, False, ["examples"])


def test_drop_forgets_a_span_and_leaves_its_files(spans, keep, here):
    keep(3)
    (here / "incoming" / "3").rename(here / "aside")
    code, _, err = spans("list")
    assert (code, "span 3 was read before and is gone" in err) == (1, True)

    assert spans("drop", "3") == (0, "Dropped: 1 of span 3, 0.0 MB.\n", "")
    assert list((here / "root" / "spans").glob("*/*")) == []
    assert spans("list")[0] == 0
    assert (here / "aside").is_dir()


def test_drop_makes_no_root_where_none_is(spans, here):
    assert spans("drop", "3") == (
        1,
        "",
        "steadyfeed: Nothing is kept of span 3. See `spans list`.\n",
    )
    assert not (here / "root").exists()


def test_the_command_that_a_run_stops_with_works_on_another_machine(spans, keep, here):
    keep(3)
    (here / "incoming" / "3").rmdir()
    said = spans("list")[2].replace("HERE", str(here))
    command = said.partition("`python -m pipeline spans ")[2].partition("`")[0]
    words = shlex.split(command.replace("FILE", "shades.yaml"))
    elsewhere = CONFIGURATION.replace("root: root", "root: runs").replace("incoming/", "photos/")
    (here / "shades.yaml").write_text(elsewhere)
    assert spans(*words) == (0, "Dropped: 1 of span 3, 0.0 MB.\n", "")


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["show", "7"], 1, "There is no span 7, and none is kept. See `spans list`."),
        (["drop", "1"], 1, "Nothing is kept of span 1. See `spans list`."),
        (["list", "--set", f"data={PLAIN}"], 2, "the data does not come in spans; allowed: {SPAN}"),
    ],
)
def test_what_spans_cannot_do_is_one_line(spans, words, code, expected):
    given, out, err = spans(*words)
    assert (given, out) == (code, "")
    assert expected in err
    assert len(err.splitlines()) == 1


def test_a_span_is_a_number_or_a_date(spans):
    with pytest.raises(SystemExit):
        spans("show", "soon")
    assert "There is no span 20783" in spans("show", "2026-11-26")[2]
