"""Processes that train together: how many, and what happens when one is lost.

How a model is computed is not part of what it is: Trainer does not see these keys, and its cached
result stays valid when they change.
"""

from typing import Annotated

from pydantic import Field, model_validator

from settings.section import Section
from settings.training import Training


class Workers(Section):
    workers: Annotated[int, Field(ge=1, le=1024)] = Field(
        1,
        description="processes that train one model together, each on its share of every batch: "
        "on this machine, or as pods on Kubeflow",
    )
    worker_restarts: Annotated[int, Field(ge=0, le=1000)] = Field(
        10,
        description="how often lost workers start again from the last checkpoint before the "
        "training fails; on Kubeflow this counts per pod, and its own eviction does not count",
    )


class WorkersTraining(Training, Workers):
    """The section `training`: what Trainer does, and how many processes do it."""

    @model_validator(mode="after")
    def _all_have_an_equal_share(self):
        if self.batch_size % self.workers:
            raise ValueError(
                f"batch_size {self.batch_size} for {self.workers} workers; allowed: a multiple of "
                "workers"
            )
        return self

    @model_validator(mode="after")
    def _each_worker_has_an_image_for_every_part(self):
        share = max(1, self.batch_size // self.workers)
        if self.workers > 1 and self.gradient_accumulation > share:
            raise ValueError(
                f"gradient_accumulation {self.gradient_accumulation} for batch_size "
                f"{self.batch_size} and {self.workers} workers; allowed: at most {share}"
            )
        return self

    @model_validator(mode="after")
    def _a_service_gives_its_batches_in_any_order(self):
        refused = self.against_a_service
        if refused and self.input.data_service:
            raise ValueError(f"input.data_service with {refused}; allowed: without it")
        return self

    @property
    def against_a_service(self) -> str | None:
        """What a tf.data service cannot do of this, in words; None where it can do all."""
        strategy = self.input.strategy
        refused = {
            f"workers {self.workers}": self.workers > 1,
            "deterministic true": self.deterministic,
            "sampling balanced": self.sampling == "balanced",
            f"input.strategy {strategy}": strategy not in ("auto", "streaming"),
        }
        return next((words for words, given in refused.items() if given), None)
