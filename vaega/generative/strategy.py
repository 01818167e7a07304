"""How many rows each class gets: the over-sampling strategies of imbalanced-learn, and ours."""

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from vaega.core.checks import check_choice, check_count
from vaega.core.errors import InputError


def resolve_strategy(
    sampling_strategy: Any, n_per_class: Any, y: np.ndarray, *, owner: str = "GenerativeSampler"
) -> dict[Any, int]:
    """Return how many rows to add to each class that is asked for, sorted by label."""
    labels, sizes = np.unique(y, return_counts=True)
    counts = dict(zip(labels.tolist(), sizes.tolist(), strict=True))
    if n_per_class is not None:
        return _added(n_per_class, counts, owner)
    if len(counts) < 2:
        raise InputError(
            f"{owner}: sampling_strategy needs more than one class, y has 1 class; "
            "n_per_class works with one."
        )
    if callable(sampling_strategy):
        sampling_strategy = sampling_strategy(y)
    if isinstance(sampling_strategy, Mapping):
        return _to_totals(sampling_strategy, counts, owner)
    if isinstance(sampling_strategy, Real) and not isinstance(sampling_strategy, bool):
        return _to_ratio(float(sampling_strategy), counts, owner)
    return _to_largest(sampling_strategy, counts, owner)


_LEFT_OUT: dict[str, Callable[[dict[Any, int]], list[Any]]] = {
    "auto": lambda counts: [_largest(counts)],
    "not majority": lambda counts: [_largest(counts)],
    "not minority": lambda counts: [_smallest(counts)],
    "minority": lambda counts: [label for label in counts if label != _smallest(counts)],
    "all": lambda counts: [],
}


def _to_largest(name: Any, counts: dict[Any, int], owner: str) -> dict[Any, int]:
    check_choice(name, "sampling_strategy", _LEFT_OUT, owner=owner)
    left_out, most = _LEFT_OUT[name](counts), max(counts.values())
    return {label: most - n for label, n in counts.items() if label not in left_out}


def _to_totals(totals: Mapping[Any, Any], counts: dict[Any, int], owner: str) -> dict[Any, int]:
    _check_labels(totals, counts, "sampling_strategy", owner)
    for label, total in totals.items():
        check_count(total, f"sampling_strategy[{label!r}]", owner=owner, minimum=0)
        if total < counts[label]:
            raise InputError(
                f"{owner}: sampling_strategy[{label!r}] must be at least the {counts[label]} rows "
                f"that are there, got {total!r}."
            )
    return {label: int(totals[label]) - counts[label] for label in sorted(totals)}


def _to_ratio(ratio: float, counts: dict[Any, int], owner: str) -> dict[Any, int]:
    if not 0.0 < ratio <= 1.0 or len(counts) != 2:
        raise InputError(
            f"{owner}: sampling_strategy as a number must be in (0, 1] and is for two classes, "
            f"got {ratio!r} and {len(counts)} classes."
        )
    smaller = next(label for label in counts if label != _largest(counts))
    added = int(max(counts.values()) * ratio - counts[smaller])
    if added <= 0:
        raise InputError(
            f"{owner}: sampling_strategy must ask for more than the present ratio, got {ratio!r} "
            f"with {counts[smaller]} rows against {max(counts.values())}."
        )
    return {smaller: added}


def _added(n_per_class: Any, counts: dict[Any, int], owner: str) -> dict[Any, int]:
    if isinstance(n_per_class, Mapping):
        _check_labels(n_per_class, counts, "n_per_class", owner)
        named = {label: n_per_class[label] for label in sorted(n_per_class)}
    else:
        named = dict.fromkeys(counts, n_per_class)
    return {
        label: check_count(n, "n_per_class", owner=owner, minimum=0) for label, n in named.items()
    }


def _check_labels(given: Mapping[Any, Any], counts: dict[Any, int], name: str, owner: str) -> None:
    unknown = [label for label in given if label not in counts]
    if unknown:
        raise InputError(f"{owner}: {name} must name labels of y, got {unknown[0]!r}.")


# The first of equal classes, in the order of labels, as imbalanced-learn has it.
def _largest(counts: dict[Any, int]) -> Any:
    return max(counts, key=counts.__getitem__)


def _smallest(counts: dict[Any, int]) -> Any:
    return min(counts, key=counts.__getitem__)
