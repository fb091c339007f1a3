"""The figures of an input report are right for all times."""

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.trainer.input_report import plot
from components.trainer.input_report.figures import figures
from components.trainer.input_report.step_times import StepTimes
from components.trainer.input_report.verdict import judge

SECONDS = st.floats(0, 10, allow_nan=False)
CALLS = st.lists(st.tuples(SECONDS, st.floats(1e-4, 10)), min_size=2, max_size=60)


def noted(calls, steps=1):
    """StepTimes of calls that follow each other without a gap, the first of which compiles."""
    times, now = StepTimes(), 0.0
    for number, (wait, compute) in enumerate(calls, 1):
        done = now + wait + compute
        times.add(number * steps, steps, now, now + wait, done, compiled=number == 1)
        now = done
    return times.calls()


@given(CALLS, st.integers(1, 40), st.integers(1, 4))
def test_shares_lie_between_0_and_1_and_the_timeline_has_the_longest_wait(
    calls, steps_per_epoch, steps
):
    noted_calls = noted(calls, steps)
    found = figures(noted_calls, 8, steps_per_epoch * steps, 0.5, [0.9] * 6)
    for wait in found["wait"].values():
        if wait:
            assert 0 <= wait["p50"] <= wait["p99"] <= 1
            assert 0 <= wait["share"] <= 1
    later = noted_calls.step > steps_per_epoch * steps
    shown = [step["wait_ms"] for step in found["timeline"]]
    waits = noted_calls.wait[later] if later.any() else noted_calls.wait[1:]
    if len(waits):
        assert max(shown) == pytest.approx(1000 * waits.max())


@given(CALLS)
def test_images_per_second_are_images_divided_by_time(calls):
    found = figures(noted(calls), 8, len(calls), 0.25, [])
    # The first call compiles: its images and its compute are left out, its wait is not.
    spent = 0.25 + calls[0][0] + sum(wait + compute for wait, compute in calls[1:])
    rate = found["images_per_second"]["first_epoch"]
    assert rate == pytest.approx(8 * (len(calls) - 1) / spent)
    assert found["images_per_second"]["ceiling"] is None
    assert found["real_to_ceiling"] is None


def test_computing_after_a_call_returns_does_not_count_as_wait():
    times = StepTimes()
    for step in (1, 2, 3):
        times.add(step, 1, step, step + 0.1, step + 0.2)  # returns early, asks a second later
    times.stop(4.0)
    calls = times.calls()
    np.testing.assert_allclose(calls.wait, 0.1)
    np.testing.assert_allclose(calls.compute, 0.9)


def test_fetching_a_ready_batch_does_not_count_as_wait():
    calls = noted([(0.1, 1.0), (0.3, 1.0)], steps=2).without_fetch(0.1)
    np.testing.assert_allclose(calls.wait, [0.0, 0.1])
    np.testing.assert_allclose(calls.compute, [1.1, 1.2])


def test_time_between_epochs_belongs_to_no_step():
    times = StepTimes()
    times.add(1, 1, 0.0, 0.1, 1.0)
    times.stop(1.0)
    times.add(2, 1, 50.0, 50.1, 51.0)
    np.testing.assert_allclose(times.calls().seconds, [1.0, 1.0])


def test_a_call_ends_at_the_first_stop():
    times = StepTimes()
    times.add(1, 1, 0.0, 0.1, 1.0)
    times.stop(1.0)  # the epoch ends: a validation follows, and then a checkpoint
    times.stop(40.0)
    times.add(2, 1, 50.0, 50.1, 51.0)
    times.stop(51.5)
    np.testing.assert_allclose(times.calls().seconds, [1.0, 1.5])


