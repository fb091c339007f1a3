"""Balanced sampling: an epoch takes equally many examples of every class."""

import dataclasses
import functools

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Balance:
    """Draws examples class by class; how often each one comes is not left to chance.

    Each class goes through all its examples, in a new order every time, before one comes again.
    After any number of whole epochs, the classes differ by one example at most, and so do the
    examples of one class.

    Attributes:
      labels: (examples,) int64; examples of negative ones belong to no class and never come.
      total: how many examples an epoch has.
    """

    labels: np.ndarray
    total: int

    def numbers(self, seed: int, epoch: int) -> np.ndarray:
        """The examples of an epoch, counted from 0, in their order.

        It depends on nothing but the labels, the total, the seed and the epoch.

        Returns:
          (total,) int64 indices; those of a rare class come many times.
        """
        members, first, size = self._classes
        total, classes = self.total, len(size)
        # Rounded so that the parts of the classes always add up to the whole epoch.
        numbers = np.arange(classes)
        begin, end = ((e * total + numbers) // classes for e in (epoch, epoch + 1))
        drawn = end > begin
        begin, end, first, size = (part[drawn] for part in (begin, end, first, size))
        # Every pass of every class through its examples that the epoch has a part of.
        of_class, passes = _ranges(begin // size, (end - 1) // size + 1)
        of_pass, places = _ranges(first[of_class], first[of_class] + size[of_class])
        examples, passes, of_class = members[places], passes[of_pass], of_class[of_pass]
        order = np.lexsort((_mixed(seed, passes, examples), of_pass))
        # Sorting leaves each pass where it was, so its places still count through it.
        position = passes * size[of_class] + places - first[of_class]
        taken = (position >= begin[of_class]) & (position < end[of_class])
        chosen = examples[order][taken]
        return chosen[np.argsort(_mixed(~seed, epoch, np.arange(total)), kind="stable")]

    @functools.cached_property
    def _classes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The examples sorted by class, and where in them each class begins and how many it has."""
        members = np.argsort(self.labels, kind="stable")
        members = members[np.count_nonzero(self.labels < 0) :]
        _, first, size = np.unique(self.labels[members], return_index=True, return_counts=True)
        return members, first, size


def _ranges(begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranges one after the other: (which range, which number in it)."""
    sizes = end - begin
    which = np.repeat(np.arange(len(sizes)), sizes)
    starts = np.cumsum(sizes) - sizes
    return which, np.arange(len(which)) - starts[which] + begin[which]


def _mixed(*numbers) -> np.ndarray:
    """64 bits that look random for each combination of numbers: SplitMix64, of any version."""
    mixed = np.zeros(1, np.uint64)
    for number in numbers:
        mixed = mixed ^ np.atleast_1d(np.asarray(number, np.int64)).view(np.uint64)
        mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed = mixed ^ (mixed >> np.uint64(31))
    return mixed
