"""Values of the section `training` that go well together, by the kind of training."""

from typing import Any

RECIPES: dict[str, dict[str, Any]] = {
    # Small data, random weights: what keeps a network from learning its images by heart.
    "from_scratch": {
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "label_smoothing": 0.1,
        "mixup": 0.2,
        "ema_decay": 0.995,
    },
    # Weights of another task: small steps, which must not undo what they know, and none at all
    # below the new classifier before that one has learnt something.
    "fine_tune": {
        "freeze_epochs": 1,
        "layer_decay": 0.7,
        "learning_rate": 0.0001,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "gradient_clip_norm": 1.0,
        "label_smoothing": 0.1,
    },
    # Masks: every image is thousands of answers, and a bad batch must not throw the weights off.
    "segmentation": {
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "gradient_clip_norm": 1.0,
        "ema_decay": 0.99,
        "monitor": "mean_iou",
    },
}
