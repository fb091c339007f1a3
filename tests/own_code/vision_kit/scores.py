from dataclasses import dataclass, field


@dataclass
class MeanCost:
    """What a mistake costs on average; some classes are dearer to miss than others."""

    default: float = 1.0
    of_class: dict[str, float] = field(default_factory=dict)

    def __call__(self, counts, class_names):
        cost = 0.0
        for number, name in enumerate(class_names):
            missed = counts.actual[number] - counts.right[number]
            cost += self.of_class.get(name, self.default) * missed
        return cost / counts.total
