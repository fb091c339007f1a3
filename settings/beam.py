"""The section `beam`: the engine on which the data is processed, and how it is reached."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from settings.kubernetes import Image
from settings.section import Form, Section

ADDRESS = Form(r"[\w.-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", "host:port")
Address = Annotated[str, AfterValidator(ADDRESS)]
# Which keys go with which engine; all others are refused there, as they would do nothing.
_OF_A_SERVICE = {
    "job_service",
    "workers",
    "worker_pool",
    "worker_image",
    "worker_cache_seconds",
    "parallelism",
    "job_timeout_seconds",
    "retries",
}
_KEYS = {
    "direct": set(),
    "processes": {"processes", "job_timeout_seconds", "retries"},
    "portable": _OF_A_SERVICE,
    "flink": _OF_A_SERVICE | {"master", "job_server_jar"},
    "spark": _OF_A_SERVICE | {"master", "job_server_jar"},
    "prism": (_OF_A_SERVICE - {"job_service"}) | {"prism_binary"},
    "dataflow": set(),
}
# Options that other keys of this section set.
_SAID = ("--runner", "--direct_running_mode", "--direct_num_workers", "--job_endpoint")
_SAID += ("--environment_type", "--environment_config")


class Beam(Section):
    engine: Literal["direct", "processes", "portable", "flink", "spark", "prism", "dataflow"] = (
        Field(
            "direct",
            description="direct works on this machine without Beam, by threads or, where data "
            "and cores are many, by processes; processes works by processes alone; portable is any "
            "job service of Beam; dataflow is not supported",
        )
    )
    processes: Annotated[int, Field(ge=1, le=256)] | None = Field(
        None, description="how many, with engine processes; omit for one per core"
    )
    job_service: Address | None = Field(
        None, description="Beam's job service, as of Flink's or Spark's job server"
    )
    master: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="the cluster for job_server_jar, as in localhost:8081; omit for its own"
    )
    job_server_jar: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Beam's job server for flink or spark, started for each job"
    )
    prism_binary: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="the program prism, with that engine"
    )
    workers: Literal["loopback", "external", "docker"] = Field(
        "loopback",
        description="where the engine runs Python code: in this process, by worker_pool, or in "
        "containers of worker_image",
    )
    worker_pool: Address | None = Field(
        None, description="Beam's worker pool, with external workers; it needs this environment"
    )
    worker_image: Image | None = Field(
        None, description="an image with this environment, with docker workers"
    )
    worker_cache_seconds: Annotated[int, Field(ge=0)] = Field(
        300, description="how long idle workers are kept for the next stage"
    )
    parallelism: Annotated[int, Field(ge=1)] | None = Field(
        None, description="how many workers the engine uses at once; omit for its default"
    )
    job_timeout_seconds: Annotated[float, Field(ge=1)] | None = Field(
        None,
        description="the longest that one job may take before it is cancelled; omit for no limit",
    )
    retries: Annotated[int, Field(ge=0, le=100)] = Field(
        2,
        description="how many times a job that fails or takes too long is started again, for the "
        "shards that it left undone",
    )
    args: list[str] = Field([], description="further options of Beam itself")

    @field_validator("engine")
    @classmethod
    def _reaches_the_files(cls, engine):
        if engine == "dataflow":
            raise ValueError(
                "Dataflow's workers cannot reach `root`, a folder of this machine; allowed: "
                "direct, processes, portable, flink, spark, prism"
            )
        return engine

    @field_validator("args")
    @classmethod
    def _say_nothing_twice(cls, args):
        for given in args:
            if given.partition("=")[0] in _SAID:
                raise ValueError(f"{given.partition('=')[0]}; allowed: beam.engine and its keys")
        return args

    @model_validator(mode="after")
    def _fits_the_engine(self):
        # A configuration that is read again, as of a package, has every key with its default.
        defaults = {name: field.default for name, field in type(self).model_fields.items()}
        given = {name for name, value in self if value != defaults[name]}
        for key in sorted(given - _KEYS[self.engine] - {"engine", "args"}):
            engines = ", ".join(engine for engine, keys in _KEYS.items() if key in keys)
            raise ValueError(f"{key} with engine {self.engine}; allowed: with {engines}")
        mistake = self._missing()
        if mistake:
            raise ValueError(mistake)
        return self

    def _missing(self) -> str | None:
        if self.engine == "portable" and not self.job_service:
            return "engine portable without job_service; allowed: with its host:port"
        if self.engine in ("flink", "spark") and bool(self.job_service) == bool(
            self.job_server_jar
        ):
            return f"engine {self.engine}; allowed: with either job_service or job_server_jar"
        if self.engine == "prism" and not self.prism_binary:
            return "engine prism without prism_binary; allowed: with the program's path"
        if (self.workers == "external") != bool(self.worker_pool):
            return "workers external and worker_pool; allowed: both or neither"
        if (self.workers == "docker") != bool(self.worker_image):
            return "workers docker and worker_image; allowed: both or neither"
        return None

    @property
    def is_local(self) -> bool:
        """Whether only processes of one machine work, so that they need no more than its files."""
        return self.engine in ("direct", "processes")
