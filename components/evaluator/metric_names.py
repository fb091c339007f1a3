"""The metrics that a threshold may name, known before TensorFlow loads."""

HIGHER_IS_BETTER = "higher"
LOWER_IS_BETTER = "lower"

# Metric name to the direction in which it gets better.
DIRECTIONS = {
    "accuracy": HIGHER_IS_BETTER,
    "top_5_accuracy": HIGHER_IS_BETTER,
    "macro_precision": HIGHER_IS_BETTER,
    "macro_recall": HIGHER_IS_BETTER,
    "macro_f1": HIGHER_IS_BETTER,
    "worst_class_recall": HIGHER_IS_BETTER,
    "loss": LOWER_IS_BETTER,
}
METRIC_NAMES = tuple(DIRECTIONS)
