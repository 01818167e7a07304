"""Folds that are sent to the workers of a cluster, once for all masks."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from vaega.fitness.folds import Fold


@dataclass(frozen=True, eq=False)
class SentFolds:
    """All folds of a fitness, as they travel to the workers of a cluster."""

    folds: Sequence[Fold]

    def __reduce__(self) -> tuple[Any, ...]:
        names = [field.name for field in fields(Fold)]
        return _receive, ([{name: getattr(fold, name) for name in names} for fold in self.folds],)


def _receive(contents: list[dict[str, Any]]) -> SentFolds:
    # What arrives lies anywhere in a message; numeric libraries may round otherwise there than in
    # an array that begins where numpy begins it.
    return SentFolds([Fold(**{name: _own(part) for name, part in one.items()}) for one in contents])


def _own(part: Any) -> Any:
    return part.copy(order="K") if isinstance(part, np.ndarray) else part


class ClusterFolds:
    """Folds on the workers of a cluster, sent when they are first asked for."""

    def __init__(self, folds: Sequence[Fold]) -> None:
        self.folds = folds
        self._client: Any = None
        self._future: Any = None

    def sent_to(self, client: Any) -> Any:
        """Return the folds as an argument of work for a cluster."""
        if client is not self._client or self._future.status != "finished":
            self._client = client
            (self._future,) = client.scatter([SentFolds(self.folds)], broadcast=True)
        return self._future

    def close(self) -> None:
        """Let go of them; the cluster forgets them."""
        self._client = self._future = None
