"""What one component of a run did, in any runner."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of one component in one run."""

    component: str
    status: str  # "ran", "cached" or "failed"
    seconds: float
    outputs: dict = dataclasses.field(default_factory=dict)  # {output: {property: value}}
    error: str = ""

    @property
    def made(self):
        """Why it failed, or what its outputs record about themselves."""
        return self.error or "; ".join(summaries(self.outputs))


def summaries(outputs):
    """What a component's outputs record about themselves, without what another one says too.

    Args:
      outputs: {output: its custom properties as `plain` returns them}.
    """
    every = [outputs[name].get("summary") for name in sorted(outputs)]
    every = list(dict.fromkeys(filter(None, every)))
    return [text for text in every if not any(text in other for other in every if other != text)]
