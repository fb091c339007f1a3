"""Stands in for a pushed model where what is read, and not what is answered, is tested."""

from components.batch_predictor.pushed_model import Answer
from components.tasks.answers import answers_of


class RefusingModel:
    """Says of each image that it cannot be decoded."""

    path, fingerprint, at_once = "model", "of no model", None
    answers = answers_of("classification")

    def answer_images(self, images):
        return [Answer(error=repr(image)) for image in images]
