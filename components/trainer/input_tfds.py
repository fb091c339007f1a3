"""A prepared TFDS dataset as a source: encoded images, decoded and resized on the way."""

import json

from components.failure import Failure
from components.trainer import input_jpeg
from components.trainer.input_decode import decode_features, decoding, fill_rows
from components.trainer.input_features import Feature
from components.trainer.input_source import Source


def source(
    name: str,
    split: str,
    image: Feature,
    target: Feature,
    data_dir: str | None = None,
    download: bool = False,
    least_scale: float = 1.0,
) -> Source:
    """The examples of one split of a TFDS dataset.

    Args:
      name: `name`, `name/config`, `name:version` or `name/config:version`.
      split: a TFDS split expression, as in "train[:90%]".
      image: the image feature and the shape it is brought to.
      target: a number's feature, or that of a mask in a PNG.
      data_dir, download: as `components.tfds_example_gen.dataset.load`'s.
      least_scale: as `decode_images`'s.

    Raises:
      Failure: there is no such dataset, split or feature.
    """
    # Here and not above: batches of this pipeline's own Examples need TensorFlow alone.
    import tensorflow_datasets as tfds

    from components.tfds_example_gen import dataset

    builder = dataset.load(name, data_dir, download)
    features = (image, target)
    for feature in features:
        if feature.name not in builder.info.features:
            raise Failure(
                f"Dataset {name} has no feature {feature.name!r}. "
                f"Choose from: {', '.join(sorted(builder.info.features))}."
            )
    try:
        examples = builder.info.splits[split].num_examples
    except (KeyError, ValueError) as error:
        raise Failure(
            f"Dataset {name} has no split {split!r}. "
            f"Choose from: {', '.join(builder.info.splits)}, or a part of one as in train[:90%]."
        ) from error
    encoded = {f.name: tfds.decode.SkipDecoding() for f in features if f.dtype == "uint8"}
    records = builder.as_dataset(
        split=split,
        decoders=tfds.decode.PartialDecoding({f.name: True for f in features}, decoders=encoded),
        read_config=tfds.ReadConfig(try_autocache=False),
    ).map(lambda example: tuple(example[feature.name] for feature in features))

    def fill(values, start, arrays):
        return fill_rows(values, features, least_scale, start, arrays)

    described = f"Dataset {builder.info.full_name}, split {split}"
    return Source(
        name=described,
        identity=json.dumps(
            [builder.info.full_name, split, str(builder.data_dir), decoding(least_scale)]
        ),
        features=features,
        # TFDS mixes the examples when it prepares them: the shuffle buffer does the rest.
        elements=lambda seed: records,
        decode=lambda *values: decode_features(values, features, least_scale),
        fill=fill if input_jpeg.available() else None,
        at_most=examples,
        count=lambda: examples,
        explain=lambda error: Failure(
            f"{described}: {error.message.splitlines()[0]}. Prepare the dataset again."
        ),
    )
