"""The image's tag, a hash of the image's content.

Kubeflow's cache knows an image by its name alone. A moving tag would return old results for
new code; one that follows the content never does.
"""

import hashlib
import re
from pathlib import Path

from failures import Failure

PROJECT = Path(__file__).resolve().parent.parent
# What kfp/Dockerfile copies from the project.
_COPIES = re.findall(
    r"^COPY (?!--from)(.+) \S+$", (PROJECT / "kfp" / "Dockerfile").read_text(), re.MULTILINE
)
CONTENT = sorted({name for copy in _COPIES for name in copy.split()})
# kfp/Dockerfile.dockerignore excludes the same.
LEFT_OUT = {"__pycache__", "manifests"}


def content_tag(project=PROJECT):
    """Twelve hexadecimal digits that change with any file that the image is made of.

    Raises:
      Failure: a part of it is missing.
    """
    digest = hashlib.sha256()
    for path in sorted(set(_files(Path(project)))):
        name = path.relative_to(project).as_posix().encode()
        content = path.read_bytes()
        # Lengths come first, so that two different trees never give the same bytes.
        digest.update(b"%d:%d:" % (len(name), len(content)) + name + content)
    return digest.hexdigest()[:12]


def with_tag(image, suffix="", project=PROJECT):
    """The image's full name; an image with a tag or a digest keeps it."""
    if "@" in image or ":" in image.rpartition("/")[2]:
        return image
    return f"{image}:{content_tag(project)}{suffix}"


def _files(project):
    for name in CONTENT:
        place = project / name
        if not place.exists():
            raise Failure(
                f"{place} is missing, and the image's tag follows it. Restore it, or give "
                "kubeflow.image with its tag."
            )
        if place.is_file():
            yield place
        for path in place.rglob("*"):
            left_out = path.suffix == ".md" or LEFT_OUT & set(path.relative_to(project).parts)
            if path.is_file() and not left_out:
                yield path


if __name__ == "__main__":
    print(content_tag())
