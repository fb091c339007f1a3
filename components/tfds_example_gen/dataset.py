"""Finds the TFDS dataset that a run asks for, and has it prepared where that is allowed."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import constants, read_only_builder, registered
from tensorflow_datasets.core.utils import conversion_utils, file_utils

from components.tfds_example_gen import embedded, preparation
from components.tfds_example_gen.splits import did_you_mean
from failures import Failure
from settings.plain_paths import WITHOUT, is_plain

# Before the name of a dataset of Hugging Face. The package `datasets`, by which TFDS prepares it,
# needs a newer pyarrow than TFX allows; what is prepared can be read without it.
HUGGING_FACE = "hf:"

_MOST_NAMED = 12  # how many names one message lists


@dataclass(frozen=True)
class Request:
    """What a dataset's name asks for; `version` may hold wildcards, as in "3.*.*"."""

    name: str
    config: str | None
    version: str | None
    hub_name: str | None = None  # "owner/name", of Hugging Face

    def __str__(self) -> str:
        name = HUGGING_FACE + self.hub_name if self.hub_name else self.name
        config = f"/{self.config}" if self.config else ""
        version = f":{self.version}" if self.version else ""
        return name + config + version


def parse(name: str) -> Request:
    """Reads `name`, `name/config`, `name:version` or `name/config:version`.

    Of Hugging Face: `hf:owner/name`, `hf:owner/name/config`, both also with a version.
    """
    if name.startswith(HUGGING_FACE):
        return _of_hugging_face(name)
    try:
        parsed, options = tfds.core.naming.parse_builder_name_kwargs(name)
    except ValueError:
        parsed, options = None, {}
    if parsed is None or parsed.namespace or set(options) - {"config", "version"}:
        raise Failure(
            f"Dataset: {name!r} is not the name of a TFDS dataset. Write 'name', 'name/config', "
            "'name:1.0.0' or 'name/config:1.0.0'."
        )
    return Request(parsed.name, options.get("config"), options.get("version"))


def _of_hugging_face(name: str) -> Request:
    """The name that TFDS gives a dataset when it prepares it from there."""
    plain, _, version = name.removeprefix(HUGGING_FACE).partition(":")
    *owner, dataset, config = plain.split("/") if plain.count("/") == 2 else [*plain.split("/"), ""]
    hub_name = "/".join([*owner, dataset])
    if not all(part.strip("._-") for part in hub_name.split("/")) or plain.count("/") > 2:
        raise Failure(
            f"Dataset: {name!r} is not the name of a dataset of Hugging Face. Write "
            "'hf:owner/name' or 'hf:owner/name/config', with ':1.0.0' for a version."
        )
    return Request(
        conversion_utils.to_tfds_name(hub_name),
        conversion_utils.to_tfds_name(config) if config else None,
        version or None,
        hub_name,
    )


