"""What the report of a run says, read from runs in a real ML Metadata."""

import html
import html.parser
import json
import re

import pytest
from hypothesis import given, strategies
from ml_metadata.proto import metadata_store_pb2

from report import drift, graph
from report.files import write_comparison
from tests.report.pages import page_of, section
from tests.report.report_runs import Root, classified, masked_configuration, segmented

CACHED = metadata_store_pb2.Execution.CACHED


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = Root(tmp_path_factory.mktemp("root"))
    root.add_run("2026-11-20T02:57:25", classified(labels=(5, 5), size=400.0))
    root.add_run("2026-11-21T02:57:25", classified(labels=(8, 2), size=500.0))
    return page_of(root)


def test_the_verdict_and_every_bound_are_in_words(page):
    assert "Not blessed: accuracy 0.91 is below 0.97" in page
    assert "accuracy is 0.91 but must be at least 0.97: 0.06 is missing." in page
    assert "at most 0.005 worse than the champion, so at least 0.945" in page
    assert page.count(">missed<") == 2


def test_what_to_do_next_is_from_what_happened(page):
    assert "raise training.epochs above 5" in page
    assert (
        "The weakest class is &lt;cat&gt;: recall 0.818 on 11 examples, most often mistaken" in page
    )
    assert "Turn on the disk cache." in page


@pytest.mark.parametrize(
    ("cause", "step"),
    [
        ("latency p99 9.1 ms is above max_latency_ms 5", "measures anew"),
        ("loading failed: exit code 1: port in use", "asks it anew"),
        ("serve_examples gives other probabilities", "Fix the model's serving"),
    ],
)
def test_a_model_that_does_not_serve_gets_the_advice_of_its_cause(cause, step, root):
    steps = classified(blessed=True)
    serving = steps["ServingCheck"]["outputs"]["infra_blessing"]["serving.json"]
    serving |= {"blessed": False, "causes": [cause]}
    if step == "asks it anew":
        serving["challenger"] = {}
    root.add_run("2026-11-20T02:57:25", steps)
    advice = html.unescape(page_of(root))
    assert [words for words in ("measures anew", "asks it anew", "Fix the model's serving")
            if words in advice] == [step]  # fmt: skip


def test_the_training_says_what_each_class_contributed(page):
    table = section(page, "training").partition("What each class contributed")[2]
    assert re.search(r"&lt;cat&gt;</th>.*?>40</td>.*?>20</td>", table, re.DOTALL)
    assert "0.571" in table  # of the weight: 20 of 35


def test_the_reliability_diagram_has_the_calibration_error_before_and_after(page):
    part = section(page, "evaluation").partition("<h3>Confidence</h3>")[2]
    words = " ".join(re.sub("<.*?>", "", part.partition("<div")[0]).split())
    # (|10 - 10.9| + |9 - 8.7|) / 21 and (0.9 + 0.9) / 21
    assert "width: 0.0571 calibrated, 0.0857 before." in words
    assert "temperature 1.75, fitted on 40 examples" in words
    label = "expected calibration error 0.0571 calibrated, 0.0857 before"
    assert label in re.search(r'aria-label="Accuracy by confidence; (.*?)"', part)[1]
    assert [len(line.split()) for line in re.findall(r'points="(.*?)"', part)] == [2, 2]


def test_exported_files_are_reported_with_their_size_and_largest_difference(page):
    row = re.search(r"tflite_int8</th>(.*?)</tr>", section(page, "serving"))[1]
    assert row == "<td>0.07&nbsp;MB</td><td>25.0\xa0%</td><td>0.012</td>"


def test_of_very_many_classes_only_the_weakest_are_listed(root):
    classes = 21_841
    steps = classified()
    evaluation = steps["Evaluator"]["outputs"]["evaluation"]
    evaluation["class_names.json"] = [f"class {n}" for n in range(classes)]
    pairs = [[n, n, 9] for n in range(classes - 1)] + [[classes - 1, 0, 9]]
    evaluation["counts.json"] = {"models": {"challenger": {"confusion": pairs}}}
    root.add_run("2026-11-20T02:57:25", classified())
    root.add_run("2026-11-21T02:57:25", steps)
    table = section(page_of(root), "evaluation")
    assert "Scores of the weakest classes" in table
    assert table.index("class 21840<") < table.index("class 0<")
    assert "21,741 more classes are not shown" in table
    compared = write_comparison(root.configuration, "previous", "latest").read_text("utf-8")
    assert len(section(compared, "classes")) < 10_000


