"""Hands a dataset of batches to the steps on the devices."""

import tensorflow as tf

from components.trainer.devices import Devices

# A step of under a millisecond ends before a thread gets a core back; four batches bridge that.
BATCHES_ON_DEVICE = 4


def distributed(dataset: tf.data.Dataset, devices: Devices):
    """The batches, split over the devices of this process.

    Args:
      dataset: of batches for all devices; with several workers, of this worker's share.

    Returns:
      What the strategy makes of the dataset; on one CPU the dataset itself.
    """
    if devices.prefetch_to:
        copied = tf.data.experimental.prefetch_to_device(devices.prefetch_to, BATCHES_ON_DEVICE)
        return dataset.apply(copied)  # Nothing may come after it.
    if devices.workers == 1:
        return devices.strategy.experimental_distribute_dataset(dataset)
    # Every worker reads its own share already, so nothing may be sharded again.
    local = devices.strategy.num_replicas_in_sync // devices.workers

    def of_this_worker(_):
        return dataset if local == 1 else in_parts(dataset, local)

    return devices.strategy.distribute_datasets_from_function(of_this_worker)


def in_parts(dataset: tf.data.Dataset, count: int) -> tf.data.Dataset:
    """Every batch as `count` batches, in its order and as even as possible.

    There are always `count`, even for a last batch of fewer examples, as all devices must take the
    same number of steps.
    """

    def parts(*batch):
        size = tf.shape(batch[0], out_type=tf.int64)[0]

        def part(number):
            first, end = size * number // count, size * (number + 1) // count
            return tuple(tensor[first:end] for tensor in batch)

        return tf.data.Dataset.range(count).map(part)

    split = dataset.flat_map(parts)
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        # Otherwise the devices ask each other before every step whether there is another one.
        split = split.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
    return split
