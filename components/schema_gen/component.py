"""SchemaGen and ImportSchemaGen: the schema inferred on a first run, or a curated file."""

import json
from collections.abc import Sequence

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.schema_gen import executor, schema_files


class SchemaGenSpec(component_spec.ComponentSpec):
    """What SchemaGen reads and writes; see `SchemaGen` for the meaning."""

    INPUTS = {
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }
    OUTPUTS = {"schema": component_spec.ChannelParameter(type=standard_artifacts.Schema)}
    PARAMETERS = {
        "image_features": component_spec.ExecutionParameter(type=str),
        "label_feature": component_spec.ExecutionParameter(type=str, optional=True),
        "mask_feature": component_spec.ExecutionParameter(type=str, optional=True),
    }


class SchemaGen(base_component.BaseComponent):
    """Infers a schema from the statistics of the split `train`.

    Every example must hold each image feature and the label or mask, once. Classes of the other
    splits belong to the label's domain too: what a first run sees is accepted, and a
    class that train lacks is for ValidationGate to tell. Other features keep their type
    and shape, without a list of allowed values.
    """

    SPEC_CLASS = SchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.InferExecutor)

    def __init__(
        self,
        statistics: channel.BaseChannel,
        image_features: Sequence[str] = ("image",),
        label_feature: str | None = "label",
        mask_feature: str | None = None,
    ):
        """Wires the component.

        Args:
          statistics: channel of one `ExampleStatistics` artifact, from our StatisticsGen.
          image_features: names of the features that hold encoded images.
          label_feature: name of the class label; None: there is none.
          mask_feature: name of the feature that holds encoded masks; None: there is none.
        """
        super().__init__(
            spec=SchemaGenSpec(
                statistics=statistics,
                image_features=json.dumps(list(image_features)),
                label_feature=label_feature,
                mask_feature=mask_feature,
                schema=channel.Channel(type=standard_artifacts.Schema),
            )
        )


class ImportSchemaGenSpec(component_spec.ComponentSpec):
    """What ImportSchemaGen reads and writes; see `ImportSchemaGen` for the meaning."""

    INPUTS = {}
    OUTPUTS = {"schema": component_spec.ChannelParameter(type=standard_artifacts.Schema)}
    PARAMETERS = {"schema_text": component_spec.ExecutionParameter(type=str)}


class ImportSchemaGen(base_component.BaseComponent):
    """Publishes a curated schema file.

    The file is read when the pipeline is built, and its text is the execution property:
    an edit runs the component again, and a container needs no copy of the file.
    """

    SPEC_CLASS = ImportSchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.ImportExecutor)

    def __init__(
        self,
        schema_file: str,
        image_features: Sequence[str] = ("image",),
        label_feature: str | None = "label",
        mask_feature: str | None = None,
    ):
        """Reads and checks the file, and wires the component.

        Args:
          schema_file: path of a schema as text (`schema.pbtxt`).
          image_features: names of features that the schema must hold as BYTES.
          label_feature: name of the class label, which the schema must hold; None: none.
          mask_feature: name of the masks, which the schema must hold as BYTES; None: none.

        Raises:
          Failure: the file is missing, is no schema, or lacks one of these features.
        """
        schema = schema_files.read_curated(
            schema_file, [*image_features, *filter(None, [mask_feature])], label_feature
        )
        super().__init__(
            spec=ImportSchemaGenSpec(
                schema_text=schema_files.to_text(schema),
                schema=channel.Channel(type=standard_artifacts.Schema),
            )
        )
