"""The verbs `predict`, `batch-predict` and `lineage`: what a pushed model says and comes from."""

import json

from cli.configuration_arguments import (
    add_configuration,
    add_place,
    configuration_of,
    place_of,
)
from failures import ConfigurationError
from pipeline.quiet import chatter_away


def add_verbs(verbs):
    """Adds the verbs to what argparse's add_subparsers returned."""
    predict = verbs.add_parser("predict", help="what the pushed model says of images")
    predict.add_argument("images", nargs="+", metavar="IMAGE", help="files, folders, globs")
    predict.add_argument("--json", action="store_true", help="one JSON object an image")
    predict.add_argument("--top", type=int, default=5, help="classes to show (default: 5)")
    predict.add_argument(
        "--output", metavar="FOLDER", help="for the masks of a segmentation model, as PNG files"
    )
    predict.set_defaults(verb=_predict)
    batch = verbs.add_parser("batch-predict", help="predictions for many images, resumable")
    batch.add_argument(
        "--input",
        required=True,
        metavar="PLACE",
        help="TFRecords of Examples (a folder or a glob), a folder of images, or "
        "tfds:NAME[:VERSION] with --split",
    )
    batch.add_argument("--output", required=True, metavar="FOLDER", help="for predictions-*.jsonl")
    batch.add_argument("--split", metavar="EXPRESSION", help="of a TFDS dataset, as in test[:10%%]")
    batch.add_argument("--data-dir", metavar="FOLDER", help="where TFDS keeps its datasets")
    batch.set_defaults(verb=_batch_predict)
    for verb in (predict, batch):
        add_place(verb, "--model", "a push destination or a SavedModel")
    lineage = verbs.add_parser("lineage", help="which data, code and settings made a version")
    lineage.add_argument("version", type=int, metavar="MODEL_VERSION")
    lineage.add_argument("--json", action="store_true", help="as JSON")
    lineage.set_defaults(verb=_lineage)
    add_configuration(lineage)


def _predict(arguments):
    if arguments.top < 1:
        raise ConfigurationError(f"--top {arguments.top}; allowed: 1 or more")
    place = place_of(arguments)
    with chatter_away() as screen:
        from cli.predictions import predict

        return predict(
            arguments.images,
            place,
            arguments.top,
            arguments.json,
            print,
            lambda line: print(line, file=screen, flush=True),
            arguments.output,
        )


def _batch_predict(arguments):
    place = place_of(arguments)
    if arguments.input.startswith("tfds:") != (arguments.split is not None):
        raise ConfigurationError("batch-predict: tfds:NAME and --split go together")
    with chatter_away() as screen:
        from cli.predictions import batch_predict

        return batch_predict(
            arguments.input, arguments.split, arguments.data_dir, arguments.output, place, screen
        )


def _lineage(arguments):
    configuration = configuration_of(arguments)
    with chatter_away():
        from pipeline.lineage import lineage_of

        lineage = lineage_of(configuration, arguments.version)
    if arguments.json:
        print(json.dumps(lineage, indent=2, sort_keys=True))
        return
    for line in _lines(lineage):
        print(line)


def _lines(lineage):
    data, commit = lineage["data"], lineage["git_commit"]
    counts = ", ".join(f"{role} {count:,}" for role, count in data["counts"].items())
    facts = {
        f"version {lineage['version']}": lineage["path"],
        "restored from": lineage["restored_from"] and f"version {lineage['restored_from']}",
        "metrics": ", ".join(f"{name} {value:.4f}" for name, value in lineage["metrics"].items()),
        "model": lineage["model"],
        "run": lineage["run"],
        "data": f"{data['dataset']}, {counts}" if data["dataset"] else "see Kubeflow's run",
        "data fingerprint": data["fingerprint"],
        "schema": lineage["schema"],
        "transform graph": lineage["transform_graph"],
        "code": f"commit {commit}, {lineage['git_state']}" if commit else "not recorded",
        "lock": lineage["lock_sha256"] or "not recorded",
    }
    yield from (f"{name:<17} {fact}" for name, fact in facts.items() if fact)
    if lineage["configuration"] is None:
        yield "configuration     not recorded"
        return
    import yaml

    yield "configuration"
    plain = yaml.safe_dump(lineage["configuration"], sort_keys=False, allow_unicode=True)
    yield from (f"  {line}" for line in plain.splitlines())
