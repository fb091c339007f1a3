"""The section `validation`: what in the data stops the run."""

from typing import Annotated

from pydantic import Field
from tensorflow_metadata.proto.v0 import anomalies_pb2

from settings.section import Section, one_of

EMPTY_SPLIT = "EMPTY_SPLIT"  # a split without examples
NO_COMMON_CLASS = "NO_COMMON_CLASS"  # a split none of whose labels occurs in train

# Our two, and those of TFDV.
ANOMALY_TYPES = (EMPTY_SPLIT, NO_COMMON_CLASS, *anomalies_pb2.AnomalyInfo.Type.keys())
AnomalyType = one_of(ANOMALY_TYPES, "TFDV's anomaly types, as in SCHEMA_NEW_COLUMN")


class Validation(Section):
    max_anomalies: Annotated[int, Field(ge=0)] = Field(
        0, description="anomalies that a run may have; those in `allow` do not count"
    )
    max_overlap: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None,
        description="share of the smaller split's examples that two splits may have in common, by "
        "the bytes of the images (ValidationGate) and by the pixels that the model sees "
        "(Transform); omit for 0, or with data.source tfds to report them only",
    )
    allow: dict[str, list[AnomalyType]] = Field(
        {}, description="anomaly types that pass, by feature; * stands for every feature"
    )
