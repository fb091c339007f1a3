"""Packages that steps need and this project's image lacks: the user's own image has them."""

from failures import ConfigurationError
from kfp.image_tag import with_tag


def needed_packages(configuration) -> dict[str, set[str]]:
    """{step: names of the packages that its image must hold besides this project}."""
    trained = configuration.trained_modules
    modules = {
        "Trainer": trained,
        "Tuner": trained if configuration.tuner else [],
        "Evaluator": configuration.evaluation.own_modules,
        "ServingCheck": configuration.serving.packages,
    }
    return {
        step: {module.partition(".")[0] for module in named}
        for step, named in modules.items()
        if named
    }


def check_images(configuration) -> None:
    """Refuses images that cannot hold such packages: those named by this project's content.

    Raises:
      ConfigurationError: a step that needs one has an image without a tag.
    """
    kubeflow = configuration.kubeflow
    for step, packages in needed_packages(configuration).items():
        own = kubeflow.step(step).image
        image = own or kubeflow.image
        if with_tag(image) != image:
            raise ConfigurationError(
                f"kubeflow.{f'steps.{step}.' if own else ''}image: given {image!r}, which stands "
                f"for this project alone; allowed: an image that holds "
                f"{', '.join(sorted(packages))} too, with its tag or digest (docs/own_code.md)"
            )
