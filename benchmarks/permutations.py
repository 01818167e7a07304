"""Whether p of permuted labels is small as often as it says, on data without a signal.

    python benchmarks/permutations.py [--sets 250]

Sets of 60 rows x 200 columns of noise, two classes; ten columns by the F test and a nearest mean on
them, on holdout splits of several seeds. p compares the mean score over seeds with that on 19
permutations of the labels: of all rows, as `permutations` of a configuration does, or, as a control
that must fail, of the training rows of each trial alone. Prints the share of sets whose p is at
most each level and writes ``results/benchmarks/permutations.md``.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from vaega import Dataset
from vaega.experiments.config import ProtocolConfig
from vaega.experiments.protocols import HonestProtocol
from vaega.experiments.store import p_value
from vaega.selection._rankers import f_statistic

N_ROWS, N_COLUMNS, N_KEPT, N_PERMUTATIONS = 60, 200, 10, 19
LEVELS = (0.05, 0.1, 0.2)
SCHEMES = ("all rows (vaega)", "training rows of each trial (control)")
TARGET = Path(__file__).parents[1] / "results" / "benchmarks" / "permutations.md"


def trials(data, n_seeds, permutation=None):
    protocol = HonestProtocol(ProtocolConfig(inner_folds=2))
    for seed in range(n_seeds):
        yield from protocol.trials(data, seed, permutation)


def score(X, y, X_test, y_test):
    kept = np.argsort(-f_statistic(X, y), kind="stable")[:N_KEPT]
    means = [X[y == label][:, kept].mean(axis=0) for label in (0, 1)]
    distances = [np.square(X_test[:, kept] - mean).sum(axis=1) for mean in means]
    return roc_auc_score(y_test, distances[0] - distances[1])


def mean_score(data, n_seeds, permutation=None, of_training=None):
    scores = []
    for index, trial in enumerate(trials(data, n_seeds, permutation)):
        y = trial.y if of_training is None else of_training[index].permutation(trial.y)
        scores.append(score(trial.X, y, *trial.test.open()))
    return float(np.mean(scores))


def p_values(rng, n_seeds):
    y = rng.permutation(np.repeat([0, 1], [36, 24]))
    data = Dataset.from_arrays(rng.normal(size=(N_ROWS, N_COLUMNS)), y)
    actual = mean_score(data, n_seeds)
    first = int(rng.integers(2**31))
    whole = [mean_score(data, n_seeds, first + k) for k in range(N_PERMUTATIONS)]
    training = [mean_score(data, n_seeds, None, rng.spawn(n_seeds)) for _ in range(N_PERMUTATIONS)]
    return p_value(actual, np.array(whole)), p_value(actual, np.array(training))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=250)
    n_sets = parser.parse_args().sets
    lines = [
        "# p of permuted labels on data without a signal\n",
        f"`python benchmarks/permutations.py --sets {n_sets}`: share of {n_sets} sets of noise "
        "whose p is at most a level, ± 1.96 standard errors of a share that keeps it.\n",
        "| seeds | labels exchanged by | " + " | ".join(f"p <= {one}" for one in LEVELS) + " |",
        "| --- | --- | " + "--- | " * len(LEVELS),
    ]
    for n_seeds in (3, 10):
        rng = np.random.default_rng(n_seeds)
        found = np.array([p_values(rng, n_seeds) for _ in range(n_sets)])
        for scheme, values in zip(SCHEMES, found.T, strict=True):
            cells = []
            for level in LEVELS:
                error = 1.96 * (level * (1 - level) / n_sets) ** 0.5
                cells.append(f"{(values <= level + 1e-9).mean():.3f} (± {error:.3f})")
            lines.append(f"| {n_seeds} | {scheme} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"written  {TARGET}")


if __name__ == "__main__":
    main()
