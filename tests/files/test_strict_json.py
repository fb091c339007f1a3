"""What is written as JSON is JSON to every parser, whatever the numbers."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from files.strict_json import text_of


def strictly(text):
    """The value of a text of JSON; Python's own additions raise."""

    def refuse(token):
        raise AssertionError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


_values = st.recursive(
    st.none() | st.floats() | st.text(max_size=3) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
)


@given(_values)
def test_a_number_that_is_not_finite_is_null_and_all_else_is_as_it_was(value):
    def expected(one):
        if isinstance(one, dict):
            return {key: expected(inner) for key, inner in one.items()}
        if isinstance(one, list):
            return [expected(inner) for inner in one]
        return None if isinstance(one, float) and not math.isfinite(one) else one

    assert strictly(text_of(value)) == expected(value)
