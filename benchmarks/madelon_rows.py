"""What rows of the thesis's autoencoder know of Madelon's classes, on the columns that hold them.

Nearest neighbours on the columns that extra trees rank first, trained on real rows and on generated
ones, tested on the official test rows. Needs $VAEGA_DATA.

    python benchmarks/madelon_rows.py
"""

import argparse
import json
from collections.abc import Iterator

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from vaega import VAE, GenerativeSampler, load_dataset

N_COLUMNS = 13
ROWS_PER_CLASS = 1000


def measure(n_seeds: int) -> Iterator[dict[str, object]]:
    data = load_dataset("madelon")
    scaler = StandardScaler().fit(data.X)
    X, X_test = scaler.transform(data.X), scaler.transform(data.X_test)
    trees = ExtraTreesClassifier(500, random_state=0).fit(X, data.y)
    columns = np.argsort(-trees.feature_importances_)[:N_COLUMNS]

    def accuracy(rows: np.ndarray, labels: np.ndarray) -> float:
        neighbours = KNeighborsClassifier(10).fit(rows[:, columns], labels)
        return round(float(neighbours.score(X_test[:, columns], data.y_test)), 4)

    yield {"trained_on": "real rows", "accuracy": accuracy(X, data.y)}
    for noise in (False, True):
        for seed in range(n_seeds):
            model = VAE.from_preset("thesis_madelon", random_state=seed)
            sampler = GenerativeSampler(
                model, n_per_class=ROWS_PER_CLASS, noise=noise, random_state=seed
            )
            rows, labels = sampler.fit_resample(X, data.y)
            drawn = rows[len(X) :]
            yield {
                "trained_on": "decoder noise" if noise else "decoder means",
                "seed": seed,
                "accuracy": accuracy(drawn, labels[len(X) :]),
                "accuracy_with_real_rows": accuracy(rows, labels),
                "sd_of_these_columns": round(float(drawn[:, columns].std(axis=0).mean()), 2),
                "sd_of_all_columns": round(float(drawn.std(axis=0).mean()), 2),
            }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=3)
    for row in measure(parser.parse_args().seeds):
        print(json.dumps(row))
