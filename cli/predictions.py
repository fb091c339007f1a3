"""The verbs `predict` and `batch-predict`: what a pushed model says of images."""

import time

from cli.configuration_arguments import add_place, check_local, configuration_or_none, place_of
from failures import ConfigurationError, Failure
from files import writing
from files.strict_json import text_of
from pipeline.quiet import chatter_away
from settings.bigquery_source import BigquerySource
from settings.buckets import Cached
from settings.configuration import Configuration

_BIGQUERY = "bigquery:"


def add_verbs(verbs):
    """Adds the verbs to what argparse's add_subparsers returned."""
    predict = verbs.add_parser("predict", help="predict images with the pushed model")
    predict.add_argument(
        "images", nargs="+", metavar="IMAGE", help="files, folders or globs, here or in a bucket"
    )
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
        help="TFRecords of Examples (a folder or a glob), a folder of images or a manifest "
        "(.csv, .jsonl or .parquet), here or in a bucket; bigquery:TABLE, or bigquery: for what "
        "--config reads; tfds:NAME[:VERSION] or hf:OWNER/NAME with --split",
    )
    batch.add_argument("--output", required=True, metavar="FOLDER", help="for predictions-*.jsonl")
    batch.add_argument("--split", metavar="EXPRESSION", help="of a TFDS dataset, as in test[:10%%]")
    batch.add_argument("--data-dir", metavar="FOLDER", help="where TFDS keeps its datasets")
    batch.set_defaults(verb=_batch_predict)
    for verb in (predict, batch):
        verb.add_argument(
            "--reject-below",
            type=float,
            metavar="P",
            help="mark answers of a lower probability as rejected, 0 to 1",
        )
        add_place(verb, "--model", "a push destination or a SavedModel")


def _predict(arguments):
    """Predicts images and prints an answer for each; 1 when one was skipped."""
    if arguments.top < 1:
        raise ConfigurationError(f"--top {arguments.top}; allowed: 1 or more")
    _check_threshold(arguments.reject_below)
    configuration = configuration_or_none(arguments)
    with chatter_away() as screen:
        from components.batch_predictor import images
        from components.examples.picture_files import shown
        from components.model_store.layout import newest_path

        def complain(line):
            print(f"steadyfeed: {line}", file=screen, flush=True)

        files, left_out = images.expand(arguments.images, _cached(configuration))
        if left_out:
            complain(f"{left_out}.")
        masks = images.mask_files(files.paths, arguments.output)
        path = newest_path(place_of(arguments, configuration))
        # After what can be checked without it: this import takes seconds.
        from components.batch_predictor.pushed_model import PushedModel
        from components.mask_palette import mask_png

        loaded = PushedModel(path)
        if masks and not loaded.gives_masks:
            raise Failure(f"--output is for masks, and {loaded.path} gives none. Leave it out.")
        _refuse_threshold(arguments.reject_below, loaded)
        skipped = rejected = 0
        for file, answer in images.answers(loaded, files.paths):
            if answer.error:
                skipped += 1
                complain(f"{shown(file)} is skipped: {answer.error}")
                continue
            facts = _facts(file, answer, loaded, arguments)
            rejected += facts.get("rejected", False)
            if masks:
                advice = "Name another folder with --output."
                writing.write(masks[file], mask_png(answer.mask), advice)
                facts["mask"] = masks[file]
            line = f"{shown(file)}: {loaded.answers.text(facts)}"
            print(text_of(facts, ensure_ascii=False) if arguments.json else line)
        if rejected:
            complain(
                f"{rejected} of {len(files.paths)} images are rejected: their probability is "
                f"below {arguments.reject_below:g}."
            )
        if skipped:
            complain(f"{skipped} of {len(files.paths)} images were skipped.")
    return int(skipped > 0)


def _facts(file, answer, loaded, arguments):
    """What is reported of an image, as JSON values."""
    from components.batch_predictor.answer import is_below

    facts = {"image": file, **loaded.answers.facts(answer, loaded.labels, arguments.top)}
    facts["model"] = loaded.path
    if arguments.reject_below is not None:
        confidence = loaded.answers.confidence(answer)
        facts["rejected"] = is_below(confidence, arguments.reject_below)
    return facts


