"""`run --results FILE`: what each component of this run did, and of no run before it."""

from cli.command_line import main
from pipeline.root_lock import hold

RUN = ("run", "--config", "configs/digits.yaml")


def test_results_of_an_earlier_run_do_not_outlive_one_that_never_began(tmp_path, capsys):
    results = tmp_path / "out.json"
    results.write_text('{"Pusher": "ran"}')
    with hold(tmp_path / "root"):
        assert main([*RUN, "--set", f"root={tmp_path}/root", "--results", str(results)]) == 1
    assert " is in use by " in capsys.readouterr().err
    assert results.read_text() == "{}"


def test_a_mistake_in_the_command_leaves_the_results_as_they_are(tmp_path):
    results = tmp_path / "out.json"
    results.write_text('{"Pusher": "ran"}')
    assert main([*RUN, "--set", "seed=x", "--results", str(results)]) == 2
    assert results.read_text() == '{"Pusher": "ran"}'
