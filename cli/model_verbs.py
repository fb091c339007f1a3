"""The verbs `models`, `predict`, `batch-predict` and `lineage`: what they take, whom they call."""

import sys

from failures import ConfigurationError, Failure
from pipeline.quiet import chatter_away
from settings.reading import load

_ACTIONS = {
    "list": "what is pushed, and which version serves",
    "show": "what made one version, and its metrics",
    "rollback": "serve an earlier version again; without VERSION: the one that served before",
    "pin": "never prune a version",
    "unpin": "take the pin away",
    "prune": "remove old versions, never the one in service, the champion or a pinned one",
}


def add_verbs(verbs, add_configuration):
    """Adds the verbs to the command line.

    Args:
      verbs: what argparse's add_subparsers gave.
      add_configuration: callable; gives a parser --config and --set.
    """
    _add_models(verbs)
    _add_predict(verbs)
    _add_batch_predict(verbs)
    lineage = verbs.add_parser("lineage", help="which data, code and settings made a version")
    lineage.add_argument("version", type=int, metavar="MODEL_VERSION")
    lineage.add_argument("--json", action="store_true", help="as JSON")
    add_configuration(lineage)
    lineage.set_defaults(verb=lambda arguments: _told(_lineage, arguments))


def reproduce(configuration, version, results):
    """Repeats the run that made a version; returns the exit code."""
    from pipeline.reproduce import reproduce

    try:
        return reproduce(configuration, version, results)
    except Failure as failure:
        print(f"steadyfeed: {failure}", file=sys.stderr)
        return 1


def _add_models(verbs):
    models = verbs.add_parser("models", help="the pushed versions: list, roll back, prune")
    actions = models.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, description in _ACTIONS.items():
        action = actions.add_parser(name, help=description)
        _add_place(action, "--destination", "a push destination")
        if name in ("show", "pin", "unpin"):
            action.add_argument("version", type=int, metavar="VERSION")
        if name == "rollback":
            action.add_argument("version", type=int, nargs="?", metavar="VERSION")
        if name == "prune":
            action.add_argument("--keep", type=int, default=5, help="newest ones (5)")
            action.add_argument(
                "--grace-seconds", type=float, default=60.0, help="since it served last (60)"
            )
        if name in ("list", "show"):
            action.add_argument("--json", action="store_true", help="as JSON")
        action.set_defaults(verb=lambda arguments: _told(_models, arguments), action=name)


def _add_predict(verbs):
    predict = verbs.add_parser("predict", help="what the pushed model says of images")
    predict.add_argument("images", nargs="+", metavar="IMAGE", help="files, folders, globs")
    predict.add_argument("--json", action="store_true", help="one JSON object an image")
    predict.add_argument("--top", type=int, default=5, help="classes to name (5)")
    predict.add_argument(
        "--output", metavar="FOLDER", help="for the masks of a segmentation model, as PNG files"
    )
    _add_place(predict, "--model", "a push destination or a SavedModel")
    predict.set_defaults(verb=lambda arguments: _told(_predict, arguments))


def _add_batch_predict(verbs):
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
    _add_place(batch, "--model", "a push destination or a SavedModel")
    batch.set_defaults(verb=lambda arguments: _told(_batch_predict, arguments))


def _add_place(parser, flag, description):
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--config", metavar="FILE", help="a file of configs/")
    place.add_argument(flag, dest="place", metavar="DIR", help=description)
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="replace one value"
    )


def _told(verb, arguments):
    """Runs a verb; what went wrong becomes a line instead of a traceback."""
    try:
        with chatter_away() as screen:
            return verb(arguments, screen)
    except Failure as failure:
        print(f"steadyfeed: {failure}", file=sys.stderr)
        return 1
    except _errors_of_tensorflow() as error:
        cause = error.message.strip().splitlines()[0][:300]
        print(f"steadyfeed: {cause}. Name another place, or make it readable.", file=sys.stderr)
        return 1


def _errors_of_tensorflow():
    """What its file functions raise; none where a verb failed before it was loaded."""
    tensorflow = sys.modules.get("tensorflow")
    return (tensorflow.errors.OpError,) if tensorflow else ()


def _place(arguments):
    if arguments.config is None:
        if arguments.set:
            raise ConfigurationError("--set replaces a value of a file: give --config as well")
        return arguments.place
    return load(arguments.config, arguments.set).push.destination


def _models(arguments, _):
    destination = _place(arguments)
    from pipeline import model_versions

    return model_versions.ACTIONS[arguments.action](destination, arguments, print)


def _predict(arguments, screen):
    if arguments.top < 1:
        raise ConfigurationError(f"--top {arguments.top}: 1 or more is allowed")
    place = _place(arguments)
    from pipeline.predict import predict

    return predict(
        arguments.images, place, arguments.top, arguments.json, print, _to(screen), arguments.output
    )


def _batch_predict(arguments, screen):
    place = _place(arguments)
    if arguments.input.startswith("tfds:") != (arguments.split is not None):
        raise ConfigurationError("batch-predict: tfds:NAME and --split go together")
    from pipeline.batch_predict import batch_predict

    return batch_predict(
        arguments.input, arguments.split, arguments.data_dir, arguments.output, place, screen
    )


def _lineage(arguments, _):
    configuration = load(arguments.config, arguments.set)
    from pipeline.lineage import show_lineage

    return show_lineage(configuration, arguments.version, arguments.json, print)


def _to(screen):
    return lambda line: print(line, file=screen, flush=True)
