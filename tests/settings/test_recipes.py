"""Named recipes: values for a kind of training, which single keys override."""

from pathlib import Path

import pytest

from settings.recipes import RECIPES
from settings.replace import replaced
from settings.training import Training


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_holds_keys_that_a_training_takes(name):
    made = Training.of(recipe=name)
    assert {key: getattr(made, key) for key in RECIPES[name]} == RECIPES[name]
    assert made.model_fields_set == {"recipe"}


def test_a_given_key_overrides_that_of_the_recipe_even_with_its_default():
    made = Training.of(recipe="fine_tune", learning_rate=0.001, label_smoothing=0.0)
    assert (made.learning_rate, made.label_smoothing) == (0.001, 0.0)
    assert made.optimizer == "adamw"


def test_another_recipe_replaces_the_keys_of_the_first_and_keeps_those_that_were_given():
    made = replaced(Training.of(recipe="fine_tune", epochs=3), {"recipe": "segmentation"})
    assert (made.epochs, made.monitor, made.learning_rate) == (3, "mean_iou", 0.001)
    plain = replaced(Training.of(recipe="fine_tune", epochs=3), {"recipe": None})
    assert plain == Training.of(recipe=None, epochs=3)


def test_a_section_with_a_recipe_is_the_same_after_its_way_through_json():
    made = Training.of(recipe="from_scratch", mixup=0.0)
    assert Training.from_json(made.model_dump_json()) == made


def test_it_says_which_key_comes_from_where():
    made = Training.of(recipe="fine_tune", learning_rate=0.01)
    assert made.remark("learning_rate") == "given; recipe fine_tune has 0.0001"
    assert made.remark("optimizer") == "of recipe fine_tune"
    assert made.remark("epochs") is None
    assert Training.of().remark("optimizer") is None


def test_the_guide_lists_what_every_recipe_sets():
    rows = Path("docs/training.md").read_text().splitlines()
    for name, keys in RECIPES.items():
        [row] = [row for row in rows if row.startswith(f"| `{name}` |")]
        assert row.count(":") == len(keys)
        assert all(f"`{key}: {value}`" in row for key, value in keys.items())
