"""The names in a push destination: of versions, SavedModels and records; imports nothing."""

HIGHEST_NUMBER = 2**63 - 1  # TensorFlow Serving keeps versions in an int64.
RECORD = "steadyfeed.json"  # beside each pushed model: what made it
SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")


def is_version_name(name: str) -> bool:
    """Whether TensorFlow Serving takes a folder of this name for a version."""
    is_number = name.isascii() and name.isdigit()
    return is_number and str(int(name)) == name and int(name) <= HIGHEST_NUMBER
