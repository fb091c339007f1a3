"""What can be wrong with a bucket, as an OSError whose `strerror` is for the user."""

import errno


class BucketError(OSError):
    """A request failed, and what the user can do about it."""

    def __init__(self, words: str, number: int = errno.EIO):
        super().__init__(number, words)


class Missing(BucketError, FileNotFoundError):
    """There is no such object, or no such bucket."""

    def __init__(self, words: str):
        super().__init__(words, errno.ENOENT)


class Exists(Exception):
    """The object that was to be new is there already."""