def test_the_wait_for_the_first_batch_counts_but_compiling_does_not():
    calls = noted([(5.0, 30.0), *[(0.0, 0.1)] * 50])
    found = figures(calls, 8, 51, 0.0, [1.0] * 6)
    assert found["images_per_second"]["first_epoch"] == pytest.approx(8 * 50 / 10.0)
    assert found["wait"]["first_epoch"]["share"] == pytest.approx(5.0 / (5.0 + 5.1))
    assert found["wait"]["first_epoch"]["p99"] == 0  # of the calls that compiled nothing
    # The first loading is not part of it.
    assert found["real_to_ceiling"] == {"low": 1.0, "middle": 1.0, "high": 1.0}
    line, judged, advice = judge(found, [], "streaming", 0.05, 51)
    assert "including the first loading" in line
    assert line.endswith(": input-bound")
    assert judged == "input-bound"
    assert "training.input.data_service" in advice  # No later epoch would reuse anything.


def test_the_wait_for_the_first_batch_does_not_count_in_later_epochs():
    calls = noted([(5.0, 30.0), *[(0.0, 0.1)] * 59])
    found = figures(calls, 8, 20, 0.0, [1.0] * 6)
    assert found["wait"]["later_epochs"]["share"] == 0
    assert judge(found, [], "streaming", 0.05, 60)[1] == "ok"


def test_a_compiling_call_of_many_steps_counts_the_computing_of_all_its_steps():
    times = StepTimes()  # An epoch of 120 steps: 100 at once, the last ones one by one.
    times.add(100, 100, 0.0, 0.2, 60.2, compiled=True)
    times.add(101, 1, 60.2, 60.2, 70.2, compiled=True)
    for step in range(102, 121):
        times.add(step, 1, step, step, step + 0.1)
        times.stop(step + 0.1)
    found = figures(times.calls(), 8, 120, 0.0, [])
    assert found["wait"]["first_epoch"]["share"] == pytest.approx(0.2 / (0.2 + 12.0))


def test_the_first_wait_of_a_resumed_training_counts_in_the_epoch_it_resumed_in():
    times, now = StepTimes(), 0.0
    for step, steps, wait, compute, compiled in [
        (9, 1, 2.0, 30.0, True),  # resumed after step 8 of 10
        (10, 1, 0.0, 0.1, False),
        (18, 8, 0.4, 30.0, True),  # a size that is new
        (19, 1, 0.0, 0.1, False),
        (20, 1, 0.0, 0.1, False),
    ]:
        times.add(step, steps, now, now + wait, now + wait + compute, compiled)
        now += wait + compute
    found = figures(times.calls(), 8, 10, 0.0, [])
    assert found["wait"]["first_epoch"]["share"] == pytest.approx(2.0 / (2.0 + 0.2))
    assert found["wait"]["later_epochs"]["share"] == pytest.approx(0.4 / (0.4 + 1.0))


def resumed(waits, first):
    """Calls of 0.1 s of computing each; the first one is step `first` and compiles."""
    times, now = StepTimes(), 0.0
    for step, wait in enumerate(waits, first):
        done = now + wait + (30.0 if step == first else 0.1)
        times.add(step, 1, now, now + wait, done, compiled=step == first)
        now = done
    return times.calls()


def test_a_training_resumed_in_its_last_epoch_is_not_judged_by_its_loading():
    calls = resumed([5.0] + [0.0] * 29, first=71)  # of two epochs of 50 steps
    found = figures(calls, 8, 50, 60.0, [])
    line, judged, advice = judge(found, [], "memory", 0.05, 30)
    assert line.startswith("data wait 0.0% of step time in the rest of epoch 2, after resuming")
    assert (judged, advice) == ("ok", None)


def test_what_helps_a_training_resumed_in_its_last_epoch_is_what_helps_later_epochs():
    calls = resumed([0.1] * 30, first=71)
    *_, advice = judge(figures(calls, 8, 50, 60.0, []), [], "streaming", 0.05, 30)
    assert "training.input.memory_limit_mb" in advice
    *_, advice = judge(figures(calls, 8, 100, 60.0, []), [], "streaming", 0.05, 30)
    assert "training.input.data_service" in advice  # The only epoch reuses nothing.


