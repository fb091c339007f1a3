"""The verbs `compile`, `run-package` and `submit`: packages for Kubeflow Pipelines."""

import contextlib
import os
import tempfile
from pathlib import Path

from cli.configuration_arguments import add_configuration, check_local, configuration_of
from failures import ConfigurationError

_ROOT = "minio://mlpipeline/v2/artifacts"
_WORK = "runs/package"


def add_verbs(verbs):
    """Adds the verbs to what argparse's add_subparsers returned."""
    compile_ = verbs.add_parser("compile", help="write a package for Kubeflow Pipelines")
    compile_.add_argument("--output", required=True, metavar="FILE.yaml")
    compile_.set_defaults(verb=_compile)
    run = verbs.add_parser("run-package", help="run a package here, as Kubeflow Pipelines would")
    run.add_argument("package", metavar="FILE.yaml")
    run.add_argument(
        "--root", default=_ROOT, metavar="URI", help=f"minio://, s3:// or gs:// (default: {_ROOT})"
    )
    run.add_argument(
        "--work", default=_WORK, metavar="DIR", help=f"for bucket and volumes (default: {_WORK})"
    )
    run.add_argument(
        "--cache",
        action="store_true",
        help="reuse what earlier runs in DIR made, as a cluster does",
    )
    run.set_defaults(verb=_run_package)
    submit = verbs.add_parser("submit", help="run the pipeline on Kubeflow Pipelines")
    submit.add_argument("--wait", action="store_true", help="show its tasks until it has ended")
    submit.set_defaults(verb=_submit)
    add_package(submit)
    for verb in (compile_, submit):
        add_configuration(verb)
    for verb in (run, submit):
        verb.add_argument(
            "--param", action="append", default=[], metavar="NAME=VALUE", help="a value of this run"
        )


def add_package(verb):
    """Gives a parser --package."""
    verb.add_argument(
        "--package", metavar="FILE", help="a compiled package (default: compile one now)"
    )


@contextlib.contextmanager
def package_of(arguments, configuration):
    """The path of the package that a command names, or of one that is compiled now."""
    if arguments.package:
        yield arguments.package
        return
    with tempfile.TemporaryDirectory() as folder:
        yield _compiled(
            configuration, arguments.config, Path(folder) / f"{configuration.name}.yaml"
        )


def print_now(line):
    """Prints a line at once: a journal or a pipe would otherwise get it hours later."""
    print(line, flush=True)


def _compiled(configuration, file, output):
    from kfp.package_rules import PackageRefused
    from pipeline.quiet import chatter_to

    try:
        with chatter_to(os.devnull):
            from kfp.compile_package import compile_package

            return compile_package(configuration, output)
    except PackageRefused as refusal:
        raise ConfigurationError(*(f"{file}: {reason}" for reason in refusal.reasons)) from None


def _compile(arguments):
    check_local("--output", arguments.output)
    if not arguments.output.endswith((".yaml", ".yml")):
        raise ConfigurationError(
            f"--output {arguments.output}: Kubeflow takes YAML files; allowed: a name that ends "
            "in .yaml"
        )
    if Path(arguments.output).is_dir():
        raise ConfigurationError(f"--output {arguments.output}: a folder; allowed: a file's name")
    configuration = configuration_of(arguments)
    path = _compiled(configuration, arguments.config, arguments.output)
    from kfp.needed_packages import needed_packages
    from kfp.package_rules import read_package
    from kfp.run_values import parameters_of

    spec, _ = read_package(path)
    steps, parameters = spec["root"]["dag"]["tasks"], sorted(parameters_of(spec))
    print(f"{path}: {len(steps)} steps; run parameters: {', '.join(parameters) or 'none'}")
    if packages := set().union(*needed_packages(configuration).values()):
        print(f"The image must hold {', '.join(sorted(packages))}: see docs/own_code.md.")
    if configuration.needed_rights:
        print(configuration.needed_rights)
    if not steps[configuration.data.COMPONENT]["cachingOptions"]:
        print(
            "Every run reads the data and trains again, because Kubeflow's cache cannot tell "
            "whether the data changed."
        )


def _run_package(arguments):
    check_local("--work", arguments.work)
    from kfp.run_package import run_package

    run = run_package(
        Path(arguments.package),
        arguments.param,
        arguments.root,
        Path(arguments.work),
        _show,
        reuse=arguments.cache,
    )
    return int(run.failed)


def _show(outcome):
    print_now(f"{outcome.component:20} {outcome.status:8} {outcome.seconds:6.1f} s  {outcome.made}")


def _submit(arguments):
    configuration = configuration_of(arguments)
    with package_of(arguments, configuration) as package:
        from kfp.submit_run import submit

        kubeflow = configuration.kubeflow
        return submit(package, kubeflow, arguments.param, arguments.wait, say=print_now)
