"""What several models are told alike, and what it may be."""

from collections.abc import Sequence


def check_filters(filters: Sequence[int], at_least: int = 0) -> None:
    """Raises ValueError unless these are whole numbers above 0, and so many of them."""
    if (
        not isinstance(filters, list | tuple)
        or len(filters) < at_least
        or not all(type(count) is int and count > 0 for count in filters)
    ):
        least = f", at least {at_least}" if at_least else ""
        raise ValueError(f"filters is {filters!r}, and must be whole numbers above 0{least}.")


def check_dropout(dropout: float) -> None:
    """Raises ValueError unless some of the features are kept; Keras allows to drop them all."""
    if type(dropout) not in (int, float) or not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout!r}, and must be a number from 0 to below 1.")