def test_compiling_in_a_later_epoch_counts_neither_as_computing_nor_as_images():
    times, now = StepTimes(), 0.0
    for step in range(1, 61):  # Of three epochs the first is frozen.
        compiled = step in (1, 21)
        done = now + 0.1 + (30.0 if compiled else 0.1)
        times.add(step, 1, now, now + 0.1, done, compiled)
        now = done
    found = figures(times.calls(), 8, 20, 0.0, [])
    assert found["wait"]["later_epochs"]["share"] == pytest.approx(0.5)
    assert found["images_per_second"]["later_epochs"] == pytest.approx(8 * 39 / (39 * 0.2))


@given(CALLS)
def test_a_training_in_which_every_call_compiled_has_no_figures(calls):
    found = figures(noted(calls[:1]), 8, 1, 0.25, [1.0] * 6)
    assert found["wait"]["first_epoch"] is None
    assert found["images_per_second"]["first_epoch"] is None


@pytest.mark.parametrize(
    ("share", "limit", "bound", "verdict"),
    [
        (0.01, 0.05, "compute-bound", "ok"),
        (0.10, 0.05, "moderately input-bound", "input-bound"),
        (0.10, 0.50, "moderately input-bound", "ok"),
        (0.60, 0.05, ": input-bound", "input-bound"),
    ],
)
def test_the_verdict_follows_the_wait_and_the_limit(share, limit, bound, verdict):
    calls = noted([(share, 1 - share)] * 50)
    found = figures(calls, 8, 10, 0.0, [1.0] * 6)
    line, judged, advice = judge(found, [], "streaming", limit, 50)
    assert bound in line
    assert judged == verdict
    assert (advice is None) == (verdict == "ok")


@pytest.mark.parametrize("strategy", ["disk", "compressed", "streaming"])
def test_a_limit_is_advised_only_where_it_chooses_the_strategy(strategy):
    found = figures(noted([(0.6, 0.4)] * 50), 8, 10, 0.0, [1.0] * 6)
    *_, chosen = judge(found, [], strategy, 0.05, 50)
    *_, asked_for = judge(found, [], strategy, 0.05, 50, asked_for=True)
    assert "memory_limit_mb" in chosen
    assert "memory_limit_mb" not in asked_for
    assert "Set training.input.strategy to" in asked_for


@pytest.mark.parametrize("strategy", ["streaming", "service"])
def test_advice_of_a_data_service_names_the_key_of_either_runner(strategy):
    in_one_epoch = figures(noted([(0.6, 0.4)] * 50), 8, 50, 0.0, [1.0] * 6)
    *_, advice = judge(in_one_epoch, [], strategy, 0.05, 50)
    assert "(training.input.data_service; on Kubeflow, kubeflow.data_service_workers)" in advice


def test_too_few_steps_give_no_verdict():
    calls = noted([(5.0, 0.1)] * 8)
    line, judged, _ = judge(figures(calls, 8, 4, 0.0, []), [], "memory", 0.05, 8)
    assert judged == "ok"
    assert "too few" in line


def test_the_longest_line_fits_into_the_plot():
    found = figures(noted([(1.0, 30.0), *[(0.0, 0.1)] * 59]), 8, 60, 0.0, [0.7, 0.8, 0.9] * 3)
    line, _, _ = judge(found, [], "streaming", 0.05, 60)
    longest = line.replace(": ", ": moderately ")
    drawn = ElementTree.fromstring(plot.draw({"line": longest, **found}))
    heads = [text for text in drawn.iter() if text.get("class") == "head"]
    assert " ".join(text.text for text in heads) == longest
    width = float(drawn.get("viewBox").split()[2])
    letter = 8  # pixels of a wide one
    assert all(float(text.get("x")) + letter * len(text.text) <= width for text in heads)
    assert len({text.get("y") for text in heads}) == len(heads)


@pytest.mark.parametrize(("epochs", "said"), [(1, True), (2, False)])
def test_the_plot_of_a_single_epoch_says_that_it_omits_the_first_loading(epochs, said):
    found = figures(noted([(0.0, 0.1)] * 40), 8, 40 // epochs, 0.5, [1.0] * 6)
    assert ("after the first loading" in plot.draw({"line": "", **found})) == said