@pytest.mark.parametrize("classes", [3, 101])
def test_thresholds_are_listed_of_the_classes_whose_scores_are(root, classes):
    names = [f"class {n}" for n in range(classes)]
    steps = classified()
    labels = {"labels": [[9, 9, 9]] * classes, "average_precision": [0.9] * classes}
    labels["average_precision"][0] = 0.95
    steps["Evaluator"]["outputs"]["evaluation"] |= {
        "class_names.json": names,
        "counts.json": {"models": {"challenger": labels}},
    }
    chosen = {name: n / classes for n, name in enumerate(names)}
    steps["Trainer"]["outputs"]["model_run"]["thresholds.json"] = chosen
    plain = root.configuration.model_dump(mode="json", by_alias=True)
    plain["data"]["multi_label"] = True
    root.add_run("2026-11-20T02:57:25", steps, configuration=json.dumps(plain))
    table = section(page_of(root), "evaluation").partition("Thresholds, chosen on")[2]
    listed = re.findall(r'<th scope="row">(class \d+)</th>', table.partition("</table>")[0])
    assert listed == names[classes == 101 :]


def test_names_from_the_data_are_escaped(page):
    assert "&lt;cat&gt;" in page
    assert "<cat>" not in page
    assert "value &lt;9&gt;" in page


