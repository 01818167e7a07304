"""The generator of the thesis's public code: stopped on the test rows, and drawn around them."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch

from vaega.core.devices import pick_device
from vaega.core.randomness import derive_seed
from vaega.generative._networks import OUTPUT_GAIN, Gaussian, VariationalNetwork, build_network
from vaega.generative._state import one_torch_thread
from vaega.generative._training import (
    Batch,
    Trainer,
    TrainingObjective,
    TrainingSettings,
    gaussian_kl,
)

_BATCH = 1024
_PATIENCE = 10


class SyntheticRows(NamedTuple):
    """Generated rows and their labels."""

    X: np.ndarray
    y: np.ndarray
    epochs: int  # How long the network was trained


@dataclass(frozen=True)
class AsRunGenerator:
    """A variational autoencoder that is stopped on the test rows, and drawn around them."""

    hidden: tuple[int, ...]  # Widths of the encoder's hidden layers, without that one
    latent: int  # Dimensions of the latent space
    learning_rate: float  # Of Adam
    max_epochs: int  # Epochs at most
    n_classes: int  # Labels are 0 to n_classes - 1
    device: str = "cpu"  # Where it is trained
    # Whether rows of each class weigh as much in all in the loss, and are drawn as often
    balanced: bool = False

    @classmethod
    def of(cls, model: Any, n_classes: int, *, device: str) -> "AsRunGenerator":
        """Return the generator with the sizes and the training of an autoencoder."""
        return cls(
            tuple(model.hidden),
            model.latent,
            learning_rate=model.learning_rate,
            max_epochs=model.max_epochs,
            n_classes=n_classes,
            device=device,
            balanced=model.balanced_batches,
        )

    def draw(
        self,
        X: np.ndarray,
        y: np.ndarray,
        X_test: np.ndarray,
        y_test: np.ndarray,
        n_rows: int,
        *,
        seed: int,
    ) -> SyntheticRows:
        """Train, and draw rows."""
        device = pick_device(self.device, owner="as-run generator")
        with one_torch_thread():
            training, test = self._rows(X, y, device), self._rows(X_test, y_test, device)
            chances = torch.as_tensor(1.0 / np.bincount(y)[y], dtype=torch.float32, device=device)
            if self.balanced:
                weight = chances * (len(y) / self.n_classes)
                trained = self._train(replace(training, weight=weight), test, seed, chances)
            else:
                trained = self._train(training, test, seed, None)
            X_new, y_new = self._draw(trained[0], test, n_rows, derive_seed(seed, "draw"))
            return SyntheticRows(X_new, y_new, trained[1])

    @property
    def _joined(self) -> bool:
        return self.n_classes == 2

    def _rows(self, X: np.ndarray, y: np.ndarray, device: Any) -> Batch:
        values, one_hot = X, None
        if self._joined:
            values = np.column_stack([X, y])
        else:
            one_hot = torch.as_tensor(np.eye(self.n_classes)[y], dtype=torch.float32, device=device)
        return Batch(torch.as_tensor(values, dtype=torch.float32, device=device), one_hot)

    def _train(
        self, training: Batch, test: Batch, seed: int, chances: torch.Tensor | None
    ) -> tuple[VariationalNetwork, int]:
        network = build_network(
            torch.Generator().manual_seed(derive_seed(seed, "weights")),
            training.n_features,
            (*self.hidden, self.latent),
            self.latent,
            output_norm=True,
            n_conditions=0 if self._joined else self.n_classes,
        )
        _start_as_there(network)
        network.to(training.values.device)
        settings = TrainingSettings(
            TrainingObjective(Gaussian()),
            learning_rate=self.learning_rate,
            batch_size=_BATCH,
            sigma=2**-0.5,  # squared error without the half
        )
        generator = torch.Generator(device=training.values.device)
        generator.manual_seed(derive_seed(seed, "training"))
        trainer = Trainer(network, training, None, settings, generator, row_weights=chances)
        best, epochs_without_improvement, epochs = np.inf, 0, 0
        for epochs in range(1, self.max_epochs + 1):  # noqa: B007  the last one is returned
            trainer.run_epoch(kl_share=1.0)
            loss = _loss(network, test)
            epochs_without_improvement = 0 if loss < best else epochs_without_improvement + 1
            best = min(best, loss)
            if epochs_without_improvement == _PATIENCE:
                break
        trainer.finish()
        return network, epochs

    @torch.no_grad()
    def _draw(
        self, network: VariationalNetwork, test: Batch, n_rows: int, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        mean, log_variance = network.encode(test.values, test.condition)
        centre, spread = mean.mean(dim=0), torch.exp(log_variance / 2).mean(dim=0)
        noise = torch.randn(n_rows, self.latent, generator=torch.Generator().manual_seed(seed)).to(
            centre.device
        )
        points = centre + spread * noise
        if self._joined:
            table = network.decode(points).cpu().numpy().astype(np.float64)
            labels = np.where(np.round(table[:, -1]) < 1, 0, 1)
            return table[:, :-1], labels
        labels = np.sort(np.arange(n_rows) % self.n_classes)
        condition = torch.as_tensor(np.eye(self.n_classes)[labels], dtype=torch.float32)
        table = network.decode(points, condition.to(centre.device)).cpu().numpy()
        return table.astype(np.float64), labels


@torch.no_grad()
def _start_as_there(network: VariationalNetwork) -> None:
    # When the training stops depends on it: the batch norms begin with a variance of one, and the
    # loss of the test rows is computed with what they have come to.
    network.decoder.output.weight.div_(OUTPUT_GAIN)
    for module in network.modules():
        if isinstance(module, torch.nn.Linear):
            module.bias.zero_()


@torch.no_grad()
def _loss(network: VariationalNetwork, test: Batch) -> float:
    # In evaluation the public code decodes the latent mean, without noise.
    network.eval()
    mean, log_variance = network.encode(test.values, test.condition)
    decoded = network.decode(mean, test.condition)
    error = (decoded - test.values).square().sum()
    return float(error + gaussian_kl(mean, log_variance).sum())