def load(
    name: str, data_dir: str | None = None, download: bool = False, allowed_by: str = ""
) -> tfds.core.DatasetBuilder:
    """Returns the builder of a prepared dataset.

    A dataset that is prepared in `data_dir` is read as it is there; without a version in
    its name, the newest one there. TFDS's code for it is only asked to prepare it.

    Args:
        name: As `parse` reads it.
        data_dir: Where TFDS keeps its datasets; by default TFDS's own place, which the
            environment variable TFDS_DATA_DIR names, or else ~/tensorflow_datasets.
        download: Whether a dataset that is not prepared may be downloaded. The embedded
            datasets need no permission.
        allowed_by: What the user would write to allow it, for the message; "" if nothing does.

    Raises:
        Failure: There is no such dataset, config or version, or it cannot be prepared.
    """
    request = parse(name)
    # TFDS would look for a folder named "file:".
    data_dir = os.path.expanduser((data_dir or constants.DATA_DIR).removeprefix("file://"))
    if "://" not in data_dir:
        data_dir = os.path.abspath(data_dir)  # workers elsewhere have another working directory
    if not is_plain(data_dir):
        raise Failure(f"Dataset {request}: data_dir {data_dir!r} must be a path {WITHOUT}.")
    comes_along = request.name in embedded.MODULES
    newest = embedded.register(request.name) if comes_along else None
    # An older version that is still on the disk must not hide the one that comes along.
    if newest and (not request.version or newest.match(request.version)):
        request = replace(request, version=str(newest))
    prepared, flaw = _prepared(request, data_dir)
    if prepared and not flaw:
        preparation.remove_killed(request.name, data_dir)
        return prepared
    if flaw and newest:
        preparation.discard(request.name, request.version, data_dir)
    elif flaw:
        raise Failure(
            f"Dataset {request} in {data_dir} is not whole: {flaw}. Copy it again, or delete its "
            "folder there and prepare it again."
        )
    if request.hub_name:
        raise _not_prepared_from_hub(request, data_dir)
    if comes_along and not newest:
        packages = " and ".join(embedded.PACKAGES.values())
        raise Failure(
            f"Dataset {request} is not prepared in {data_dir}. Install {packages}, which it is "
            f"made with, or name the data_dir that has it prepared.{_available(data_dir)}"
        )
    coded = _coded(request, data_dir)
    if not (download or newest):
        allow = f", or allow the download by {allowed_by}" if allowed_by else ""
        raise Failure(
            f"Dataset {request} is not prepared in {data_dir}. Run "
            f"`{preparation.command(coded, data_dir)}` first{allow}.{_available(data_dir)}"
        )
    preparation.prepare(coded, data_dir, embedded=newest is not None)
    return tfds.builder_from_directory(coded.data_dir)


def class_names(builder: tfds.core.DatasetBuilder) -> dict[str, list[str]]:
    """Returns the names of each label feature's classes, in the order of their ids."""
    return {
        name: feature.names
        for name, feature in _all_kinds(builder)
        if isinstance(feature, tfds.features.ClassLabel) and feature.names
    }


def feature_names(builder: tfds.core.DatasetBuilder) -> list[str]:
    """Returns what an Example's features are called, those of sequences too."""
    return [name for name, _ in _all_kinds(builder)]


def _all_kinds(
    builder: tfds.core.DatasetBuilder,
) -> Iterator[tuple[str, tfds.features.FeatureConnector]]:
    for name, feature in kinds(builder.info.features).items():
        yield from _in_sequences(name, feature)


def _in_sequences(name: str, feature) -> Iterator[tuple[str, tfds.features.FeatureConnector]]:
    """What sequences are of, by the names that it has in an Example, such as "objects/label"."""
    if not isinstance(feature, tfds.features.Sequence):
        yield name, feature
    elif isinstance(feature.feature, tfds.features.FeaturesDict):
        for key, inner in feature.feature.items():
            yield from _in_sequences(f"{name}/{key}", inner)
    else:
        yield from _in_sequences(name, feature.feature)


def check_pictures(builder: tfds.core.DatasetBuilder, names: Iterable[str]) -> None:
    """Raises a Failure for images or masks whose bytes TFDS does not mean as 8 or 16 bits.

    TFDS keeps an image of floats as the bit pattern of each of them, in a PNG of four channels.
    """
    known = kinds(builder.info.features)
    for name in names:
        kind = known.get(name)
        if isinstance(kind, tfds.features.Image) and kind.np_dtype not in (np.uint8, np.uint16):
            raise Failure(
                f"Feature {name!r} of dataset {builder.info.full_name} is an Image of "
                f"{np.dtype(kind.np_dtype).name}, and uint8 or uint16 is needed. Name another "
                "feature, or prepare the dataset with pixels from 0 to 255."
            )


def kinds(features, above: str = "") -> dict[str, tfds.features.FeatureConnector]:
    """The features by the names that they have in an Example, such as "meta/label"."""
    found = {}
    for name, feature in features.items():
        if isinstance(feature, tfds.features.FeaturesDict):
            found |= kinds(feature, f"{above}{name}/")
        else:
            found[above + name] = feature
    return found


