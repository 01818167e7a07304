"""Where the latent points of generated rows come from: the prior, the classes, or given rows."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from vaega.generative.latent import ClassGaussians, StandardGaussians


class Inference(Protocol):
    """What drawing latent points asks of a codec; see `vaega.generative.engine.Codec`."""

    @property
    def class_share(self) -> np.ndarray:
        """Share of each class."""

    @property
    def latent(self) -> int:
        """Dimensions of the latent space."""

    def infer(self, rows: np.ndarray, codes: np.ndarray | None, noise: Tensor) -> tuple[Any, Any]:
        """Return latent points of the posteriors of rows, and their log density."""

    def tensor(self, values: np.ndarray) -> Tensor:
        """Return values on the codec's device."""


@dataclass(frozen=True)
class Around:
    """Rows to draw around, on the network's scale, and their classes where known."""

    rows: np.ndarray
    codes: np.ndarray | None


@dataclass(frozen=True)
class LatentPoints:
    """Latent points to decode."""

    values: Tensor  # The points
    codes: np.ndarray | None  # The classes to decode them with
    # Whether they lie where the rows of these classes lie, so that class offsets apply
    placed: bool


def draw_points(
    codec: Inference,
    gaussians: ClassGaussians | StandardGaussians,
    wanted: int | np.ndarray,
    *,
    source: str,
    around: Around | None,
    rng: np.random.Generator,
) -> LatentPoints:
    """Return latent points, one for each row that is wanted."""
    if source == "rows" and around is not None:
        return _around_rows(codec, wanted, around, rng)
    codes = wanted if isinstance(wanted, np.ndarray) else _classes(codec, wanted, rng)
    if source == "posterior":
        return LatentPoints(_class_points(codec, gaussians, codes, rng), codes, placed=True)
    points = rng.standard_normal((len(codes), codec.latent))
    return LatentPoints(codec.tensor(points), codes, placed=False)


def _classes(codec: Inference, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(len(codec.class_share), size=n, p=codec.class_share)


def _class_points(
    codec: Inference,
    gaussians: ClassGaussians | StandardGaussians,
    codes: np.ndarray,
    rng: np.random.Generator,
) -> Tensor:
    points = codec.tensor(np.empty((len(codes), codec.latent)))
    for code in np.unique(codes).tolist():
        mine = np.flatnonzero(codes == code)
        points[torch.from_numpy(mine).to(points.device)] = gaussians.draw(code, len(mine), rng=rng)
    return points


def _around_rows(
    codec: Inference, wanted: int | np.ndarray, around: Around, rng: np.random.Generator
) -> LatentPoints:
    index = _spread(wanted, around, rng)
    codes = None if around.codes is None else around.codes[index]
    noise = codec.tensor(rng.standard_normal((len(index), codec.latent)))
    points, _ = codec.infer(around.rows[index], codes, noise)
    return LatentPoints(points, codes, placed=codes is not None)


def _spread(wanted: int | np.ndarray, around: Around, rng: np.random.Generator) -> np.ndarray:
    """Return the row around which to draw each point, every row (of the class) as often."""
    if not isinstance(wanted, np.ndarray) or around.codes is None:
        n = len(wanted) if isinstance(wanted, np.ndarray) else wanted
        return _share_out(np.arange(len(around.rows)), n, rng)
    index = np.empty(len(wanted), dtype=int)
    for code in np.unique(wanted).tolist():
        mine = wanted == code
        index[mine] = _share_out(np.flatnonzero(around.codes == code), int(mine.sum()), rng)
    return index


def _share_out(rows: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return `n` of the rows, in order: each as often, those left over chosen at random."""
    rest = np.sort(rng.permutation(rows)[: n % len(rows)])
    return np.concatenate([np.tile(rows, n // len(rows)), rest])
