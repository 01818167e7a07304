"""One trial of a run under a protocol of the thesis: its fitness is computed on the test rows."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import get_scorer

from vaega.core.devices import pick_device
from vaega.core.errors import ConfigError
from vaega.core.randomness import derive_seed
from vaega.data._folds import Fold
from vaega.data._preprocess import Preprocessor
from vaega.evolution._evolution import Callback, EvolutionState
from vaega.experiments.config import ArmConfig, ExperimentConfig, ProtocolConfig
from vaega.experiments.open_search import OpenSearch, breeding_of, mean_metric
from vaega.experiments.protocols import OpenTrial
from vaega.experiments.trial import (
    TrialResult,
    classifier_of,
    make_arm_model,
    make_sampler,
    objective_of,
)
from vaega.fitness._cross_validated import CrossValidatedFitness
from vaega.fitness._folds import Preparation, prepare_fold
from vaega.fitness._memory import Evaluations, FitnessMemory, Objective
from vaega.fitness._score_store import ScoreStore
from vaega.generative._networks import OUTPUT_GAIN, Gaussian, VariationalNetwork, build_network
from vaega.generative._state import one_torch_thread
from vaega.generative._training import (
    Batch,
    Trainer,
    TrainingObjective,
    TrainingSettings,
    gaussian_kl,
)
from vaega.selection._search import widened
from vaega.selection._select_generate_select import frequent_columns
from vaega.selection._settings import SearchSettings

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
        best, waited, epochs = np.inf, 0, 0
        for epochs in range(1, self.max_epochs + 1):  # noqa: B007  the last one is told
            trainer.run_epoch(kl_share=1.0)
            loss = _loss(network, test)
            best, waited = (loss, 0) if loss < best else (best, waited + 1)
            if waited == _PATIENCE:
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


def described_fold(
    trial: OpenTrial, columns: np.ndarray, preparation: Preparation, sampler: Any
) -> Fold:
    """Return the fold of ``as-described``: every synthetic row is a fit row."""
    X = np.vstack([trial.X, trial.X_test])[:, columns]
    y = np.concatenate([trial.y, trial.y_test])
    fit, test = np.split(np.arange(len(y)), [len(trial.y)])
    seed = trial.generator_seed
    return prepare_fold(X, y, fit, test, preparation=preparation, sampler=sampler, seed=seed)


def make_open_fold(
    trial: OpenTrial,
    columns: np.ndarray,
    preparation: Preparation,
    protocol: ProtocolConfig,
    arm: ArmConfig,
    *,
    n_classes: int,
    device: str,
    cache: Any,
) -> Fold:
    """Return the fold that a protocol makes of a trial for an arm."""
    if protocol.kind == "as-described" or arm.generator is None or arm.amount is None:
        sampler = make_sampler(arm, n_classes, device=device, cache=cache)
        return described_fold(trial, columns, preparation, sampler)
    if arm.generator.kind not in ("vae", "conditional_vae"):
        raise ConfigError(
            "protocol as-run: generator.kind must be vae or conditional_vae, as in the public "
            f"code, got {arm.generator.kind!r}."
        )

    fold = described_fold(trial, columns, preparation, None)
    model = make_arm_model(arm, device=device)
    rows = AsRunGenerator.of(model, n_classes, device=device).draw(
        fold.X_fit,
        fold.y_fit,
        fold.X_validate,
        fold.y_validate,
        arm.amount,
        seed=trial.generator_seed,
    )
    labels = n_classes - 1 - rows.y if protocol.exchange_labels else rows.y
    return with_synthetic_rows(fold, rows.X, labels, test_share=protocol.synthetic_test_share)


def with_synthetic_rows(fold: Fold, X: np.ndarray, y: np.ndarray, *, test_share: float) -> Fold:
    """Return a fold with synthetic rows behind its real ones, evenly spread over both parts."""
    due = np.floor(np.round(np.arange(len(y) + 1) * test_share, 9))
    test = np.diff(due) > 0
    fit = ~test
    return replace(
        fold,
        X_fit=np.vstack([fold.X_fit, X[fit]]),
        y_fit=np.concatenate([fold.y_fit, y[fit]]),
        X_validate=np.vstack([fold.X_validate, X[test]]),
        y_validate=np.concatenate([fold.y_validate, y[test]]),
    )


@dataclass(frozen=True, eq=False)
class OpenMeans:
    """What a trial uses and does not depend on."""

    device: str = "cpu"  # Where autoencoders are trained
    cache: Any = None  # Where trained autoencoders are kept
    n_jobs: int = 1  # Processes
    callbacks: Iterable[Callback] = ()  # Called each generation
    checkpoint: Path | None = None  # Folder where searches keep their state
    store: ScoreStore | None = None  # Where scores are kept for other runs


def run_open_trial(
    config: ExperimentConfig,
    trial: OpenTrial,
    arm: ArmConfig,
    *,
    n_classes: int,
    means: OpenMeans | None = None,
) -> TrialResult:
    """Search for masks whose fitness is computed on the test rows, as the thesis did."""
    bench = _Bench(config, trial, n_classes, means or OpenMeans())
    columns, first = bench.preselected()
    fold = bench.fold(arm, columns)
    settings = bench.settings(config.search.settings(), len(columns))
    found = bench.search(fold, settings, len(columns), "second" if first else "search")
    extra = _figures(found, bench, fold)
    mask = widened(found.state.best_mask, columns, trial.X.shape[1])
    searches = [*first, found]
    evaluations = sum((one.memory.evaluations for one in searches), Evaluations())
    return TrialResult(
        heldout_score=extra["elite_accuracy"],
        inner_score=extra["elite_accuracy"],
        selected=np.flatnonzero(mask),
        frequencies=widened(found.state.masks.mean(axis=0), columns, trial.X.shape[1], 0.0),
        history=_history(searches, bench.objective),
        n_asked=evaluations.n_asked,
        n_distinct=evaluations.n_distinct,
        n_scored=evaluations.n_scored,
        n_searches=1,
        agreement=None,
        warnings=dict(evaluations.warnings),
        extra=extra,
    )


@dataclass(frozen=True, eq=False)
class _Found:
    state: EvolutionState
    memory: FitnessMemory
    n_features: int


@dataclass(frozen=True, eq=False)
class _Bench:
    """Everything that the searches of a trial have in common."""

    config: ExperimentConfig
    trial: OpenTrial
    n_classes: int
    means: OpenMeans

    @property
    def objective(self) -> Objective:
        return objective_of(self.config.fitness)

    def settings(self, settings: SearchSettings, n_features: int) -> SearchSettings:
        return settings.resolved(n_rows=len(self.trial.y), n_features=n_features)

    def fold(self, arm: ArmConfig, columns: np.ndarray) -> Fold:
        return make_open_fold(
            self.trial,
            columns,
            Preprocessor(list(self.config.preprocess)),
            self.config.protocol,
            arm,
            n_classes=self.n_classes,
            device=self.means.device,
            cache=self.means.cache,
        )

    def fitness(self, fold: Fold) -> CrossValidatedFitness:
        fitness = self.config.fitness
        return CrossValidatedFitness(
            classifier_of(fitness),
            [fold],
            get_scorer(fitness.metric),
            seed=derive_seed(self.trial.seed, "fitness"),
            n_jobs=self.means.n_jobs,
            engine=fitness.engine,
            device=fitness.device,
        )

    def search(self, fold: Fold, settings: SearchSettings, n_features: int, name: str) -> _Found:
        folder = None if self.means.checkpoint is None else self.means.checkpoint / name
        search = OpenSearch(
            self.objective,
            settings,
            breeding_of(self.config.protocol.kind),
            derive_seed(self.trial.seed, name),
            self.means.callbacks,
            folder,
        )
        with self.fitness(fold) as fitness:
            memory = FitnessMemory(fitness, n_features=n_features, store=self.means.store)
            state = search.run(memory, digest=fitness.digest)
            return _Found(state, memory, n_features)

    def preselected(self) -> tuple[np.ndarray, list[_Found]]:
        """Return the features that the first selection leaves, and its searches."""
        every, preselect = np.arange(self.trial.X.shape[1]), self.config.search.preselect
        if preselect is None:
            return every, []
        own = preselect.settings(self.config.search.settings())
        n_searches = 1 if own.n_searches == "auto" else int(own.n_searches)
        settings = self.settings(replace(own, n_searches=1), len(every))
        fold = self.fold(ArmConfig(), every)
        found = [
            self.search(fold, settings, len(every), f"first-{place}") for place in range(n_searches)
        ]
        frequencies = np.mean([one.state.masks.mean(axis=0) for one in found], axis=0)
        none = np.zeros(len(every), dtype=bool)
        return frequent_columns(frequencies, np.ones(len(every)), none, preselect.keep), found


def _figures(found: _Found, bench: _Bench, fold: Fold) -> dict[str, float]:
    state, n_real = found.state, len(bench.trial.y_test)
    known, metric = found.memory.recall()
    values = {mask.tobytes(): float(value) for mask, value in zip(known, metric, strict=True)}
    both = np.vstack([state.best_mask, np.ones(found.n_features, dtype=bool)])
    real = replace(fold, X_validate=fold.X_validate[:n_real], y_validate=fold.y_validate[:n_real])
    with bench.fitness(fold) as fitness, bench.fitness(real) as fitness_real:
        seen, alone = fitness(both), fitness_real(both)
    return {
        "population_accuracy": float(np.mean([values[mask.tobytes()] for mask in state.masks])),
        "population_n_features": float(state.masks.sum(axis=1).mean()),
        "elite_accuracy": values[state.best_mask.tobytes()],
        "elite_accuracy_real": float(alone[0]),
        "elite_n_features": float(state.best_mask.sum()),
        "all_features_accuracy": float(seen[1]),
        "all_features_accuracy_real": float(alone[1]),
    }


def _history(searches: Iterable[_Found], objective: Objective) -> pd.DataFrame:
    tables = []
    for place, found in enumerate(searches):
        table = pd.DataFrame(list(found.state.history))
        table["mean_accuracy"] = [
            mean_metric(mean, size, objective, found.n_features)
            for mean, size in zip(table["mean"], table["mean_n_features"], strict=True)
        ]
        tables.append(table.assign(selection=place))
    return pd.concat(tables, ignore_index=True)
