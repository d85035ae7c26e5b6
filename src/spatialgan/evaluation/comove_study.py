"""The Co-move ratio over several sets of samples, and over several trainings of one recipe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from spatialgan.api import SpatialGAN
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.comove import CoMove, Sample, measure_samples, summarize_both
from spatialgan.evaluation.comove_moves import LONGEST, SHORTEST
from spatialgan.evaluation.result_file import identity
from spatialgan.evaluation.summary import spread
from spatialgan.segmenter.segmentation import Segmenter


@dataclass(frozen=True)
class SampleSet:
    """One set of samples of a model."""

    first_seed: int
    result: CoMove


@dataclass(frozen=True)
class ModelResult:
    """One model."""

    model: dict[str, Any]
    """Its name, weights and so on, as result files have them."""
    result: CoMove
    """Of the samples of all sets; intervals are over samples."""
    sets: tuple[SampleSet, ...]

    @property
    def set_spread(self) -> dict[str, float | None]:
        """Standard deviation of the sets' mean ratios, by protocol; None of a single set."""
        return _spreads([s.result for s in self.sets])

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: those of the result, ratio and chance of each set, and how far the sets spread."""
        sets = [{"first_seed": s.first_seed, **_ratios(s.result)} for s in self.sets]
        return {**self.result.to_json(), "sets": sets, "set_spread": self.set_spread}


@dataclass(frozen=True)
class Study:
    """One model, or several trainings of one recipe."""

    result: CoMove
    """Of all samples; of several models, intervals are over trainings and samples."""
    models: tuple[ModelResult, ...]

    @property
    def model_spread(self) -> dict[str, float | None]:
        """Standard deviation of the models' mean ratios, by protocol; None of a single model."""
        return _spreads([m.result for m in self.models])

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: of one model its own; of several those of all, with each model's in ``models``."""
        if len(self.models) == 1:
            return self.models[0].to_json()
        models = [{**m.model, **m.to_json()} for m in self.models]
        return {**self.result.to_json(), "models": models, "model_spread": self.model_spread}


def measure_study(
    models: Sequence[SpatialGAN],
    segmenter: Segmenter,
    *,
    num_samples: int,
    repeats: int = 1,
    shortest: float = SHORTEST,
    longest: float = LONGEST,
    object_spacing: float | None = None,
    first_seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Study:
    """Measure each model on sets of samples of its own, so that no two samples are of the same seed.

    Args:
        models: trainings of one recipe: they differ in their seed, their data or their length.
        segmenter: finds the objects.
        num_samples: of a set.
        repeats: sets of each model.
        shortest: as in :func:`measure_samples`, like the next two.
        longest: see there.
        object_spacing: see there.
        first_seed: of the first model's first set. Each set has the ``num_samples`` seeds that follow those of the one
            before, from model to model as well.
        on_progress: called with (done, total), over all sets.

    Raises:
        SpatialGANError: as :func:`measure_samples`; or the models are not of one recipe, or one is there twice.
    """
    if repeats < 1:
        raise SpatialGANError(f"{repeats=}: use 1 set of samples or more")
    require_one_recipe(models)

    def measured(model: SpatialGAN, seed: int) -> list[tuple[Sample, ...]]:
        def show(done: int, _: int) -> None:
            if on_progress is not None:
                on_progress(seed - first_seed + done, num_samples * repeats * len(models))

        return measure_samples(
            model,
            segmenter,
            num_samples=num_samples,
            shortest=shortest,
            longest=longest,
            object_spacing=object_spacing,
            first_seed=seed,
            on_progress=show,
        )

    groups, results = [], []
    for i, model in enumerate(models):
        seeds = [first_seed + num_samples * (repeats * i + k) for k in range(repeats)]
        sets = [measured(model, seed) for seed in seeds]
        groups.append([sample for samples in sets for sample in samples])
        told = [SampleSet(seed, summarize_both([samples])) for seed, samples in zip(seeds, sets, strict=True)]
        results.append(ModelResult(identity(model), summarize_both(groups[-1:]), tuple(told)))
    return Study(summarize_both(groups), tuple(results))


def require_one_recipe(models: Sequence[SpatialGAN]) -> None:
    """Raise SpatialGANError where models differ in more than their training, or one of them is there twice."""
    if not models:
        raise SpatialGANError("give a model, or several trainings of one recipe")
    first, names = models[0], dict[str, str]()
    for model in models:
        if model.weights_hash in names:
            raise SpatialGANError(
                f"{names[model.weights_hash]} and {model.name} have the same weights; give each training once"
            )
        names[model.weights_hash] = model.name
        for section in ("model", "loss"):
            ours, theirs = getattr(first.config, section), getattr(model.config, section)
            for field in fields(ours):
                a, b = getattr(ours, field.name), getattr(theirs, field.name)
                if a != b:
                    raise SpatialGANError(
                        f"{first.name} and {model.name} are not of one recipe: {section}.{field.name}"
                        f" is {a} and {b}; measure them one by one"
                    )


def _spreads(results: Sequence[CoMove]) -> dict[str, float | None]:
    return {name: spread([getattr(r, name).ratio.mean for r in results]) for name in ("single", "antithetic")}


def _ratios(result: CoMove) -> dict[str, Any]:
    """Ratio and chance by both protocols, under the names that :meth:`CoMove.to_json` has for them."""
    single, antithetic = (
        {"ratio": c.ratio.to_json(), "chance": c.chance.to_json()} for c in (result.single, result.antithetic)
    )
    return {**single, "antithetic": antithetic}
