"""An Example that is written without protobuf is the one that protobuf writes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.examples.reading import example_message, serialized, serialized_pieces

# Sizes at which a varint takes one byte more, with what stands around the value.
sizes = st.one_of(*(st.integers(max(0, 1 << bits) - 30, (1 << bits) + 3) for bits in (7, 14, 21)))
value = st.one_of(st.binary(max_size=40), sizes.map(bytes), st.floats(width=32, allow_nan=False))
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=140)


@pytest.mark.slow
@settings(deadline=None)
@given(st.dictionaries(names, value, min_size=1, max_size=4))
def test_an_example_is_that_of_protobuf(values):
    example = example_message()()
    for name, one in values.items():
        feature = example.features.feature[name]
        kind = feature.bytes_list if isinstance(one, bytes) else feature.float_list
        kind.value.append(one)

    found = serialized(values)
    assert example_message().FromString(found) == example
    assert len(found) == example.ByteSize()
    assert found == serialized(dict(reversed(values.items())))


def test_pieces_of_an_example_do_not_copy_its_image():
    image = bytes(1000)
    assert any(piece is image for piece in serialized_pieces({"image": image, "label": b"cat"}))
