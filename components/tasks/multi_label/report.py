"""The scores of each class, and the worst mistakes."""

from components.evaluator.reading import read_label_scores

NOUN = "examples"
SCORES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "average_precision": "average precision",
}
SCORE = "average_precision"
CONFIDENCE = "Images with a class by its probability", "probability", "part with the class"
classes = read_label_scores


def shown(example, number, pictures):
    true, said = example.facts["true"], example.facts["predicted"]
    image = pictures.picture(example.pictures["image"])
    return [(f"Mistake {number}: {true}, predicted: {said}", image)]
