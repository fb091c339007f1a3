"""What the Evaluator counted: true against predicted classes, and each class's scores."""

import collections
import dataclasses


@dataclasses.dataclass(frozen=True)
class Class:
    """One class of the test split; images, or pixels for segmentation."""

    name: str
    actual: int  # that are of this class
    predicted: int  # that the model takes for it
    right: int

    @property
    def precision(self):
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self):
        return self.right / self.actual if self.actual else 0.0

    @property
    def iou(self):
        """Intersection over union, 0..1."""
        union = self.actual + self.predicted - self.right
        return self.right / union if union else 0.0


@dataclasses.dataclass(frozen=True)
class Confusion:
    """`counts`: {(true class id, predicted class id): number}; the last id is of no class."""

    names: list
    counts: dict

    @property
    def classes(self):
        actual, predicted = collections.Counter(), collections.Counter()
        for (true, said), number in self.counts.items():
            actual[true] += number
            predicted[said] += number
        return [
            Class(name, actual[c], predicted[c], self.counts.get((c, c), 0))
            for c, name in enumerate(self.names)
        ]

    def mistakes(self, most):
        """[(number, true name, predicted name)], the most frequent first."""
        wrong = sorted(
            ((n, t, p) for (t, p), n in self.counts.items() if t != p and n), reverse=True
        )
        return [(n, self._name(t), self._name(p)) for n, t, p in wrong[:most]]

    def _name(self, number):
        return self.names[number] if number < len(self.names) else "(unknown)"


def read_confusion(run, model="challenger"):
    """The Confusion of a model of that run; None where there is none."""
    counts = run.json("Evaluator", "evaluation", "counts.json") if run else None
    names = run.json("Evaluator", "evaluation", "class_names.json") if run else None
    if not counts or not names or model not in counts["models"]:
        return None
    entries = counts["models"][model]["confusion"]
    return Confusion(names, {(true, said): number for true, said, number in entries})


def is_segmentation(run):
    """Whether pixels are what is counted."""
    return bool(run.configuration.get("data", {}).get("mask_feature"))
