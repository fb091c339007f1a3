"""Trainer: from transformed Examples to a SavedModel."""

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.types import standard_artifacts

from components.typed_component import component
from settings.augmentation import Augmentation
from settings.data import Features
from settings.model import Model
from settings.preprocessing import Preprocessing
from settings.training import Training


def _counts(network: Model, augmentation: Augmentation, training: Training) -> list[str]:
    from components.trainer.cache_flags import cache_flags
    from settings.training import Recipe

    return cache_flags(Recipe(model=network, augmentation=augmentation, training=training))


@component(counts=_counts)
def Trainer(
    transformed_examples: InputArtifact[standard_artifacts.Examples],
    transform_graph: InputArtifact[standard_artifacts.TransformGraph],
    schema: InputArtifact[standard_artifacts.Schema],
    model: OutputArtifact[standard_artifacts.Model],
    model_run: OutputArtifact[standard_artifacts.ModelRun],
    features: Features,
    preprocessing: Preprocessing,
    network: Model,
    augmentation: Augmentation,
    training: Training,
    seed: Parameter[int] = 0,
    checkpoint_dir: Parameter[str] = None,
    hyperparameters: InputArtifact[standard_artifacts.HyperParameters] = None,
    attempts_of: str = "",
):
    """Trains a model of images, or of their pixels, and exports it behind its preprocessing.

    Args:
      transformed_examples: of Transform: `image` as height*width*channels raw uint8, and `label`,
        `labels` as raw uint8, one for each class, or `mask` as height*width raw uint8.
      transform_graph: of Transform.
      schema: of the raw Examples.
      model: a SavedModel below `Format-Serving/`.
      model_run: TensorBoard's logs, with `history.json` and the input report.
      features: which features of the raw Examples are read.
      preprocessing: the images' shape.
      network: the configuration's section `model`.
      augmentation: random changes of the training images.
      training: how the model is trained.
      seed: the same seed gives the same model.
      checkpoint_dir: where a killed training finds its checkpoint; None keeps none. The folder must
        outlive the execution, so it is not an artifact.
      hyperparameters: of Tuner; they win over `network`, `training` and `augmentation`.
      attempts_of: names the step, if its runner may repeat it after the training has ended.

    Raises:
      Failure: what the user can fix.
    """
    # TensorFlow takes seconds to import; building a pipeline does not need it.
    from components import own_code
    from components.examples.made_of import pass_on
    from components.trainer.executor import execute
    from components.trainer.hyperparameters import read_best
    from components.trainer.training_job import TrainingJob
    from settings.training import Recipe

    job = TrainingJob(
        examples=transformed_examples,
        transform_graph=transform_graph,
        schema=schema,
        features=features,
        preprocessing=preprocessing,
        recipe=Recipe(model=network, augmentation=augmentation, training=training),
        seed=seed,
        checkpoint_dir=checkpoint_dir,
        attempts_of=attempts_of,
    )
    best = read_best(hyperparameters.uri) if hyperparameters else {}
    with own_code.traced_to("Trainer", job.recipe.own_names):
        execute(job, best, model, model_run)
    pass_on(transformed_examples, model)
