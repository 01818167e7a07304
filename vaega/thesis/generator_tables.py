"""What the public code's generator makes, seed by seed: how long it trains, how its rows vary."""

import numpy as np
import pandas as pd
from sklearn.metrics import get_scorer

from vaega.core.errors import DataError
from vaega.core.randomness import derive_seed
from vaega.data.preprocess import Preprocessor
from vaega.experiments.as_run_generator import AsRunGenerator, SyntheticRows
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.loading import load_configured
from vaega.experiments.open_fold import described_fold, with_synthetic_rows
from vaega.experiments.protocols import OpenTrial, make_protocol
from vaega.experiments.samplers import make_arm_model
from vaega.experiments.trial import classifier_of
from vaega.fitness.cross_validated import CrossValidatedFitness
from vaega.fitness.folds import Fold
from vaega.thesis.groups import Group, config_folder, find_group
from vaega.thesis.record import Table
from vaega.thesis.request import Request
from vaega.thesis.scaled_configs import scaled_config

_GROUPS = ("leukemia_001", "madelon")
_N_SEEDS = {"smoke": 2, "small": 5, "full": 20}
_WHAT = (
    "epochs: until ten passed without a better loss of the test rows; label_1: share of synthetic "
    "rows with the second label; sd: mean over features of the standard deviation of synthetic "
    "rows, 1 for real training rows; accuracies: of the thesis's classifier on all features, "
    "trained on real and 70 % of the synthetic rows."
)
_STATEMENT = (
    "Protocol as-run: the generator is stopped on the test rows and drawn around them, and 30 % of "
    "its rows are among the rows on which fitness is computed."
)


def generators(name: str, request: Request) -> Table:
    """Make the table of the generators of ``as-run``, those of two classes."""
    rows, notes = [], [_STATEMENT, _WHAT]
    for group in map(find_group, _GROUPS):
        if not request.wants(group.dataset):
            continue
        try:
            rows += _of_group(group, request)
        except DataError as error:
            notes.append(f"{group.name}: not run: {error}")
    title = "Generators as the public code trained them"
    return Table(name, title, pd.DataFrame(rows), tuple(notes))


def _of_group(group: Group, request: Request) -> list[dict[str, object]]:
    config = scaled_config(group, "as-run", request)
    dataset = load_configured(config.dataset, beside=config_folder())
    trial = next(iter(make_protocol(config.protocol).trials(dataset, 0)))
    assert isinstance(trial, OpenTrial)
    columns = np.arange(dataset.n_features)
    fold = described_fold(trial, columns, Preprocessor(list(config.preprocess)), None)
    arm, rows = config.arms["augmented"], []
    assert arm.amount is not None
    model = AsRunGenerator.of(
        make_arm_model(arm, device=request.device), dataset.n_classes, device=request.device
    )
    fit, test = (fold.X_fit, fold.y_fit), (fold.X_validate, fold.y_validate)
    for number in range(_N_SEEDS[request.scale]):
        request.tell(f"{group.name}, generator {number}")
        made = model.draw(*fit, *test, arm.amount, seed=derive_seed(number, "generator"))
        labels = 1 - made.y if config.protocol.exchange_labels else made.y
        share = config.protocol.synthetic_test_share
        both = with_synthetic_rows(fold, made.X, labels, test_share=share)
        whose = {"dataset": group.dataset, "data": dataset.name, "generator": number}
        rows.append(whose | _described(made) | _accuracies(config, both, len(trial.y_test)))
    return rows


def _described(made: SyntheticRows) -> dict[str, object]:
    return {
        "epochs": made.epochs,
        "label_1": float(made.y.mean()),
        "sd": float(made.X.std(axis=0).mean()),
    }


def _accuracies(config: ExperimentConfig, fold: Fold, n_real: int) -> dict[str, object]:
    fitness = config.fitness
    parts = {
        "all_rows": slice(None),
        "real_rows": slice(n_real),
        "synthetic_rows": slice(n_real, None),
    }
    found: dict[str, object] = {}
    for name, part in parts.items():
        own = Fold(
            fold.X_fit, fold.y_fit, fold.X_validate[part], fold.y_validate[part], fold.columns,
            fold.n_real,
        )  # fmt: skip
        scorer = get_scorer(fitness.metric)
        with CrossValidatedFitness(classifier_of(fitness), [own], scorer) as score:
            mask = np.ones((1, int(fold.columns.max()) + 1), dtype=bool)
            found[f"accuracy_{name}"] = float(score(mask)[0])
    return found
