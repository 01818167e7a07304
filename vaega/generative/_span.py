"""Training in the span of the rows: of 38 rows of 7,129 columns a network sees 37 coordinates.

Let the rows be X = S B' with B (p, r) of orthonormal columns, r <= n. A layer that is linear in the
columns sees them through W x = (W B) s alone, and a squared error of one noise level is

    |x - d|^2 = |s - B' d|^2 + |d - B B' d|^2,

whose second term, what the decoder puts outside of the span, is least where it is nothing. So a
network of r columns has all that one of p columns can learn of these rows. Coordinates are scaled
so that their mean square is that of the columns, and each counts p / r entries: weights start, and
learning rates and the noise act, as they do for rows of r columns.

Afterwards the first and the last layer are multiplied by the basis, which makes a network of p
columns. What is measured for each column is a quadratic form of its row of the basis.

Not where entries are missing, the noise has a level for each column, the decoder's last layer has
a norm, or the likelihood is none of squared error: there rotated columns say something else. Nor
for many rows, whose eigenvectors take their time.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vaega.core.randomness import derive_rng
from vaega.generative._data import TrainingData, within_class_variance
from vaega.generative._networks import Gaussian, copy_network
from vaega.generative._settings import FitSettings
from vaega.generative._state import LOG_TWO_PI, FittedState, NetworkCodec

_LEAST = 1e-10  # of the largest eigenvalue, below which a direction is rounding error
_MOST_ROWS = 1000  # the eigenvectors of more cost more than a training


class Columns:
    """The columns themselves, as the frame in which a network is trained; `Span` is another one."""

    def __init__(self, data: TrainingData, settings: FitSettings) -> None:
        self.data, self.settings = data, settings  # What the network sees, and its likelihood
        self.table = data  # The rows of all columns

    @property
    def n_columns(self) -> int:
        """Columns of the table that vary."""
        return self.table.n_features

    def squares(self, differences: Tensor, observed: Tensor | None) -> Tensor:
        """Return what `of_squares` makes the columns' sums of squares of, to be added up."""
        squares = differences.square()
        return (squares if observed is None else squares * observed).sum(dim=0)

    def of_squares(self, total: Tensor) -> np.ndarray:
        """Return the sum of squares of each column, (n_varying,)."""
        return total.cpu().numpy()

    def within_class_variance(self, rows: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Return the variance of each column around the class means of rows, (n_varying,)."""
        return within_class_variance(rows, codes)

    def data_variance(self) -> np.ndarray:
        """Return that of the fit rows."""
        return self.data.within_class_variance()

    def widen(self, rows: np.ndarray, columns: Any = slice(None)) -> np.ndarray:
        """Return rows of the frame as rows of the columns, all (n, n_varying) or some."""
        return rows[:, columns]

    def wide_codec(self, codec: NetworkCodec) -> NetworkCodec:
        """Return a network of the frame as one of the columns."""
        return codec

    def with_density(
        self, state: FittedState, codec: NetworkCodec, index: np.ndarray
    ) -> tuple[FittedState, np.ndarray, float]:
        """Return a state and some rows whose log densities are those of the columns.

        But for a constant, in nats a row, which is the third.
        """
        return replace(state, codec=codec), self.data.with_nan(index), 0.0


class Span(Columns):
    """The span of the rows; see the module."""

    def __init__(self, table: TrainingData, settings: FitSettings) -> None:
        rows = torch.from_numpy(table.values).double()
        values, vectors = torch.linalg.eigh(rows @ rows.T)
        kept = values > _LEAST * values[-1]
        roots, vectors = values[kept].sqrt(), vectors[:, kept]
        # Eigenvectors alone would be coordinates of very unequal size, which Adam levels: small
        # ones, which are noise, would be learned first. Columns are mixtures; so are these.
        mixture = torch.from_numpy(derive_rng(0, "span").standard_normal((len(roots), len(roots))))
        turn = torch.linalg.qr(mixture)[0]
        share = table.n_features / len(roots)  # entries that a coordinate stands for
        self.basis = (rows.T @ vectors / roots) @ turn * share**0.5  # (n_varying, r)
        self._single = self.basis.float()  # for what is rounded to float32 anyway
        coordinates = ((vectors * roots) @ turn / share**0.5).float().numpy()
        objective = replace(settings.training.objective, likelihood=Gaussian(share))
        super().__init__(
            replace(table, values=np.ascontiguousarray(coordinates)),
            replace(settings, training=replace(settings.training, objective=objective)),
        )
        self.table = table

    def squares(self, differences: Tensor, observed: Tensor | None) -> Tensor:
        return differences.T @ differences

    def of_squares(self, total: Tensor) -> np.ndarray:
        return ((self.basis @ total.cpu()) * self.basis).sum(dim=1).numpy()

    def within_class_variance(self, rows: np.ndarray, codes: np.ndarray) -> np.ndarray:
        present = np.unique(codes)
        if len(present) == len(rows):
            codes, present = np.zeros(len(rows), dtype=int), np.array([0])
        rows = rows.astype(np.float64)
        of_class = [rows[codes == code] for code in present]
        centred = torch.from_numpy(np.concatenate([part - part.mean(axis=0) for part in of_class]))
        total = self.of_squares(centred.T @ centred)
        return total / max(1, len(rows) - len(present))

    def data_variance(self) -> np.ndarray:
        return self.within_class_variance(self.data.values, self.data.codes)

    def widen(self, rows: np.ndarray, columns: Any = slice(None)) -> np.ndarray:
        return (torch.from_numpy(rows).double() @ self.basis[columns].T).numpy()

    def wide_codec(self, codec: NetworkCodec) -> NetworkCodec:
        # Float32 in double precision, as the weights of a network that was trained so: what is
        # stored and loaded has the same bits.
        p, r = self.basis.shape
        return self._changed(codec, p, self._single.T, self._single, share=r / p)

    def with_density(
        self, state: FittedState, codec: NetworkCodec, index: np.ndarray
    ) -> tuple[FittedState, np.ndarray, float]:
        # Coordinates in which the columns' noise, each of its level, is standard normal.
        p, r = self.basis.shape
        scaled = self.basis / torch.from_numpy(state.sigma)[:, None]
        root = torch.linalg.cholesky(scaled.T @ scaled)
        inverse = torch.linalg.solve_triangular(root, torch.eye(r, dtype=root.dtype), upper=False)
        changed = self._changed(codec, r, inverse.T, root.T)
        rows = torch.from_numpy(self.data.with_nan(index)) @ root
        constant = -float(np.log(state.sigma).sum()) - 0.5 * (p - r) * LOG_TWO_PI
        return replace(state, codec=changed, sigma=np.ones(r)), rows.numpy(), constant

    def _changed(
        self, codec: NetworkCodec, n_features: int, back: Tensor, forth: Tensor, share: float = 1.0
    ) -> NetworkCodec:
        """Return a network of rows x for one of coordinates s, s = share back x and x = forth s."""
        network, r = copy_network(codec.network), self.basis.shape[1]
        first, last = network.first_layer, network.decoder.output
        back, forth = back.to(first.weight.device), forth.to(first.weight.device)
        with torch.no_grad():
            seen, told = first.weight[:, :r], first.weight[:, r:]
            seen = ((share * seen).to(back.dtype) @ back).double()
            if told.shape[1]:
                seen = torch.cat([seen, told], dim=1)
            first.weight = nn.Parameter(seen)
            last.weight = nn.Parameter((forth @ last.weight.to(forth.dtype)).double())
            last.bias = nn.Parameter((forth @ last.bias.to(forth.dtype)).double())
        first.in_features, last.out_features = first.weight.shape[1], n_features
        return replace(codec, network=network, likelihood=Gaussian())


def frame_of(table: TrainingData, settings: FitSettings) -> Columns:
    """Return the frame in which a network is trained: the span of the rows where it may be."""
    spans = (
        table.n_features > len(table)
        and len(table) <= _MOST_ROWS
        and table.observed is None
        and isinstance(settings.training.objective.likelihood, Gaussian)
        and settings.training.sigma != "feature"
        and not settings.output_norm
        and settings.network.linear_ends
    )
    return Span(table, settings) if spans else Columns(table, settings)
