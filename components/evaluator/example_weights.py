"""What examples weigh in the loss."""

import math

import numpy as np
import tensorflow as tf

from components.evaluator.plan import ShardBatch
from failures import Failure
from settings.data import Features


def weights_of(batch: ShardBatch, features: Features) -> np.ndarray:
    """(batch,) float32; 1 each where the features name no weight.

    Raises:
      Failure: an example has not exactly one weight of 0 or more.
    """
    name, weights = features.weight_feature, []
    if name is None:
        return np.ones(len(batch.serialized), np.float32)
    for number, record in zip(batch.records, batch.serialized, strict=True):
        feature = tf.train.Example.FromString(record).features.feature[name]
        values = [*feature.float_list.value, *feature.int64_list.value]
        if len(values) != 1 or not 0 <= values[0] < math.inf:
            raise Failure(
                f"Evaluator: record {number} of {batch.path} has {values!r:.60} as "
                f"weight_feature {name!r}, and every example needs one number of 0 or more. "
                "Repair the dataset."
            )
        weights += values
    return np.array(weights, np.float32)