class Elements(html.parser.HTMLParser):
    """The names of all elements and attributes of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes = set(), set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


HOSTILE = """"><script>alert(1)</script><img src=x onerror='alert(2)' x="{{ 7 * 7 }}"""


@pytest.mark.parametrize("segmentation", [False, True])
def test_hostile_texts_add_neither_elements_nor_attributes(root, segmentation):
    steps = segmented() if segmentation else classified()
    examples = steps["TfdsExampleGen"]["outputs"]["examples"]
    examples["said"] |= dict.fromkeys(("dataset", "fingerprint", "summary"), HOSTILE)
    examples["class_names.json"] = {"label": [HOSTILE, "dog"]}
    evaluation = steps["Evaluator"]["outputs"]["evaluation"]
    evaluation["class_names.json"] = [HOSTILE, "dog"]
    [worst] = evaluation["worst_examples.json"]
    worst |= {"file": HOSTILE} if segmentation else {"true": HOSTILE, "predicted": HOSTILE}
    model_run = steps["Trainer"]["outputs"]["model_run"]
    model_run["input_report.json"] |= dict.fromkeys(("line", "advice", "reason"), HOSTILE)
    model_run["said"] = {"devices": HOSTILE}
    steps["ServingCheck"]["outputs"]["infra_blessing"]["serving.json"] |= {"server": HOSTILE}
    configuration = json.loads(masked_configuration(root) if segmentation else "{}")
    origin = {"git_commit": HOSTILE, "failure": HOSTILE}
    configuration = {"configuration": json.dumps(configuration | {"name": HOSTILE})}
    root.add_run("2026-11-21T02:57:25", steps, **origin, **configuration)
    page = page_of(root)
    assert page.count("alert(1)") > 10
    assert "{{ 7 * 7 }}" in html.unescape(page)
    found = Elements(page)
    assert "script" not in found.tags
    assert "onerror" not in found.attributes


def test_the_graph_has_the_edges_of_ml_metadata(page):
    assert section(page, "pipeline").count('class="head ') == 8
    assert "reads examples of TfdsExampleGen; model of Trainer" in page


def test_the_report_sets_what_was_predicted_beside_what_happened(page):
    table = section(page, "training")
    assert "memory, predicted" in table
    assert "what happened" in table
    for figure in ("3,950", "4,000", "1 min 15 s", "9.0 GB", "there is no &lt;room&gt;", "chosen"):
        assert figure in table


def test_the_curves_state_their_first_and_last_value_in_words(page):
    assert 'aria-label="Loss: train from 1 to 0.2; validation from 2 to 0.4"' in page


def test_an_allowed_anomaly_is_marked_apart_from_one_that_counts(page):
    assert re.search(r"ENUM_TYPE_UNEXPECTED_STRING_VALUES</td><td>[^/]*>allowed<", page)
    assert re.search(r"FEATURE_TYPE_LOW_FRACTION_PRESENT</td><td>[^/]*>counted<", page)


def test_drift_is_measured_label_by_label_and_feature_by_feature(page):
    distances = drift.distances({"a": 8, "b": 2}, {"a": 5, "b": 5})
    assert distances[0] == pytest.approx(0.3)
    assert f"<td>{distances[0]:.4f}</td><td>{distances[1]:.4f}</td>" in page
    assert "<td>50.00\xa0%</td><td>80.00\xa0%</td><td>+30.00&nbsp;points</td>" in page
    assert "<td>mean size in bytes</td><td>400</td><td>500</td><td>+25.0&nbsp;%</td>" in page


counted = strategies.dictionaries(
    strategies.sampled_from("abcdef"), strategies.integers(1, 10**6), min_size=1
)


@given(counted, counted, strategies.integers(1, 1000))
def test_distances_are_of_shares_between_0_and_1_and_the_same_both_ways(now, then, factor):
    furthest, divergence = drift.distances(now, then)
    assert 0 <= furthest <= 1
    assert 0 <= divergence <= 1 + 1e-9
    assert (furthest, divergence) == pytest.approx(drift.distances(then, now))
    larger = {name: factor * count for name, count in now.items()}
    assert drift.distances(now, larger) == pytest.approx((0, 0), abs=1e-9)
    if not {*now} & {*then}:
        assert divergence == pytest.approx(1)


@given(strategies.sets(strategies.tuples(*2 * [strategies.integers(0, 9)])))
def test_every_edge_of_a_graph_ends_in_one_arrow(edges):
    boxes = [graph.Box(number, str(number), "") for number in range(10)]
    drawn = graph.column(boxes, edges)
    assert len(drawn.heads) == sum(a < b for a, b in edges)


def test_the_worst_mistake_and_every_sample_are_pictures_with_alternative_text(page):
    alternatives = re.findall(r'<img[^>]* alt="([^"]*)"', page)
    assert len(alternatives) == page.count("<img")
    assert "Mistake 1: &lt;cat&gt;, predicted as dog" in alternatives
    assert [a for a in alternatives if a.startswith("Example")] == [
        "Example 1 of class &lt;cat&gt;",
        "Example 1 of class dog",
        "Example 2 of class dog",
    ]


def test_the_lineage_names_commit_lock_data_and_configuration(page):
    for fact in ("c" * 40 + ", clean", "e" * 64, "pets/1.0.0, fingerprint f(8, 2)"):
        assert fact in page


def test_a_model_from_the_cache_has_the_origin_of_the_run_that_trained_it(root):
    root.add_run("2026-11-20T02:57:25", classified(), git_commit="a" * 40)
    steps = classified()
    steps["Trainer"]["state"] = CACHED
    root.add_run("2026-11-21T02:57:25", steps, git_commit="b" * 40)
    page = page_of(root)
    assert "trained in the run of 2026-11-20 02:57:25" in page
    assert f"commit {'a' * 40}, clean" in page
    assert f"commit {'b' * 40}" not in page


@pytest.mark.parametrize(
    ("versions", "text"),
    [
        ((1,), "The model server loads version 1 by itself."),
        ((1, 2), "Version 2 is in service, not version 1, which was pushed before."),
    ],
)
def test_only_the_version_in_service_is_reported_as_such(root, versions, text):
    for number in versions:
        folder = root.folder / "pushed" / str(number)
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()
    pushed = {"pushed_version": "1", "pushed_destination": f"{root.folder}/pushed/1"}
    pusher = {"Pusher": {"outputs": {"pushed_model": {"said": pushed}}}}
    root.add_run("2026-11-21T02:57:25", classified(blessed=True) | pusher)
    page = page_of(root)
    assert text in page
    assert ("loads version 1 by itself" in page) == (versions == (1,))


def test_segmentation_shows_masks_in_the_colours_of_a_legend(root):
    root.add_run("2026-11-21T02:57:25", segmented(), configuration=masked_configuration(root))
    page = page_of(root)
    for text in ("Truth of image 1", "Prediction for image 1", "Mask of image 1"):
        assert f'alt="{text}"' in page
    assert "IoU 0.250" in page
    assert '<ul class="legend" aria-label="Colours of the classes">' in page
    assert "Mean IoU" in page
    assert re.search(r'ground</th><td class="number">4</td>.*?>0.250<', page)


def test_the_trials_of_a_search_stand_best_first_and_stopped_ones_last(root):
    trials = {
        f"trials/{number}/history.json": {
            "best_epoch": 1,
            "epochs": [{"validation_accuracy": accuracy}],
            "hyperparameters": {"training.learning_rate": rate},
            "stopped_early": number == 0,
        }
        for number, (rate, accuracy) in enumerate([(0.02, 0.8), (0.5, 0.25), (0.01, 0.75)])
    }
    plain = root.configuration.model_dump(mode="json", by_alias=True)
    plain["tuner"] = {
        "trials": 3,
        "epochs": 1,
        "objective": "validation_accuracy",
        "search_space": {"training.learning_rate": {"choices": [0.5, 0.01]}},
    }
    tuner = {"Tuner": {"outputs": {"tuner_results": trials}}}
    root.add_run("2026-11-21T02:57:25", tuner, configuration=json.dumps(plain))
    trials = section(page_of(root), "tuning")
    found = re.findall(r'<th scope="row">([^<]*)</th>', trials)
    assert found == ["2", "1", "0 (stopped after 1 epoch)"]


def test_nothing_in_the_file_asks_for_another_file(page):
    assert re.findall(r'(?:src|href)="(?!data:|#)', page) == []
    assert "url(" not in page
    assert "<script" not in page
