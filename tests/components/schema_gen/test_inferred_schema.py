"""SchemaGen: what a first run's schema says of images, label and other features."""

import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.utils import io_utils

from failures import Failure

MASKS = {"mask_feature": "mask", "mask_classes": {"background": 0, "pet": 1}}


def features(artifact):
    schema = tfdv.load_schema_text(f"{artifact.uri}/schema.pbtxt")
    return {feature.name: feature for feature in schema.feature}


@pytest.fixture
def train(png):
    return [{"image": png, "label": label, "name": b"%d.png" % label} for label in range(3)]


def test_images_are_declared_as_images(train, make_statistics, infer):
    schema = infer(make_statistics(train=train))

    image = features(schema)["image"]
    assert image.type == schema_pb2.BYTES
    assert image.HasField("image_domain")
    assert schema.get_string_custom_property("summary") == "3 features, inferred from train"


def test_the_schema_is_the_one_file_that_tfx_looks_for(train, make_statistics, infer):
    schema = infer(make_statistics(train=train))

    path = io_utils.get_only_uri_in_dir(schema.uri)
    assert {feature.name for feature in io_utils.SchemaReader().read(path).feature} == {
        "image",
        "label",
        "name",
    }


def test_image_and_label_are_wanted_once_in_every_example_even_if_train_lacks_some(
    train, make_statistics, infer
):
    train = [*train, {"label": 1}, {"image": train[0]["image"]}]
    schema = features(infer(make_statistics(train=train)))

    for name in ("image", "label"):
        assert schema[name].presence.min_fraction == 1
        assert [dim.size for dim in schema[name].shape.dim] == [1]


def test_classes_of_all_splits_are_the_labels_domain(train, png, make_statistics, infer):
    statistics = make_statistics(train=train, test=[{"image": png, "label": 7}])

    label = features(infer(statistics))["label"]
    assert label.int_domain.is_categorical
    assert (label.int_domain.min, label.int_domain.max) == (0, 7)


def test_class_names_of_all_splits_are_the_labels_domain(png, make_statistics, infer):
    statistics = make_statistics(
        train=[{"image": png, "label": b"dog"}, {"image": png, "label": b"cat"}],
        test=[{"image": png, "label": b"ant"}],
    )

    schema = tfdv.load_schema_text(f"{infer(statistics).uri}/schema.pbtxt")
    assert list(tfdv.get_domain(schema, "label").value) == ["ant", "cat", "dog"]


def test_other_features_get_no_list_of_values(train, png, make_statistics, infer):
    new = {"image": png, "label": 1, "name": b"never seen.png"}
    statistics = make_statistics(train=train, test=[new])

    schema = tfdv.load_schema_text(f"{infer(statistics).uri}/schema.pbtxt")
    assert not schema.string_domain
    test = tfdv.load_stats_binary(f"{statistics.uri}/Split-test/FeatureStats.pb")
    assert not tfdv.validate_statistics(test, schema).anomaly_info


def test_the_features_names_are_free(png, make_statistics, infer):
    statistics = make_statistics(train=[{"picture": png, "digit": 3}])
    schema = features(infer(statistics, image_feature="picture", label_feature="digit"))

    assert schema["picture"].HasField("image_domain")
    assert schema["digit"].shape.dim[0].size == 1


def test_masks_are_wanted_once_as_images_are_and_no_label_is(png, make_statistics, infer):
    statistics = make_statistics(train=[{"image": png, "mask": png}, {"image": png}])
    schema = features(infer(statistics, **MASKS))

    assert set(schema) == {"image", "mask"}
    assert schema["mask"].HasField("image_domain")
    assert schema["mask"].presence.min_fraction == 1
    assert schema["mask"].shape.dim[0].size == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"mask_feature": "masks", "mask_classes": {"background": 0, "pet": 1}},
            "no feature 'masks', only image, label, name. Set mask_feature",
        ),
        (
            {"mask_feature": "label", "mask_classes": {"background": 0, "pet": 1}},
            "The mask feature 'label' holds INT values instead of encoded images",
        ),
        ({"image_feature": "img"}, "no feature 'img', only image, label, name. Set image_f"),
        ({"label_feature": "class"}, "no feature 'class', only image, label, name. Set label_f"),
        ({"image_feature": "label", "label_feature": "name"}, "'label' holds INT values"),
    ],
)
def test_a_wrong_feature_name_is_answered_with_the_right_ones(
    settings, message, train, make_statistics, infer
):
    with pytest.raises(Failure) as failure:
        infer(make_statistics(train=train), **settings)
    assert message in str(failure.value)


def test_a_schema_needs_examples_of_train(train, make_statistics, infer):
    with pytest.raises(Failure, match="no split train to infer a schema from, only test"):
        infer(make_statistics(test=train))
    with pytest.raises(Failure, match="train holds no examples"):
        infer(make_statistics(train=[], test=train))
