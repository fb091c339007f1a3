"""What is evaluated how."""

from dataclasses import dataclass

from components.evaluator.model_place import ModelPlace


@dataclass(frozen=True)
class Plan:
    """Small, so that it can travel to any worker."""

    models: tuple[ModelPlace, ...]  # the challenger first
    class_names: tuple[str, ...]  # of all models together
    split: str
    image_feature: str
    label_feature: str | None
    mask_feature: str | None  # None: classification
    label_is_bytes: bool
    batch_size: int  # at most
    shards: int
