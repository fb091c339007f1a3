"""Custom properties of ML Metadata as plain values, and the one that every artifact has."""


def plain(properties):
    """{name: str, int or float} of the custom properties of an artifact, execution or context."""
    return {
        name: getattr(value, value.WhichOneof("value"))
        for name, value in properties.items()
        if value.WhichOneof("value")
    }


def summaries(outputs):
    """What a component's outputs say of themselves, without what another one says too.

    Args:
      outputs: {output: its custom properties as `plain` returns them}.
    """
    every = [outputs[name].get("summary") for name in sorted(outputs)]
    every = list(dict.fromkeys(filter(None, every)))
    return [text for text in every if not any(text in other for other in every if other != text)]
