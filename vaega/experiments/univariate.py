"""What each feature says of the classes by itself, on all rows: for the table of features.

It describes the data of an experiment and is computed once, when this begins. No run ever reads it:
test rows are among the rows, and whatever chose by it would have seen them.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.errors import InputError, ResultsError, first_line
from vaega.core.files import canonical_json, fingerprint, plain
from vaega.core.provenance import source_digest
from vaega.core.randomness import derive_rng, derive_seed
from vaega.core.records import read_record, write_record
from vaega.core.threads import one_thread
from vaega.data._dataset import Dataset
from vaega.data._preprocess import Preprocessor
from vaega.data._steps import make_step, step_name
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.protocols import make_protocol, with_permuted_labels
from vaega.selection._effects import (
    benjamini_hochberg,
    class_effects,
    independent_rows,
    stability_q_values,
)
from vaega.selection._error_control import selection_shares
from vaega.selection._rankers import is_weights, one_vs_rest, rank_views

FILE = "univariate.json"
_SEED = 0  # of halves and rankers: they describe the data set, not a run
_DIGITS = 6  # of a figure in the file
# Steps that change the units of the values, and neither centre nor scale a column, in which effects
# are given: a logarithm makes differences fold changes.
_UNITS = ("clip", "log2", "log2p1", "log1p", "clr", "quantile_normalize")
# Of selections whose agreement by chance is looked at: permutations, trials, features.
_N_PERMUTATIONS, _MOST_TRIALS = 10, 10
_SIZES = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 2000, 5000)
_FILTER = "f_classif"  # whose rank is there with every guide


@dataclass(frozen=True, eq=False)
class Univariate:
    """Figures of each feature, and of which rows they are."""

    # One row a feature: ``name``; those of `class_effects`; ``q_test``, of its p values;
    # ``share_of_halves`` and ``q_value`` by error control; ``rank_RANKER``; ``relevant``, if known
    features: pd.DataFrame
    class_names: tuple[str, ...]
    n_rows: int  # Independent of each other: means of groups, where rows belong together
    grouped: bool  # Whether they are means of rows that belong together
    units: tuple[str, ...]  # Steps that the values went through
    remarks: tuple[str, ...] = ()  # What could not be computed, and why
    # What a filter finds with permuted labels, see `largest_by_chance`; None where unknown
    by_chance: dict[str, list[float]] | None = None


def describe_features(config: ExperimentConfig, dataset: Dataset) -> Univariate:
    """Compute the figures on all rows, training and test part together."""
    rows, remarks = dataset.pooled(), []
    steps = [step for step in config.preprocess if step_name(step) in _UNITS]
    try:
        X = _in_units(rows.X, steps)
    except Exception as error:  # a step of anybody's; the runs say it too
        X, steps = rows.X, []
        remarks.append(f"Values are as given: {first_line(error)}.")
    X, y, groups = independent_rows(X, rows.y, rows.groups)
    effects = class_effects(X, y)
    q_values, shares = stability_q_values(X, y, seed=_SEED, groups=groups)
    features = effects.assign(
        q_test=benjamini_hochberg(effects["p_value"].to_numpy()),
        share_of_halves=shares,
        q_value=q_values,
    )
    try:
        features = features.join(_ranks(config, rows))
    except Exception as error:  # as above, or of a ranker of anybody's
        remarks.append(f"Filters cannot rank the features: {first_line(error)}.")
    by_chance = None
    protocol = make_protocol(config.protocol)
    if not protocol.is_transductive:
        with suppress(InputError):  # of rows that cannot be split so: no run has a result then
            by_chance = largest_by_chance(protocol, dataset, config.seed_list())
    features.insert(0, "name", rows.feature_names)
    if rows.relevant is not None:
        features["relevant"] = rows.relevant
    names = tuple(str(name) for name in rows.class_names)
    grouped = rows.groups is not None
    units = tuple(map(step_name, steps))
    return Univariate(features, names, len(y), grouped, units, tuple(remarks), by_chance)


def _in_units(X: np.ndarray, steps: list[Any]) -> np.ndarray:
    """Return the rows after steps that keep all columns and let missing values pass."""
    for step in steps:
        X = make_step(step, owner="preprocess").fit(X).transform(X)
    return X


def _ranks(config: ExperimentConfig, rows: Dataset) -> pd.DataFrame:
    """Return the rank of each feature, from 1, by the F test and by each ranker of the guide."""
    preparation = Preprocessor(list(config.preprocess), random_state=derive_seed(_SEED, "rows"))
    X = np.zeros(rows.X.shape)
    prepared = preparation.fit_transform(rows.X, rows.y)
    X[:, preparation.columns_] = prepared  # what the steps drop ranks as a constant does
    guides = [_FILTER]
    guide = config.search.settings().guide
    if not is_weights(guide) and guide != "none":
        guides.append(guide)
    ranks: dict[str, np.ndarray] = {}
    for one in guides:
        views = rank_views(X, rows.y, one, seed=derive_seed(_SEED, "rankers"))
        ranks |= {
            f"rank_{name}": rank + 1 for name, rank in zip(views.names, views.ranks, strict=True)
        }
    return pd.DataFrame(ranks)


def largest_by_chance(
    protocol: Any, dataset: Dataset, seeds: Sequence[int]
) -> dict[str, list[float]]:
    """Return the share of trials that the most frequent feature has by chance, by ``size``.

    The F test (see `one_vs_rest`) ranks features on the training rows of ten trials, or all where
    they are fewer, of a data set whose rows have each other's labels, the same ones in all trials.
    So trials share rows and their labels, as the real ones do, and what leads by chance in one
    leads in others: far more than features drawn at random agree. ``largest`` is a mean over ten
    permutations, ``most`` the most among them.
    """
    n_features = dataset.n_features
    sizes = [size for size in _SIZES if size < n_features]
    largest = np.zeros((_N_PERMUTATIONS, len(sizes)))
    for permutation in range(_N_PERMUTATIONS):
        rows = with_permuted_labels(dataset, derive_rng(_SEED, "labels", permutation))
        trials = (trial for seed in seeds for trial in protocol.trials(rows, seed))
        with one_thread():
            orders = [
                np.argsort(-one_vs_rest(trial.X, trial.y), kind="stable")
                for trial in islice(trials, _MOST_TRIALS)
            ]
        for index, size in enumerate(sizes):
            largest[permutation, index] = selection_shares(orders, size, n_features).max()
    return {
        "size": [*map(float, sizes), float(n_features)],
        "largest": [*largest.mean(axis=0).tolist(), 1.0],
        "most": [*largest.max(axis=0).tolist(), 1.0],
    }


def write_univariate(folder: Path, config: ExperimentConfig, dataset: Dataset) -> None:
    """Write the figures into a results folder, unless they are there for these data."""
    settings = config.model_dump(include={"preprocess", "protocol", "search", "seeds"})
    settings["search"] = settings["search"]["guide"]
    digest = fingerprint(dataset.fingerprint, canonical_json(plain(settings)), source_digest())
    if _digest(folder) == digest:
        return
    described = describe_features(config, dataset)
    columns = {name: _written(values) for name, values in described.features.items()}
    content = {
        "about": "Of all rows, training and test part together; no run reads it.",
        "of": digest,
        **{name: plain(vars(described)[name]) for name in _ABOUT},
        "features": columns,
    }
    write_record(folder / FILE, content, indent=None)


_ABOUT = ("class_names", "n_rows", "grouped", "units", "remarks", "by_chance")


def _digest(folder: Path) -> str:
    try:
        return str(read_record(folder / FILE)["of"])
    except (ResultsError, LookupError, TypeError):
        return ""


def _written(values: pd.Series) -> list[Any]:
    """Return a column as JSON holds it: figures with a few digits, None for NaN."""
    if values.dtype.kind != "f":
        return list(values.tolist())
    return [float(f"{x:.{_DIGITS}g}") if np.isfinite(x) else None for x in values.tolist()]


def read_univariate(folder: Path) -> Univariate | None:
    """Read what `write_univariate` wrote; None where a folder of old has none."""
    if not (folder / FILE).is_file():
        return None
    content = read_record(folder / FILE)
    kept = {name: content[name] for name in _ABOUT}
    kept |= {name: tuple(value) for name, value in kept.items() if isinstance(value, list)}
    features = pd.DataFrame(content["features"])
    figures = features.columns.drop(["name", "relevant"], errors="ignore")
    return Univariate(features.astype(dict.fromkeys(figures, float)), **kept)
