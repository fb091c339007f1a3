"""The sections `training.input` and `training.input_report`: how a training gets its data."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from settings.folders import folder
from settings.plain_paths import PLAIN
from settings.section import Section, matching

CacheFolder = folder(PLAIN, "a folder")
Share = Annotated[float, Field(ge=0, le=1)]


class InputFunction(Section):
    strategy: Literal["auto", "memory", "disk", "compressed", "streaming"] = Field(
        "auto",
        description="where images are kept between epochs: decoded in memory or on the disk, "
        "compressed in memory as JPEGs, which lose a little, or nowhere with streaming; auto "
        "chooses the strategy that is predicted to train fastest",
    )
    cache_dir: CacheFolder | None = Field(
        None, description="a folder on a local disk for the disk strategy; omit for one below root"
    )
    memory_limit_mb: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="MiB that memory and compressed may take for strategy auto to choose them, the "
        "validation split included, and for feed to try them; a strategy that is named has no "
        "limit; omit for half of the free memory",
    )
    data_service: matching(r"grpc://[\w.-]+:\d{1,5}", "grpc://host:port") | None = Field(
        None,
        description="dispatcher of a tf.data service whose workers read and decode the training "
        "images, for streaming only: the images of a lost worker are left out of the epoch",
    )
    data_service_timeout_seconds: Annotated[float, Field(ge=1, le=86_400)] = Field(
        300.0,
        description="the longest that a batch of data_service may take before the training ends",
    )
    probe_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        5.0,
        description="about how many seconds strategy auto measures before it chooses; data of "
        "less than 16 MiB, decoded, for each of them is not measured; 0 goes by size alone",
    )

    @property
    def memory_limit_bytes(self) -> int | None:
        return self.memory_limit_mb and int(self.memory_limit_mb * 2**20)

    @model_validator(mode="after")
    def _streams_from_a_service(self):
        if self.data_service and self.strategy not in ("auto", "streaming"):
            raise ValueError(
                f"data_service with strategy {self.strategy}; allowed: with auto or streaming"
            )
        return self


class InputReport(Section):
    enabled: bool = Field(True, description="measure whether the model waited for data")
    max_wait: Share = Field(
        0.05, description="share of the later epochs' steps that may be spent waiting for data"
    )
    on_wait: Literal["warn", "fail"] = Field(
        "warn", description="what happens when the wait exceeds max_wait"
    )
