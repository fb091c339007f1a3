"""The verb `feed`: whether this machine feeds an accelerator that is not here."""

import os
from pathlib import Path

from cli.configuration_arguments import add_configuration, check_local, configuration_of
from failures import Failure
from files import writing
from pipeline.quiet import chatter_away

_JSON, _PLOT = "feed.json", "feed.svg"


def add_verbs(verbs):
    """Adds the verb to what argparse's add_subparsers returned."""
    feed = verbs.add_parser(
        "feed", help="whether this machine feeds an accelerator that is not here"
    )
    feed.add_argument(
        "--accelerator",
        required=True,
        metavar="NAME",
        help="a100, h100, b200, h100-tensorflow, or the milliseconds of a step on one batch",
    )
    feed.add_argument("--output", metavar="FOLDER", help=f"also write {_JSON} and {_PLOT} there")
    feed.set_defaults(verb=_feed)
    add_configuration(feed)


def _feed(arguments):
    """Feeds a stand-in by each strategy; 1 when none reaches what is enough."""
    check_local("--output", arguments.output)
    configuration = configuration_of(arguments)
    from components.trainer.certification.accelerators import accelerator

    batch_size = configuration.training.batch_size
    chosen = accelerator(arguments.accelerator, batch_size)
    from pipeline.transformed import train_files

    files = train_files(configuration.root)
    if arguments.output:
        with writing.reported(arguments.output, "Name another folder with --output."):
            writing.make_folder(arguments.output)
    print(
        f"{chosen.name}: {chosen.images_per_second:,.0f} images/s ({chosen.source})\n"
        f"batches of {batch_size} images from {os.path.dirname(files[0])}"
    )
    found, impossible = [], {}
    with chatter_away():
        from components.trainer.certification.certify import certify, inputs

        for candidate in inputs(configuration, files):
            refused = candidate.refused
            try:
                made = None if refused else certify(candidate.build, chosen, batch_size)
            except Failure as failure:
                if candidate.strategy != "disk":  # What it alone needs is a folder to write to.
                    raise
                refused = str(failure).rstrip(".")
            if refused:
                print(f"{candidate.strategy:<10} not possible: {refused}", flush=True)
                impossible[candidate.strategy] = refused
                continue
            found.append(made)
            print(_line(made, chosen.enough), flush=True)
    if arguments.output:
        _write(Path(arguments.output), chosen, found, impossible)
    return 0 if any(one.enough for one in found) else 1


def _line(fed, enough):
    verdict = "fed" if fed.enough else f"waits, below {enough:.0%}"
    waits = (fed.wait_p50, fed.wait_p99, fed.wait_longest)
    p50, p99, longest = (f"{1000 * seconds:.1f}" for seconds in waits)
    return (
        f"{fed.strategy:<10} utilisation {fed.utilisation:.1%}, {verdict}\n"
        f"           wait p50 {p50}, p99 {p99}, max {longest} ms before a step\n"
        f"           at most {fed.images_per_second:,.0f} images/s, enough for "
        f"{fed.accelerators} of them; one needs {fed.cores:.2g} cores"
    )


def _write(folder, accelerator, found, impossible):
    import dataclasses

    from components.trainer.certification.plot import draw
    from files.strict_json import text_of

    content = {
        "accelerator": accelerator._asdict(),
        "strategies": [dataclasses.asdict(one) for one in found],
        "impossible": impossible,
    }
    writing.write(str(folder / _JSON), text_of(content, indent=2) + "\n")
    writing.write(str(folder / _PLOT), draw(accelerator, found))
    print(folder / _JSON)
