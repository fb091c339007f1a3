"""The TFDS datasets that come with the project: importing a module registers its dataset."""
