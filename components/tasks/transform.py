"""What Transform makes of a task's raw target: the file `transform.py` of its folder.

It declares

- `ROLE`: what the target is called, as in `label_feature`, and `PICTURES`, the pictures in words;
- `raw_type(feature, kind)`: the tf.DType of the raw target of this type in the schema;
- `raw(dtype)`: how it is parsed, and `assert_whole(raw)`, only if the graph takes an empty one for
  none, as in serving: it fails for one;
- `transformed(raw, sizes, ids, job)`: the target, (batch,) int64 or string of raw uint8. `sizes`,
  (batch, 2) int32, are the images' before they were fitted; `ids` gives labels their lines in the
  vocabulary, -1 for those not in it;
- `form(image_shape, classes)`: its form in records, as `FixedExample` takes it;
- `IS_CLASS_ID`: whether it is one class id, which takes another number without its image;
- `LEARNS_CLASSES`: whether the train split's labels are the classes. Then `check_vocabulary(labels,
  job)` raises a Failure where these cannot be;
- `check_records(serialized, first, shard, job)`: raises a Failure for the first record with an
  unusable target;
- `counts(targets, classes)`: by class id, how many examples or pixels of some targets have it,
  which are (batch,) int64 or (batch, size) uint8;
- `check_train(counts, job)`: raises a Failure where those of the train split cannot be learnt from;
- `remark(counts, job)`: what is worth a remark of them, or "";
- `write_assets(counts, vocabulary_file, job)`: keeps them beside the graph.
"""

import importlib
from types import ModuleType


def transform_of(task: str) -> ModuleType:
    return importlib.import_module(f"components.tasks.{task}.transform")
