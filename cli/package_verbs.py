"""The verbs `compile` and `run-package`: what they take, and whom they call."""

import sys
import tempfile
from pathlib import Path

from failures import ConfigurationError, Failure
from settings.reading import load

_ROOT = "minio://mlpipeline/v2/artifacts"
_WORK = "runs/package"


def add_verbs(verbs, add_configuration):
    """Adds the verbs to the command line.

    Args:
      verbs: what argparse's add_subparsers gave.
      add_configuration: callable; gives a parser --config and --set.
    """
    compile_ = verbs.add_parser("compile", help="write a package for Kubeflow Pipelines")
    add_configuration(compile_)
    compile_.add_argument("--output", required=True, metavar="FILE.yaml")
    compile_.set_defaults(verb=lambda arguments: _told(_compile, arguments))
    run = verbs.add_parser("run-package", help="run a package here, as Kubeflow Pipelines would")
    run.add_argument("package", metavar="FILE.yaml")
    run.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="a value of this run"
    )
    run.add_argument(
        "--root", default=_ROOT, metavar="URI", help=f"minio://, s3:// or gs://; default: {_ROOT}"
    )
    run.add_argument(
        "--work", default=_WORK, metavar="FOLDER", help=f"for bucket and volumes; default: {_WORK}"
    )
    run.set_defaults(verb=lambda arguments: _told(_run_package, arguments))


def _told(verb, arguments):
    """Runs a verb; what went wrong becomes a line instead of a traceback."""
    try:
        return verb(arguments)
    except Failure as failure:
        print(f"steadyfeed: {failure}", file=sys.stderr)
        return 2


def _compile(arguments):
    if not arguments.output.endswith((".yaml", ".yml")):
        raise ConfigurationError(
            f"--output {arguments.output}: Kubeflow takes .yaml files; allowed: a name that ends so"
        )
    if Path(arguments.output).is_dir():
        raise ConfigurationError(
            f"--output {arguments.output}: a folder; allowed: the name of a file"
        )
    configuration = load(arguments.config, arguments.set)
    from kfp.package_rules import PackageRefused, read_package
    from pipeline.quiet import chatter_to

    try:
        with tempfile.TemporaryDirectory() as folder, chatter_to(Path(folder) / "log"):
            from kfp.compile_package import compile_package

            path = compile_package(configuration, arguments.output)
    except PackageRefused as refusal:
        raise ConfigurationError(
            *(f"{arguments.config}: {reason}" for reason in refusal.reasons)
        ) from None
    spec, _ = read_package(path)
    steps = spec["root"]["dag"]["tasks"]
    parameters = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    print(f"{path}: {len(steps)} steps; a run may be given {', '.join(sorted(parameters))}")
    return 0


def _run_package(arguments):
    from kfp.package_rules import PackageRefused
    from kfp.run_package import run_package

    try:
        run = run_package(
            Path(arguments.package),
            arguments.param,
            arguments.root,
            Path(arguments.work),
            observe=_show,
        )
    except PackageRefused as refusal:
        raise ConfigurationError(
            *(f"{arguments.package}: {reason}" for reason in refusal.reasons)
        ) from None
    return 1 if run.failed else 0


def _show(outcome):
    seconds = f"{outcome.seconds:.1f} s"
    print(f"{outcome.task:20} {outcome.status:8} {seconds:>8}  {outcome.made}", flush=True)
