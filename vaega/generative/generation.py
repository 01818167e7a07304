"""What a request for rows must obey before an engine draws them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from vaega.core.checks import check_choice, check_count
from vaega.core.errors import InputError
from vaega.generative.engine import Engine
from vaega.generative.labels import repeat_codes
from vaega.generative.origins import Around

SOURCES = ("prior", "posterior", "rows")


def column_numbers(features: Any, n_features: int, *, owner: str) -> np.ndarray | None:
    """Return the numbers of the columns that are asked for; None for all."""
    if features is None:
        return None
    asked = np.asarray(features)
    if asked.dtype == bool and asked.shape == (n_features,):
        return np.flatnonzero(asked)
    if asked.shape == (0,) and asked.dtype != bool:
        return np.empty(0, dtype=np.int64)
    if asked.dtype.kind in "iu" and asked.ndim == 1:
        if asked.min() >= 0 and asked.max() < n_features:
            return asked.astype(np.int64)
        raise InputError(
            f"{owner}: features must be column numbers from 0 to {n_features - 1}, got "
            f"{asked.min()} to {asked.max()}."
        )
    raise InputError(
        f"{owner}: features must be a mask of {n_features} booleans or column numbers, got "
        f"shape {asked.shape} and type {asked.dtype}."
    )


def generate(
    engine: Engine,
    classes: np.ndarray | None,
    n: int | Mapping[Any, int],
    *,
    owner: str,
    noise: bool,
    rng: np.random.Generator,
    features: np.ndarray | None,
    source: str | None,
    around: Around | None,
) -> Any:
    """Return rows, and labels for a mapping; see `GenerativeModel.sample`."""
    labelled = isinstance(n, Mapping)
    source = check_source(engine, source, around, labelled=labelled, owner=owner)
    options: dict[str, Any] = {
        "noise": noise,
        "rng": rng,
        "features": features,
        "source": source,
        "around": around,
    }
    if not isinstance(n, Mapping):
        count = check_count(n, "n", owner=owner, minimum=0)
        return engine.sample(count, **options)
    codes, labels = repeat_codes(n, classes, owner=owner)
    if source == "rows":
        _check_rows_of(codes, labels, around, owner)
    return engine.sample(codes, **options), labels


def check_source(
    engine: Engine, source: Any, around: Around | None, *, labelled: bool, owner: str
) -> str | None:
    """Return where latent points come from; None leaves it to the engine."""
    if source is not None:
        check_choice(source, "source", SOURCES, owner=owner)
    if (source == "rows") != (around is not None):
        raise InputError(f"{owner}: rows to draw around and source='rows' need each other.")
    if not engine.codec.stochastic:
        if source == "prior":
            raise InputError(f"{owner}: has no prior; source must be 'posterior' or 'rows'.")
        return source or "posterior"
    if source == "prior" and labelled and not engine.codec.conditional:
        raise InputError(
            f"{owner}: the prior knows no classes; for rows of a class source must be 'posterior' "
            "or 'rows'."
        )
    return source


def _check_rows_of(
    codes: np.ndarray, labels: np.ndarray, around: Around | None, owner: str
) -> None:
    if around is None or around.codes is None:
        raise InputError(f"{owner}: rows of a class drawn around rows need their labels.")
    lacking = labels[~np.isin(codes, around.codes)]
    if len(lacking):
        raise InputError(
            f"{owner}: rows must hold some of class {lacking.tolist()[0]!r}, got none."
        )
