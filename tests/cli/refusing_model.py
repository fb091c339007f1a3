"""Stands in for a pushed model where what is read, and not what is answered, is tested."""

from components.batch_predictor.pushed_model import Answer


class RefusingModel:
    """Says of each image that it cannot be decoded."""

    path = "model"

    def answer_images(self, images):
        return [Answer(error=repr(image)) for image in images]
