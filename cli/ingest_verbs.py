"""The verb `ingest`: writes what is new in a Kafka topic as the next span."""

from cli.configuration_arguments import add_configuration, configuration_of
from failures import ConfigurationError


def add_verbs(verbs):
    """Adds the verb to what argparse's add_subparsers returned."""
    ingest = verbs.add_parser("ingest", help="write what is new in a Kafka topic as the next span")
    ingest.add_argument(
        "--follow", action="store_true", help="keep reading until SIGTERM or Ctrl-C"
    )
    ingest.add_argument(
        "--accept-loss",
        action="store_true",
        help="continue after messages that the topic's retention has dropped",
    )
    ingest.set_defaults(verb=_ingest)
    add_configuration(ingest)


def _ingest(arguments):
    configuration = configuration_of(arguments)
    if configuration.ingest is None:
        raise ConfigurationError(
            f"{arguments.config}: ingest: missing; a section with brokers and topic"
        )
    from pipeline.ingest.run import ingest

    ingest(configuration, arguments.follow, arguments.accept_loss)
