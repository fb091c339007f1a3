"""Tuner: from transformed Examples and a search space to the best hyperparameters."""

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.types import standard_artifacts

from components.typed_component import component
from settings import tuner as sections
from settings.augmentation import Augmentation
from settings.data import Features
from settings.model import Model
from settings.preprocessing import Preprocessing
from settings.training import Training


def _counts(
    tuner: sections.Tuner, network: Model, augmentation: Augmentation, training: Training
) -> list[str]:
    from components.trainer.cache_flags import cache_flags
    from components.tuner.search_space import weights_tried
    from settings.training import Recipe

    recipe = Recipe(model=network, augmentation=augmentation, training=training)
    flags = cache_flags(recipe, tuner.own_modules)
    tried = weights_tried(tuner)
    return [*flags, f"--weights-tried={','.join(tried)}"] if tried else flags


@component(counts=_counts)
def Tuner(
    transformed_examples: InputArtifact[standard_artifacts.Examples],
    transform_graph: InputArtifact[standard_artifacts.TransformGraph],
    schema: InputArtifact[standard_artifacts.Schema],
    best_hyperparameters: OutputArtifact[standard_artifacts.HyperParameters],
    tuner_results: OutputArtifact[standard_artifacts.TunerResults],
    tuner: sections.Tuner,
    features: Features,
    preprocessing: Preprocessing,
    network: Model,
    augmentation: Augmentation,
    training: Training,
    seed: Parameter[int] = 0,
    checkpoint_dir: Parameter[str] = None,
):
    """Searches with KerasTuner for the values with which Trainer's training ends best.

    Args:
      transformed_examples, transform_graph, schema: as for `Trainer`.
      best_hyperparameters: the values, for Trainer.
      tuner_results: `tuner_results.json`, and below `trials/` TensorBoard's logs of each trial.
      tuner: what to try.
      features, preprocessing, network, augmentation, training, seed: as for `Trainer`; what the
        search space does not name stays as it is here.
      checkpoint_dir: where a killed search, and the trial in it, find their state.

    Raises:
      Failure: what the user can fix.
    """
    # TensorFlow and KerasTuner take seconds to import; building a pipeline does not need them.
    from components.trainer.training_job import TrainingJob
    from components.tuner.executor import execute
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
    )
    execute(job, tuner, best_hyperparameters, tuner_results)
