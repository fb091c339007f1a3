"""The metrics that the Evaluator measures: each file of this folder is one, named as the file.

Only `counts`, what a metric is computed from, and `catalog`, which finds the metrics, are not.
A metric's file declares

- `TASKS`: those it is measured for, of "classification", "multi_label" and "segmentation";
- `HIGHER_IS_BETTER`: whether a model is better when the value is higher, or when it is lower;
- `PER_CLASS`: whether it has a value for each class. Only a metric with one value for the
  whole split can have a bound in the section `evaluation`;
- `measure(counts)`, which computes the value from a `Counts`, or a `LabelCounts` for
  "multi_label": a float, or with PER_CLASS an array with an element for each class;
- `by_true_class(counts)`, only if the metric also makes sense over the examples of one class
  alone: an array with an element for each true class;
- `OF_PROBABILITIES`, only if it needs more than which classes are right, predicted and true and,
  of several labels, how images rank, so that the Trainer, which counts these, does not measure it;
- `HIGHEST`, only if its values do not end at 1, so that a bound of 95 is not refused;
- `FEWEST_CLASSES`, only if the metric says little about fewer classes, and is not measured then.

It needs NumPy at most, and only inside its functions: checking a configuration reads these
files, and must not take seconds.
"""
