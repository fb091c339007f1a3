"""A dataset of batches, as the steps on these devices take it."""

import tensorflow as tf

from components.trainer.devices import Devices

_BATCHES_ON_DEVICE = 2


def distributed(dataset: tf.data.Dataset, devices: Devices):
    """The batches, split over the devices of this process.

    Args:
      dataset: of batches for all devices; with several workers, of this worker's share.
      devices: that the steps run on.

    Returns:
      What a strategy makes of a dataset; the dataset itself on one CPU.
    """
    if devices.prefetch_to:
        copied = tf.data.experimental.prefetch_to_device(devices.prefetch_to, _BATCHES_ON_DEVICE)
        return dataset.apply(copied)  # Nothing may come after it.
    if devices.workers == 1:
        return devices.strategy.experimental_distribute_dataset(dataset)
    # Every worker has read its own share already: nothing is to be taken out of it again.
    local = devices.strategy.num_replicas_in_sync // devices.workers

    def of_this_worker(_):
        if local == 1:
            return dataset
        size = dataset.element_spec[0].shape[0]
        return dataset.rebatch(max(1, size // local))

    return devices.strategy.distribute_datasets_from_function(of_this_worker)
