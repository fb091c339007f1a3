"""Java programs from Maven's jars, in the user's cache."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path


def fetched(variable: str, name: str, dependencies: str, seconds: float) -> Path:
    """The folder of the jars of a program, fetched with mvn where they are missing.

    Args:
      variable: the environment variable that names the folder instead.
      name: of the program and its version.
      dependencies: Maven's elements `dependency`.
      seconds: that fetching may take.

    Raises:
      RuntimeError: Java or Maven is not installed, or Maven fails.
    """
    if variable in os.environ:
        return Path(os.environ[variable])
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "steadyfeed"
    folder = cache / name
    if folder.exists():
        return folder
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is not installed")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as made:
        (Path(made) / "pom.xml").write_text(_POM.format(dependencies))
        words = ["mvn", "-q", "-B", "-C", "dependency:copy-dependencies", "-DincludeScope=runtime"]
        words += ["-DoutputDirectory=lib"]
        done = subprocess.run(words, cwd=made, capture_output=True, text=True, timeout=seconds)
        if done.returncode:
            raise RuntimeError(f"mvn failed: {done.stdout.strip()[-300:]}")
        with contextlib.suppress(OSError):  # Another process has fetched them meanwhile.
            (Path(made) / "lib").rename(folder)
    return folder


_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>steadyfeed</groupId><artifactId>jars</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
{}
  </dependencies>
</project>
"""
