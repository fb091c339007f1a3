"""Custom properties of ML Metadata as plain values."""


def plain(properties):
    """{name: str, int or float} of the custom properties of an artifact, execution or context."""
    return {
        name: getattr(value, value.WhichOneof("value"))
        for name, value in properties.items()
        if value.WhichOneof("value")
    }
