"""The section `beam` in Beam's own words, and whether what it names is there."""

import os

from components.reachable import unreachable
from failures import Failure
from settings.beam import Beam

_JARS = {
    "flink": ("FlinkRunner", "flink_master", "flink_job_server_jar"),
    "spark": ("SparkRunner", "spark_master_url", "spark_job_server_jar"),
}


def beam_arguments(beam: Beam) -> list[str]:
    """Beam's command line for an engine; [] works in this process."""
    if beam.engine == "direct":
        return list(beam.args)
    if beam.engine == "processes":
        given = {
            "runner": "DirectRunner",
            "direct_running_mode": "multi_processing",
            "direct_num_workers": beam.processes or 0,  # 0: one a core
        }
    else:
        given = _of_a_service(beam) | _workers(beam)
    given |= {"job_timeout_seconds": beam.job_timeout_seconds, "job_retries": beam.retries}
    words = [f"--{name}={value}" for name, value in given.items() if value is not None]
    return words + list(beam.args)


def check(beam: Beam) -> None:
    """Raises a Failure where a program or a service that the section names is not there."""
    for key in ("job_server_jar", "prism_binary"):
        file = getattr(beam, key)
        if file and not os.path.isfile(file):
            raise Failure(
                f"beam.{key}: {file} is not a file. Name it, or choose another beam.engine."
            )
    for key in ("job_service", "worker_pool"):
        address = getattr(beam, key)
        if address and (cause := unreachable(address)):
            raise Failure(
                f"beam.{key}: nothing answers at {address} ({cause}). Start it, or choose another "
                "beam.engine."
            )


def _of_a_service(beam: Beam) -> dict:
    if beam.job_service:
        return {"runner": "PortableRunner", "job_endpoint": beam.job_service}
    if beam.engine == "prism":
        # Beam would take a Prism that the process has started already, as its direct runner does,
        # wherever the program of that one came from.
        alone = "disable_prism_server_singleton"
        location = beam.prism_binary
        return {"runner": "PrismRunner", "prism_location": location, "experiments": alone}
    runner, master, jar = _JARS[beam.engine]
    return {"runner": runner, master: beam.master, jar: beam.job_server_jar}


def _workers(beam: Beam) -> dict:
    return {
        "environment_type": beam.workers.upper(),
        "environment_config": beam.worker_pool or beam.worker_image,
        "environment_cache_millis": 1000 * beam.worker_cache_seconds,
        "parallelism": beam.parallelism,
    }
