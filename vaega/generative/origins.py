"""Where the latent points of generated rows come from: the prior, the classes, or given rows."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from vaega.generative.latent import ClassGaussians, StandardGaussians


class Inference(Protocol):
    """What drawing latent points asks of a codec; see `vaega.generative.engine.Codec`.

    Examples
    --------
    >>> from vaega.generative.engine import Codec
    >>> all(hasattr(Codec, name) for name in ("latent", "infer", "tensor"))
    True
    """

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
    """Rows to draw around, on the network's scale, and their classes where known.

    Examples
    --------
    >>> import numpy as np
    >>> Around(np.zeros((2, 3)), None).codes is None
    True
    """

    rows: np.ndarray
    codes: np.ndarray | None


@dataclass(frozen=True)
class LatentPoints:
    """Latent points to decode.

    Attributes
    ----------
    values : torch.Tensor of shape (n, latent)
        The points.
    codes : numpy.ndarray of int, shape (n,), or None
        The classes to decode them with.
    placed : bool
        Whether they lie where the rows of these classes lie, so that class offsets apply.

    Examples
    --------
    >>> import torch
    >>> LatentPoints(torch.zeros(2, 1), None, placed=False).placed
    False
    """

    values: Tensor
    codes: np.ndarray | None
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
    """Return latent points, one for each row that is wanted.

    Parameters
    ----------
    codec : Codec
        Whose latent space.
    gaussians : ClassGaussians
        Where its classes are.
    wanted : int or numpy.ndarray of int
        How many points, or the class code of each.
    source : {"prior", "posterior", "rows"}
        N(0, I); the aggregate posterior of the class, for an int of classes in proportion to their
        share; the posteriors of `around`.
    around : Around or None
        For "rows"; holds rows of every class that is wanted.
    rng : numpy.random.Generator
        Draws.

    Returns
    -------
    LatentPoints

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from vaega.generative.closed_form import ProbabilisticPCA
    >>> X, y = load_iris(return_X_y=True)
    >>> engine = ProbabilisticPCA(2).fit(X, y).engine_
    >>> rng = np.random.default_rng(0)
    >>> draw_points(engine.codec, engine.gaussians, np.array([2, 0]), source="posterior",
    ...             around=None, rng=rng).values.shape
    torch.Size([2, 2])
    """
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
