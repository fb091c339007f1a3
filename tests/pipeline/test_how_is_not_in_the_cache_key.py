"""Where and by how many something is computed does not make it anything else."""

from pipeline.create_pipeline import create_pipeline
from settings.reading import load


def keys(*overrides):
    """{component: what TFX's cache key holds of it besides its inputs}."""
    made = create_pipeline(load("configs/digits.yaml", overrides)).components
    return {one.id: (one.executor_spec.extra_flags, one.exec_properties) for one in made}


def test_other_workers_do_not_train_again():
    together = keys("training.workers=4", "training.worker_restarts=3")
    assert together == keys()
    assert keys("training.epochs=9") != keys()
