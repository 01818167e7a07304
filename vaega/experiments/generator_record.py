"""What is recorded of an arm's synthetic rows: variances, copies, densities, and points to draw."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from vaega.core.errors import InputError
from vaega.core.files import plain
from vaega.core.randomness import derive_rng, derive_seed
from vaega.core.threads import one_thread
from vaega.fitness._folds import Preparation, seed_unset

if TYPE_CHECKING:
    from vaega.experiments.protocols import Trial

# Synthetic rows that are measured, and rows of each kind that are drawn.
_FEWEST, _MOST, _POINTS = 200, 1000, 150


def describe_generator(trial: "Trial", sampler: Any, preparation: Preparation) -> dict[str, Any]:
    """Measure what a sampler makes of the fit rows of the first inner split."""
    from vaega.generative.quality._rows import draw_rows

    split = trial.inner[0]
    fitted = seed_unset(clone(preparation), derive_seed(trial.seed, "described preparation"))
    fitted.fit(trial.X[split.train], trial.y[split.train])
    X, y = fitted.transform(trial.X[split.train]), trial.y[split.train]
    seed = derive_seed(trial.seed, "described generator")
    try:
        with one_thread():
            drawn = draw_rows(
                sampler,
                X,
                y,
                X_test=fitted.transform(trial.X[split.test]),
                y_test=trial.y[split.test],
                n_synthetic=_n_synthetic(len(X), y),
                seed=seed,
            )
            return {
                "name": drawn.generator,
                **_measured(drawn, seed),
                "points": _points(drawn.rows, drawn.model, seed),
            }
    except InputError as error:  # says nothing against the run
        return {"name": type(sampler).__name__, "error": str(error)}


def _n_synthetic(n_rows: int, y: np.ndarray) -> int:
    return max(2 * len(np.unique(y)), min(max(_FEWEST, n_rows), _MOST))


def _measured(drawn: Any, seed: int) -> dict[str, Any]:
    from vaega.generative.quality._classifiers import (
        check_copies,
        compare_samples,
        measure_densities,
    )
    from vaega.generative.quality._measurement import (
        CLIPPED_AT,
        say_copies,
        say_densities,
        say_two_sample,
        say_variance,
    )
    from vaega.generative.quality._similarity import variance_table

    plain_rows, has_density = drawn.rows.in_units(), hasattr(drawn.model, "score_samples")
    clipped = plain_rows.scaled(limit=CLIPPED_AT)
    variances = variance_table(clipped)
    two_sample = compare_samples(clipped, rng=derive_rng(seed, "two samples"))
    copies = check_copies(clipped, rng=derive_rng(seed, "copies"))
    densities = measure_densities(drawn.model, drawn.rows, references=has_density)
    words = [
        say_variance(variances),
        say_two_sample(two_sample),
        say_copies(copies),
        say_densities(densities, drawn.generator),
    ]
    report = getattr(drawn.model, "report_", None)
    return plain(
        {
            "words": [sentence for sentence in words if sentence],
            "variances": variances[["rows", "label", "ratio"]].to_dict("records"),
            "two_sample": two_sample.to_dict("records"),
            "densities": densities.to_dict("records"),
            "copies": asdict(copies),
            "fit": None if report is None else asdict(report),
        }
    )


def _points(rows: Any, model: Any, seed: int) -> dict[str, Any]:
    """Return real and synthetic rows on the first two principal axes of the real ones.

    Of the posterior means where the model has a latent space, else of the standardised rows.
    """
    space, real, synthetic = "rows", rows.X_fit, rows.X_synthetic
    if hasattr(model, "transform"):
        space = "latent"
        real, synthetic = model.transform(real), model.transform(synthetic)
    else:
        scale = real.std(axis=0)
        scale = np.where(scale > 0.0, scale, 1.0)
        real, synthetic = real / scale, synthetic / scale
    centre = real.mean(axis=0)
    _, lengths, axes = np.linalg.svd(real - centre, full_matrices=False)
    axes = axes[:2]
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]  # no solver's choice
    share = np.square(lengths[:2]) / max(float(np.square(lengths).sum()), 1e-300)
    kinds = {"real": (real, rows.y_fit), "synthetic": (synthetic, rows.y_synthetic)}
    return {
        "space": space,
        "dimensions": int(real.shape[1]),
        "share": [round(float(ratio), 4) for ratio in share],
        **{
            kind: _shown((points - centre) @ axes.T, codes, derive_rng(seed, kind))
            for kind, (points, codes) in kinds.items()
        },
    }


def _shown(points: np.ndarray, codes: np.ndarray, rng: np.random.Generator) -> list[list[float]]:
    drawn = np.sort(rng.permutation(len(points))[:_POINTS])
    points = np.column_stack([points, np.zeros(len(points))])[:, :2]  # one axis has no second
    return [
        [float(f"{x:.4g}"), float(f"{y:.4g}"), int(code)]
        for (x, y), code in zip(points[drawn], codes[drawn], strict=True)
    ]
