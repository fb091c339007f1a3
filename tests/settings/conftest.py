"""A user's folder with code of their own."""

from pathlib import Path

import pytest

from failures import ConfigurationError
from settings.reading import load
from tests.own_code.user_package import UserPackage


class Project(UserPackage):
    """A user's folder: a configuration, and beside it a package of a name of its own."""

    def load(self, model: str, *overrides: str):
        """The configuration with `model: {…}`, in which KIT stands for the package."""
        lines = Path("configs/digits.yaml").read_text().splitlines()
        kept = [line for line in lines if line not in ("model:", "  name: small_cnn")]
        file = self.folder / "mine.yaml"
        file.write_text("\n".join([*kept, f"model: {model}"]).replace("KIT", self.package))
        return load(file, [override.replace("KIT", self.package) for override in overrides])

    def mistakes(self, model: str, *overrides: str) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            self.load(model, *overrides)
        return [line.replace(self.package, "KIT") for line in str(caught.value).splitlines()]


@pytest.fixture
def project(tmp_path, monkeypatch):
    return Project(tmp_path, monkeypatch)
