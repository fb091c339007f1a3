"""What every section of a configuration has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the file; keys that it does not name are mistakes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
