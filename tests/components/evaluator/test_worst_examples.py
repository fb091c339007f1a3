"""The worst examples are the worst, however the data are cut, and a browser can show them."""

import io
import itertools
import json
import resource

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from components.evaluator.count_shard import CountShard
from components.evaluator.pictures import MOST_SIDE, segmented, shown
from components.evaluator.plan import ModelPlace, Plan, ShardBatch
from components.evaluator.worst_examples import MOST, offer, worst_of
from settings.data import Features
from tests import processes
from tests.components.evaluator import shade_model
from tests.components.evaluator.brightness_model import LEVELS, encoded_image, example
from tests.components.pictures import png_of_a_damaged_text

NAMES = tuple("abcdefghijklmnop")
GROUND = ("sky", "sea", "land")


def worst_in(workshop):
    return json.loads((workshop.folder / "evaluation" / "worst_examples.json").read_text())


@pytest.fixture
def letters():
    """[(label, brightness)]: half of them mistaken, by a model of NAMES."""
    chance = np.random.default_rng(0)
    labels = chance.integers(0, len(NAMES), 60)
    seen = np.where(chance.random(60) < 0.5, labels, chance.integers(0, len(NAMES), 60))
    return [(int(label), int(one)) for label, one in zip(labels, seen, strict=True)]


def records(letters):
    return [example(NAMES[label].encode(), LEVELS * seen) for label, seen in letters]


def test_the_mistakes_of_highest_loss_are_kept_with_their_images_as_they_were(workshop, letters):
    model = workshop.model("m", NAMES)
    workshop.evaluate(workshop.examples(records(letters[:25]), records(letters[25:])), model)
    worst = worst_in(workshop)
    serve = tf.saved_model.load(f"{model.uri}/Format-Serving").signatures["serve_examples"]
    answers = serve(examples=tf.constant(records(letters)))["probabilities"].numpy()
    losses = [
        -np.log(answer[label])
        for answer, (label, seen) in zip(answers, letters, strict=True)
        if label != seen
    ]
    assert [one["loss"] for one in worst] == pytest.approx(sorted(losses, reverse=True)[:MOST])
    for one in worst:
        label, seen = letters[one["record"] + 25 * (one["file"].split("-")[1] == "00001")]
        assert (one["true"], one["predicted"]) == (NAMES[label], NAMES[seen])
        assert one["probability"] == pytest.approx(0.6)
        image = (workshop.folder / "evaluation" / one["image"]).read_bytes()
        assert image == encoded_image(LEVELS * seen)
    assert worst[0]["image"] == "worst/00.png"


@pytest.mark.slow
def test_their_order_is_the_same_whatever_the_batches_and_shards(workshop, letters):
    model = workshop.model("m", NAMES)
    place = ModelPlace("challenger", f"{model.uri}/Format-Serving", "")

    def ranked(cuts, batch_size):
        examples = records(letters)
        plan = Plan((place,), NAMES, "test", Features(), True, batch_size)
        count_shard, worst = CountShard(plan), []
        for number, (start, end) in enumerate(itertools.pairwise([0, *cuts, len(letters)])):
            file = str(workshop.folder / f"{number}")
            with tf.io.TFRecordWriter(file) as writer:
                for one in examples[start:end]:
                    writer.write(one)
            worst += [rank for rank, _ in count_shard(file).worst]
        # Equal records are told apart by their file; their digests are the same.
        return [digest for _, digest, _, _ in sorted(worst)][:MOST]

    whole = ranked([], 60)
    assert whole == ranked([7, 33], 4) == ranked([30], 1)


def test_without_mistakes_the_list_is_empty(workshop, pets):
    workshop.evaluate(workshop.examples(pets), workshop.model("m", ("cat", "dog", "owl")))
    assert worst_in(workshop) == []


def test_labels_in_no_vocabulary_are_not_the_models_mistakes(workshop, pets):
    stranger = example(b"yak", 0)
    model = workshop.model("m", ("cat", "dog", "owl"))
    workshop.evaluate(workshop.examples([*pets, stranger]), model)
    assert worst_in(workshop) == []


