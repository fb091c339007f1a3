"""What an example, or a pixel, of each class weighs in the training loss."""

from collections.abc import Callable, Mapping, Sequence

from failures import Failure

_NAMED = 20  # classes that a message lists


def weights_of(
    wanted: str | Mapping[str, float] | None,
    names: Sequence[str],
    counts: Callable[[], Sequence[int]],
) -> list[float] | None:
    """The weights by class id; None where all are 1.

    Args:
      wanted: `training.class_weights`.
      names: of the classes, by class id.
      counts: gives how often the training split has each.

    Raises:
      Failure: a name is not a class, or no class weighs anything.
    """
    if wanted is None:
        return None
    if wanted == "balanced":
        return balanced(counts())
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        listed = ", ".join(names[:_NAMED]) + ", …" * (len(names) > _NAMED)
        raise Failure(
            f"Trainer: training.class_weights: given {unknown[0]!r}, which is not a class; "
            f"allowed: {listed}"
        )
    weights = [wanted.get(name, 1.0) for name in names]
    if not any(weights):
        raise Failure(
            "Trainer: training.class_weights: every class has the weight 0; allowed: a weight "
            "above 0 for at least one class"
        )
    return weights


def balanced(counts: Sequence[int]) -> list[float]:
    """Weights that make all classes that occur weigh the same, and an example 1 on average.

    They are scikit-learn's; a class that does not occur gets 0. With several labels, they are for
    the images that have a class, as `pos_weight` of PyTorch.
    """
    occurring = sum(count > 0 for count in counts)
    return [sum(counts) / (occurring * count) if count else 0.0 for count in counts]
