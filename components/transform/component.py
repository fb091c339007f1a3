"""Transform: raw examples to the model's examples, and the graph that does the same in serving."""

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.types import standard_artifacts

from components.engine import Engine
from components.spans.store import NO_STORE, SpanStore
from components.typed_component import component
from settings.data import Features
from settings.preprocessing import Preprocessing


@component
def Transform(
    examples: InputArtifact[standard_artifacts.Examples],
    schema: InputArtifact[standard_artifacts.Schema],
    preprocessing: Preprocessing,
    features: Features,
    transform_graph: OutputArtifact[standard_artifacts.TransformGraph],
    transformed_examples: OutputArtifact[standard_artifacts.Examples],
    checked_anomalies: InputArtifact[standard_artifacts.ExampleAnomalies] = None,
    span_store: SpanStore = NO_STORE,
    max_overlap: Parameter[float] = 1.0,
    engine: Engine | None = None,
):
    """Decodes images (and masks), resizes them to one size and numbers the labels.

    Everything is learnt from the split `train`. Without an engine it runs on all cores of
    this machine.

    Args:
      examples: with a split `train`; its file class_names.json (label feature to a list) names
        the classes of ids. Only those of other ExampleGens may lack it.
      schema: it gives the label's type.
      preprocessing: the images' size and how they get it.
      features: which features are read.
      transform_graph: what tft.TFTransformOutput reads. The graph takes raw features and gives
        `image` (raw uint8 bytes, height * width * channels of them) and `label` (int64, -1 for
        a label that the training split lacks). The vocabulary `labels` has one label a line, ids
        in rising order, texts in lexicographical order; `pixel_statistics.json` has the images'
        shape, and mean and standard deviation by channel, 0 to 255; `label_statistics.json` the
        training split's examples by class. With `multi_label`, `labels` replaces `label`: raw
        uint8, 1 or 0 for each line of the vocabulary. For segmentation, `mask` replaces the label:
        raw uint8 class ids, height * width of them, 255 for pixels of no class; `labels` has the
        classes' names, and `mask_statistics.json` the training split's pixels by class.
      transformed_examples: `Split-<role>/transformed_examples-00000-of-0000n`, uncompressed
        TFRecords of these two features, and of `sample_weight` (float) if features name one,
        all records of one size. Its custom properties:
        `counts`, `dropped` and `out_of_vocabulary` (JSON, split to number), `summary`.
      checked_anomalies: ValidationGate's output, so that bad data never comes here. Other limits
        of the gate then make all of this anew; `add_upstream_node(gate)` waits without that.
      span_store: where transformed shards of spans are kept for later runs, if the examples
        come in spans.
      max_overlap: share of the smaller split's examples that may have the pixels of another
        split's, 0 to 1; `summary` warns of them in any case.

    Raises:
      Failure: the schema, a file, a label, an image or a mask cannot be used; two splits share
        more images than allowed; or examples are missing.
    """
    # TensorFlow takes seconds to import; building a pipeline does not need it.
    from components.transform.executor import execute

    del checked_anomalies
    execute(
        examples,
        schema,
        preprocessing,
        features,
        transform_graph,
        transformed_examples,
        engine,
        span_store,
        max_overlap,
    )
