"""The scores of each class in pixels, the confusion, and the worst images with their masks."""

from components.evaluator.reading import read_classes

NOUN = "pixels"
SCORES = {"precision": "precision", "recall": "recall", "iou": "IoU"}
SCORE = "iou"
classes = read_classes


def shown(example, number, pictures):
    truth, prediction = example.pictures["truth"], example.pictures["prediction"]
    return [
        (f"Image {number}", pictures.picture(example.pictures["image"])),
        (f"Truth of image {number}", pictures.mask_picture(truth)),
        (f"Prediction for image {number}", pictures.mask_picture(prediction)),
    ]
