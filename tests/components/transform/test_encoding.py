"""Examples of one form, against the messages that protobuf makes of the same values."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.transform.encoding import FixedExample
from files import tfrecords
from tests import tensorflow_records

INT64 = st.integers(-(2**63), 2**63 - 1)


@settings(max_examples=50, deadline=None)
@given(
    numbers=st.lists(INT64, min_size=1, max_size=9),
    sizes=st.tuples(st.integers(0, 300), st.integers(1, 40)),
    weight=st.floats(width=32, allow_nan=False),
)
def test_a_batch_is_what_protobuf_and_tensorflow_read(tmp_path_factory, numbers, sizes, weight):
    form = FixedExample({"image": sizes[0], "mask": sizes[1], "label": "int64", "w": "float32"})
    draw = np.random.default_rng(sizes[0])
    columns = {
        "image": draw.integers(0, 256, (len(numbers), sizes[0]), np.uint8),
        "mask": draw.integers(0, 256, (len(numbers), sizes[1]), np.uint8),
        "label": np.array(numbers, np.int64),
        "w": np.full(len(numbers), weight, np.float32),
    }
    file = tmp_path_factory.mktemp("encoding") / "examples.tfrecord"
    records = form.encode_batch(columns)
    tfrecords.set_frames(records)
    file.write_bytes(records)

    ours = list(tfrecords.records(file))
    assert ours == tensorflow_records.records(file)
    assert form.may_fill(str(file))
    for row, record in enumerate(ours):
        features = tf.train.Example.FromString(record).features.feature
        assert features["image"].bytes_list.value == [columns["image"][row].tobytes()]
        assert features["mask"].bytes_list.value == [columns["mask"][row].tobytes()]
        assert features["label"].int64_list.value == [numbers[row]]
        assert features["w"].float_list.value == [weight]
        one = {name: columns[name][row].tobytes() for name in ("image", "mask")}
        assert record == form.encode({**one, "label": numbers[row], "w": weight})


def test_a_batch_of_none_is_no_record():
    form = FixedExample({"image": 4, "label": "int64"})
    columns = {"image": np.zeros((0, 4), np.uint8), "label": np.zeros(0, np.int64)}
    records = form.encode_batch(columns)
    tfrecords.set_frames(records)
    assert records.shape == (0, form.record_bytes)