def _batch_predict(arguments):
    """Predicts everything and prints how much it was; 1 when a record got no answer."""
    check_local("--output", arguments.output)
    _check_threshold(arguments.reject_below)
    configuration = configuration_or_none(arguments)
    is_dataset = arguments.input.startswith(("tfds:", "hf:"))
    if is_dataset != (arguments.split is not None):
        raise ConfigurationError("batch-predict: tfds:NAME or hf:NAME and --split go together")
    with chatter_away() as screen:
        from rich.console import Console
        from rich.progress import Progress

        from components.batch_predictor.job import predict_runs
        from components.batch_predictor.pushed_model import PushedModel
        from components.model_store.layout import newest_path

        console = Console(file=screen, highlight=False, soft_wrap=True)
        path = newest_path(place_of(arguments, configuration))
        runs, left_out = _runs(arguments, configuration)
        if left_out:
            console.print(f"steadyfeed: {left_out}.", markup=False)
        total = sum(run.count for run in runs)
        console.print(f"steadyfeed: {total:,} records for {path}")
        loaded = PushedModel(path)
        _refuse_threshold(arguments.reject_below, loaded)
        began = time.monotonic()
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("predicting", total=total)
            tally = predict_runs(
                loaded,
                runs,
                arguments.output,
                lambda count: bar.advance(task, count),
                arguments.reject_below,
            )
        rejected = "" if arguments.reject_below is None else f" and {tally.rejected:,} rejected"
        console.print(
            f"steadyfeed: {tally.records:,} predictions in {arguments.output}, {tally.failed:,} "
            f"of them errors{rejected}, in {time.monotonic() - began:.1f} s"
        )
    return int(tally.failed > 0)


def _runs(arguments, configuration: Configuration | None):
    """(the runs of records that --input names, a line about what is left out or "")."""
    from components.batch_predictor.sources import runs_of, runs_of_dataset

    if arguments.input.startswith(_BIGQUERY):
        from components.batch_predictor.table_rows import runs_of_table

        return runs_of_table(_table(arguments, configuration), arguments.output), ""
    if arguments.split is None:
        return runs_of(arguments.input, *_columns(configuration), _cached(configuration))
    dataset = arguments.input.removeprefix("tfds:")
    return runs_of_dataset(dataset, arguments.split, arguments.data_dir), ""


def _check_threshold(threshold):
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigurationError(f"--reject-below {threshold:g}; allowed: 0 to 1")


def _refuse_threshold(threshold, loaded):
    if threshold is not None and not hasattr(loaded.answers, "confidence"):
        raise Failure(
            f"--reject-below is for models that give an image one class, and {loaded.path} does "
            "not. Leave it out."
        )


def _cached(configuration: Configuration | None) -> Cached:
    """Where buckets are copied to."""
    source = configuration and configuration.data.source_keys
    return source.part(Cached) if isinstance(source, Cached) else Cached()


def _table(arguments, configuration: Configuration | None) -> BigquerySource:
    """The table that --input names, or what the configuration reads."""
    table = arguments.input.removeprefix(_BIGQUERY)
    source = configuration and configuration.data.source_keys
    if not isinstance(source, BigquerySource):
        if not table:
            raise ConfigurationError(
                "batch-predict: --input bigquery: needs a table behind it, or --config with "
                "data.source: bigquery"
            )
        source = None
    elif not table:
        return source
    replaced = {"table", "query", "where", "snapshot", "location"}
    try:
        return BigquerySource.of(
            table=table, **(source.model_dump(exclude=replaced) if source else {})
        )
    except Failure:
        raise ConfigurationError(
            f"batch-predict: --input {arguments.input}; allowed: bigquery:[project.]dataset.table"
        ) from None


def _columns(configuration: Configuration | None) -> tuple[str, str]:
    """Which column of a manifest has the images' paths and where these begin, where configured."""
    if not configuration or configuration.data.source != "manifest":
        return "path", ""
    source = configuration.data.source_keys
    return source.columns.path, source.root or ""
