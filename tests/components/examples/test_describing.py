"""Examples say what they are made of."""

from tfx.types import standard_artifacts

from components.examples.describing import describe
from components.examples.reading import CLASS_NAMES, read_class_names


def test_classes_without_names_are_told_from_a_lost_file_and_from_an_earlier_one(tmp_path):
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path)
    (tmp_path / CLASS_NAMES).write_text('{"label": ["cat", "dog"]}')
    for _ in range(2):
        describe(examples, dataset="d", fingerprint="f", counts={"train": 1}, span=0)
        assert (tmp_path / CLASS_NAMES).exists()
        assert read_class_names(examples.uri) == {}
        (tmp_path / CLASS_NAMES).unlink()
