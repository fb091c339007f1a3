"""The section `serving`: how a model must serve to be pushed."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from settings.section import Section


class Serving(Section):
    check: bool = Field(True, description="serve the model in a fresh process before the push")
    max_latency_ms: Annotated[float, Field(gt=0)] | None = Field(
        None, description="the p99 latency of a request of one image; omit for any; needs check"
    )
    max_slowdown: Annotated[float, Field(gt=0)] | None = Field(
        5.0, description="the median latency as a multiple of the champion's; null for any"
    )
    max_memory_mb: Annotated[float, Field(gt=0)] | None = Field(
        None, description="MiB that the serving process may take; omit for any; needs check"
    )
    warm_up: bool = Field(
        False,
        description="push one real request per signature with the model, which TensorFlow Serving "
        "answers before any other; needs check",
    )

    export: list[Literal["tflite_float16", "tflite_int8", "onnx"]] = Field(
        [],
        description="push files of the network in these formats beside the SavedModel; float16 "
        "halves the weights, int8 quarters them and computes in whole numbers; needs check",
    )
    export_tolerance: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="how far a probability of an exported file may be from the SavedModel's"
    )
    export_images: Annotated[int, Field(ge=1, le=10_000)] = Field(
        100, description="transformed training images by which tflite_int8 chooses its ranges"
    )

    @property
    def packages(self) -> list[str]:
        """Those that `export` needs and the image of this project lacks."""
        return ["onnxruntime", "tf2onnx"] if "onnx" in self.export else []

    @field_validator("export")
    @classmethod
    def _names_each_once(cls, formats):
        if len(set(formats)) < len(formats):
            raise ValueError("allowed: each once")
        return formats

    @model_validator(mode="after")
    def _pushes_what_was_checked(self):
        if self.warm_up and not self.check:
            raise ValueError("warm_up: given true; allowed: false, or with check: true")
        # Not max_slowdown, which nobody needs to have given.
        for key in ("export", "max_latency_ms", "max_memory_mb"):
            if getattr(self, key) and not self.check:
                raise ValueError(f"{key}: given with check: false; allowed: with check: true")
        return self