_badness = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.5, np.nan, np.inf]), max_size=40)


@given(_badness, st.lists(st.integers(0, 40), max_size=4))
def test_batches_and_shards_keep_what_sorting_everything_keeps(badness, cuts):
    def gathered(start, end, known=()):
        records = range(start, end)
        batch = ShardBatch("shard", records, [b"%d" % record for record in records])
        return offer(
            known, np.array(badness[start:end]), batch, lambda i: ({"number": start + i}, {})
        )

    edges = [0, *sorted(min(cut, len(badness)) for cut in cuts), len(badness)]
    merged, running = [], []
    for start, end in itertools.pairwise(edges):
        merged = worst_of([*gathered(start, end), *merged])
        running = gathered(start, end, running)
    whole = gathered(0, len(badness))
    assert merged == running == whole
    finite = sorted((one for one in badness if np.isfinite(one)), reverse=True)
    assert [-rank[0] for rank, _ in whole] == finite[:MOST]


def photograph(kind, side=1000):
    """An encoded picture of noise, which no format makes small."""
    noise = np.random.default_rng(0).integers(0, 256, (side, side * 3 // 4, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_a_large_image_is_shrunk_to_one_that_a_browser_shows(kind):
    small = shown(photograph(kind))
    with Image.open(io.BytesIO(small)) as image:
        assert image.format in ("JPEG", "PNG")
        assert max(image.size) <= MOST_SIDE
        assert image.width / image.height == pytest.approx(0.75, abs=0.01)


def test_a_large_image_of_damaged_exif_is_shown_as_it_is_stored():
    small = shown(png_of_a_damaged_text((200, 150), colour=2))
    with Image.open(io.BytesIO(small)) as image:
        assert image.size == (150, 200)


def test_large_segmented_images_and_masks_are_shrunk_together():
    chance = np.random.default_rng(0)
    image = chance.integers(0, 256, (700, 900, 3), np.uint8)
    truth, said = chance.choice([0, 1, 200, 255], (2, 700, 900))
    parts = segmented(image, truth, said)
    opened = {name: Image.open(io.BytesIO(part)) for name, part in parts.items()}
    assert max(opened["image"].size) <= MOST_SIDE
    assert len({part.size for part in opened.values()}) == 1
    assert set(np.unique(opened["truth"])) <= {0, 1, 200, 255}
    colours = np.array(opened["truth"].getpalette()).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) == 256


def count_in_a_process_of_its_own(model, shard, peak):
    """Counts a shard, and writes to the file `peak` the KiB that the process had at most."""
    place = ModelPlace("challenger", str(model), "")
    features = Features(**shade_model.MASKS)
    counts = CountShard(Plan((place,), GROUND, "test", features, False, 128))(str(shard))
    assert len(counts.worst) == MOST
    peak.write_text(f"{counts.examples} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    side = 128
    shade_model.save_shade_model(tmp_path / "model", GROUND, answers=[0, 2, 2], size=side)
    chance = np.random.default_rng(0)
    made = [chance.integers(0, 3, (side, side)) for _ in range(12)]
    examples = [
        shade_model.example(shade_model.png(one * 16), shade_model.png(one)) for one in made
    ]

    def peak(repeats):
        shard, file, log = (tmp_path / f"{name}{repeats}" for name in ("shard", "peak", "log"))
        with tf.io.TFRecordWriter(str(shard)) as writer:
            for one in examples * repeats:
                writer.write(one)
        given = tmp_path / "model", shard, file
        processes.start(count_in_a_process_of_its_own, *given, log=log).wait(120)
        assert file.exists(), log.read_text()
        counted, kib = map(int, file.read_text().split())
        assert counted == repeats * len(examples)
        return kib

    # Held at once, what is answered to the rest would take 107 MiB.
    assert peak(60) - peak(15) < 64 * 1024
