"""One string that changes whenever the examples of a run could differ."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from components.tfds_example_gen.dataset import class_names
from components.tfds_example_gen.preparation import first_line
from components.tfds_example_gen.splits import Piece
from failures import Failure
from files.places import sha256, size
from files.strict_json import text_of

# Below this the content itself is hashed, at about 1 GB/s. Above it reading everything
# would cost more than it saves, and the store's checksums or, of files that are no copies of a
# bucket's objects, the file system's own record of change stand in.
_HASHED_BYTES = 128 << 20
_SAMPLE_BYTES = 64 << 10


def fingerprint(
    builder: tfds.core.DatasetBuilder,
    roles: Mapping[str, Sequence[Piece]],
    exclude_labels: Sequence[str] = (),
    held: Any = None,
) -> str:
    """Identifies dataset, version, class names, splits, labels left out and content of the files.

    Up to 128 MiB of files are hashed whole. Of more, each file counts with its size, its
    time of modification, where there is one its time of change (which a local file system
    sets on every write, and no program can set back), and three blocks of its content.
    Copying or touching such files is then taken for a change; no change is overlooked. The copy
    of a bucket may be made anew at any time: there, the store's checksums count instead.

    Args:
        held: the bucket's LocalCopy in which the dataset lies; None where it is no copy.

    Returns:
        64 hexadecimal digits.

    Raises:
        Failure: A file of the dataset is missing or cannot be read.
    """
    paths = sorted({piece.path for pieces in roles.values() for piece in pieces})
    try:
        sizes = [size(path) for path in paths]
        is_small = sum(sizes) <= _HASHED_BYTES
        tags = [None] * len(paths) if held is None or is_small else held.tags(paths)
        digest = sha256 if is_small else _hash_marks
        with ThreadPoolExecutor() as pool:  # hashlib and the file system release the GIL
            digests = list(pool.map(lambda path, tag: tag or digest(path), paths, tags))
    except (tf.errors.OpError, OSError) as error:
        raise Failure(
            f"{builder.info.full_name} cannot be read: {first_line(error)}. Copy its folder "
            "again, or delete it and prepare the dataset again."
        ) from error
    name = [os.path.basename(path) for path in paths]
    content = {
        "dataset": builder.info.full_name,
        "features": builder.info.features.to_json(),
        "class_names": class_names(builder),
        **({"exclude_labels": sorted(exclude_labels)} if exclude_labels else {}),
        "files": list(zip(name, sizes, digests, strict=True)),
        "splits": {
            role: [(os.path.basename(piece.path), piece.skip, piece.take) for piece in pieces]
            for role, pieces in roles.items()
        },
    }
    return hashlib.sha256(text_of(content, sort_keys=True).encode()).hexdigest()


def _hash_marks(path: str) -> str:
    status = tf.io.gfile.stat(path)
    changed = os.stat(path).st_ctime_ns if "://" not in path else None
    digest = hashlib.sha256(repr((status.length, status.mtime_nsec, changed)).encode())
    with tf.io.gfile.GFile(path, "rb") as file:
        for part in range(3):
            file.seek(max(0, status.length - _SAMPLE_BYTES) * part // 2)
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()
