"""The metrics that a threshold may name, known before TensorFlow loads."""

HIGHER_IS_BETTER = "higher"
LOWER_IS_BETTER = "lower"
CLASSIFICATION = "classification"
SEGMENTATION = "segmentation"

_OF_BOTH = {
    "accuracy": HIGHER_IS_BETTER,
    "macro_precision": HIGHER_IS_BETTER,
    "macro_recall": HIGHER_IS_BETTER,
    "macro_f1": HIGHER_IS_BETTER,
    "loss": LOWER_IS_BETTER,
}
_OF_IMAGES = {"top_5_accuracy": HIGHER_IS_BETTER, "worst_class_recall": HIGHER_IS_BETTER}
_OF_PIXELS = {"mean_iou": HIGHER_IS_BETTER, "worst_class_iou": HIGHER_IS_BETTER}
# Metric name to the direction in which it gets better.
DIRECTIONS = _OF_BOTH | _OF_IMAGES | _OF_PIXELS
METRIC_NAMES = tuple(DIRECTIONS)
# Task to the metrics that are measured for it.
METRICS_OF = {
    CLASSIFICATION: (*_OF_BOTH, *_OF_IMAGES),
    SEGMENTATION: (*_OF_BOTH, *_OF_PIXELS),
}
