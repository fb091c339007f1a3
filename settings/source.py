"""What every source of examples has in common, and the forms of its keys."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, model_validator

from settings.section import Form, Section


class Source(Section):
    """What the pipeline must know of a source, whichever it is."""

    COMPONENT: ClassVar[str]  # the ExampleGen that reads it
    # The key that says where the data lies, if a cluster has a value of its own for it.
    PLACE: ClassVar[str | None]
    RUN_KEY: ClassVar[str]  # the key that each run of a package may replace
    MAX_OVERLAP: ClassVar[float | None] = 0.0  # validation.max_overlap where it is left out
    MULTI_LABEL: ClassVar[bool] = False  # whether it can give an image several classes
    ANY_WEIGHT: ClassVar[bool] = False  # whether weights may be in a feature of any name

    @property
    def is_fixed(self) -> bool:
        """Whether these keys stand for the content: it never changes while they stay the same."""
        return False

    @property
    def weighs(self) -> bool:
        """Whether it writes what each example weighs, as the feature `WEIGHT`."""
        return False

    def mistake_in_labels(self, multi_label: bool) -> str | None:
        """Why it cannot give images several classes, or one, if these are wanted; else None."""
        if multi_label and not self.MULTI_LABEL:
            return "multi_label: true needs source: tfds, manifest or tfrecords"
        return None

    @property
    def has_validation(self) -> bool:
        """Whether there is a split `validation`, as far as the configuration says."""
        raise NotImplementedError


class _ShareOrName(Form):
    def __call__(self, given: int | str) -> int | str:
        return given if given in range(1, 100) else super().__call__(str(given))


def share_or(pattern: str, words: str):
    """The type of a percentage, or of a name that matches the whole `pattern`."""
    form = _ShareOrName(pattern, f"a percentage, 1 to 99, or {words}")
    return Annotated[int | str, AfterValidator(form)]


class PartSplits(Section):
    """Splits as percentages, or each by its own name."""

    NAMES: ClassVar[str]  # what the names are of, for messages, as in "folders"

    @model_validator(mode="after")
    def _are_all_or_parts(self):
        parts = list(self.by_role().values())
        shares = [part for part in parts if isinstance(part, int)]
        if shares and (len(shares) < len(parts) or sum(shares) != 100):
            raise ValueError(f"allowed: percentages whose sum is 100, or {self.NAMES}s")
        if len(set(parts)) < len(parts) and not shares:
            raise ValueError(f"allowed: a {self.NAMES} of its own for each split")
        return self

    @property
    def are_shares(self) -> bool:
        return all(isinstance(part, int) for part in self.by_role().values())

    def by_role(self) -> dict[str, int | str]:
        return {role: part for role, part in self if part is not None}
