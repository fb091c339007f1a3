"""The scores of each class, the confusion, and the worst mistakes."""

from components.evaluator.reading import read_classes

NOUN = "examples"
SCORES = {"precision": "precision", "recall": "recall"}
SCORE = "recall"
CONFIDENCE = "Accuracy by confidence", "confidence", "accuracy"
classes = read_classes


def shown(example, number, pictures):
    true, said = example.facts["true"], example.facts["predicted"]
    image = pictures.picture(example.pictures["image"])
    return [(f"Mistake {number}: {true}, predicted as {said}", image)]
