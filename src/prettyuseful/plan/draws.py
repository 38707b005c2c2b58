"""How many draws of its generator every data set of a study has."""

from __future__ import annotations

from prettyuseful.errors import StudyError, prefix_location
from prettyuseful.plan.counts import existing_images
from prettyuseful.study.file import Study


def dataset_draws(study: Study) -> dict[str, int]:
    """Return the number of draws of every data set of a study, by name.

    A mix, a derived data set and a pretrained one follow the generated data sets behind them: draw d is made from their
    draws d, so there are as many as the one with the fewest has. Images that exist are the same in every draw.

    Raises:
        StudyError: draws of images that exist, or a data set with more draws than the one that it is pretrained on.
        UnknownNameError: weights in a form that is not supported.
    """
    if not any("draws" in plan.model_fields_set for plan in study.datasets.values()):
        return dict.fromkeys(study.datasets, 1)  # without looking at any file
    generated: dict[str, int] = {}
    for name, plan in study.datasets.items():
        with prefix_location(f"data set {name!r}"):
            if plan.generator is None:
                continue
            if not existing_images(plan.generator):
                generated[name] = plan.draws
            elif "draws" in plan.model_fields_set:
                raise StudyError("draws has no effect here: the images already exist; remove it")
    draws = {
        name: min((generated[source] for source in study.training_sources(name) if source in generated), default=1)
        for name in study.datasets
    }
    for name, number in generated.items():
        if draws[name] < number:
            pretrain = study.datasets[name].pretrain
            raise StudyError(
                f"data set {name!r} has {number} draws, but {pretrain!r}, on which it is pretrained, {draws[name]}; "
                f"set draws: {number} in every generated data set behind {pretrain!r}, or {draws[name]} here"
            )
    return draws