def _prepared(request: Request, data_dir: str) -> tuple[tfds.core.DatasetBuilder | None, str]:
    """Returns the builder of what is prepared in `data_dir`, if any, and what is wrong with it."""
    root = epath.Path(data_dir)
    try:
        if not root.exists() or request.name not in {path.name for path in root.iterdir()}:
            return None, ""
        list((root / request.name).iterdir())  # TFDS takes for missing what it may not read
    except (OSError, tf.errors.OpError) as error:
        raise Failure(
            f"Dataset {request}: data_dir {data_dir} cannot be read: {error}. Name a readable "
            "folder as data_dir or correct its permissions."
        ) from error
    try:
        builder = read_only_builder.builder_from_files(
            request.name, data_dir=data_dir, config=request.config, version=request.version
        )
    except registered.DatasetNotFoundError:
        # TFDS looks at the newest version alone, though it may be an empty folder.
        whole = [v for config, v in _variants(request.name, data_dir) if config == request.config]
        if request.version or not whole:
            return None, ""
        newest = str(max(map(tfds.core.Version, whole)))
        return _prepared(replace(request, version=newest), data_dir)
    except Exception as error:  # a damaged dataset_info.json or features.json: many kinds
        return None, preparation.first_line(error)
    return builder, preparation.flaw(builder.data_dir)


def _not_prepared_from_hub(request: Request, data_dir: str) -> Failure:
    config = f", config={request.config!r}" if request.config else ""
    return Failure(
        f"Dataset {request} is not prepared in {data_dir}. In an environment of its own with "
        'tensorflow-datasets and datasets, run `python -c "import tensorflow_datasets as tfds; '
        f"tfds.builder('huggingface:{request.hub_name}'{config}, data_dir='{data_dir}')"
        f'.download_and_prepare()"` first.{_available(data_dir)}'
    )


def _coded(request: Request, data_dir: str) -> tfds.core.DatasetBuilder:
    """Returns the builder that TFDS's code gives, not yet prepared."""
    try:
        code = tfds.builder_cls(request.name)
    except registered.DatasetNotFoundError as error:
        raise _unknown(request, None, data_dir) from error
    try:
        return code(data_dir=data_dir, config=request.config, version=request.version)
    except (ValueError, AssertionError) as error:
        if request.config or request.version:
            raise _unknown(request, code, data_dir) from error
        raise


def _unknown(request: Request, code: type | None, data_dir: str) -> Failure:
    """Says what of a request there is not, and what there is, in TFDS's code or prepared."""
    variants = _variants(request.name, data_dir)
    if not code and not variants:
        known = tfds.list_builders(with_community_datasets=False)
        close = did_you_mean(request.name, {*known, *embedded.MODULES, *_names(data_dir)})
        return Failure(
            f"There is no dataset {request.name!r}.{close}{_available(data_dir)} Correct the name, "
            "or name the data_dir that has it prepared."
        )
    configs = {config for config, _ in variants if config}
    configs |= {config.name for config in code.builder_configs.values()} if code else set()
    if request.config not in (configs or {None}):
        lacks = f"no config {request.config!r}" if request.config else "no default config"
        way_on = f"Name one of {_listed(configs)}" if configs else "Leave the config out"
        return Failure(
            f"Dataset {request.name} has {lacks}. {way_on}."
            + did_you_mean(request.config or "", configs)
        )
    versions = {version for config, version in variants if config == request.config}
    versions |= {str(one) for one in (code.VERSION, *code.SUPPORTED_VERSIONS)} if code else set()
    return Failure(
        f"Dataset {request.name} has no version {request.version}. It has: {_listed(versions)}. "
        "Name one of them, or leave the version out."
    )


def _variants(name: str, data_dir: str) -> list[tuple[str | None, str]]:
    """Lists config and version of what is prepared of a dataset."""
    folder = epath.Path(data_dir) / name
    if not folder.is_dir():
        return []
    return [(one.config, str(one.version)) for one in file_utils.list_dataset_variants(folder)]


def _available(data_dir: str) -> str:
    return (
        f" Prepared in {data_dir}: {_listed(_names(data_dir)) or 'none'};"
        f" coming with the project: {_listed(embedded.MODULES)}."
    )


def _names(data_dir: str) -> set[str]:
    """Lists the datasets that are prepared in `data_dir`."""
    if not tf.io.gfile.isdir(data_dir):
        return set()
    return {one.dataset_name for one in file_utils.list_datasets_in_data_dir(data_dir)}


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = len(ordered) - _MOST_NAMED
    return ", ".join(ordered[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
