"""A glob finds what Python's own finds, where no link leads round in circles."""

import glob
import os

import pytest

from files.walking import matching

FILES = (
    "a.tfrecord", "b[1].tfrecord", ".hidden.tfrecord", "2026/11/a.tfrecord", "2026/12/b.tfrecord",
    "2026/11/.part/a.tfrecord", "2026/notes.txt", ".cache/a.tfrecord", "deep/2026/11/c.tfrecord",
)  # fmt: skip
PATTERNS = (
    "*", "**", "**/", "**/*", "*/**", "**/*.tfrecord", "**/a*", "**/11/*", "**/1[12]/?.tfrecord",
    "2026/**", "2026/*/*", "2026/**/*.tfrecord", "20*/**/b*", "**/2026/**/*.tfrecord", "**/**",
    "**/.part/*", "**/.*", ".cache/**", ".*/**/*.tfrecord", "b[[]1].tfrecord", "**/linked/**/c*",
    "a.tfrecord/**", "nowhere/**", "linked/*", "2026/**//*", "**.tfrecord", "**/*/",
    "2026/11/../**", "./**/*",
)  # fmt: skip


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "2026" / "linked").symlink_to(tmp_path / "deep")
    (tmp_path / "linked").symlink_to("deep")
    (tmp_path / "gone.tfrecord").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    return str(tmp_path)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_glob_matches_the_files_that_pythons_own_matches(pattern, tree):
    def files(names, folder=""):
        return {name for name in names if os.path.isfile(os.path.join(folder, name))}

    expected = files(glob.glob(pattern, recursive=True))
    assert files(matching(pattern)) == expected
    assert files(matching(pattern, tree), tree) == expected
    below = os.path.join(glob.escape(tree), pattern)
    assert files(matching(below)) == {os.path.join(tree, name) for name in expected}
