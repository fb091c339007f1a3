"""A model's layers in the order in which the pixels pass them: its body, and how deep it is."""

import keras


def leaves(model: keras.Model) -> list[keras.layers.Layer]:
    """All layers, those of models within it in their place."""
    found = []
    for layer in model.layers:
        found += leaves(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def backbone(model: keras.Model) -> keras.Model | None:
    """The one model within it; None where there is none, or several.

    Nor is it one that holds the classifier, as a user's network may.
    """
    inner = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    if len(inner) != 1 or last_with_weights(model) in leaves(inner[0]):
        return None
    return inner[0]


def body(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers that mean something for other classes too.

    Those of the backbone; without one, all below the last layer that has weights.
    """
    inner = backbone(model)
    if inner is not None:
        return leaves(inner)
    found = leaves(model)
    return found[: found.index(last_with_weights(model))]


def last_with_weights(model: keras.Model) -> keras.layers.Layer:
    return [layer for layer in leaves(model) if layer.weights][-1]


def stages_of(layers: list[keras.layers.Layer]) -> list[int]:
    """The stage of each layer, from 0: a new one begins where features have a smaller side.

    Layers whose features have no sides are in the stage before them.
    """
    found, stage, smallest = [], 0, None
    for layer in layers:
        side = _side(layer)
        if smallest is None:
            smallest = side
        elif side is not None and side < smallest:
            stage, smallest = stage + 1, side
        found.append(stage)
    return found


def _side(layer: keras.layers.Layer) -> int | None:
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):  # It is called within a layer, or more than once.
        return None
    # One cell, as squeeze-and-excitation has it, says nothing about the features beside it.
    sides = [side for side in shape[1:3] if side] if len(shape) == 4 else []
    return max(sides) if sides and max(sides) > 1 else None
