"""The same classifier on all features: what each configuration's selection has to beat.

    VAEGA_DATA=path/to/npz python benchmarks/all_features.py configs/madelon.yaml ...

Prints one JSON line a configuration: the held-out score on the splits of seeds 0 to 2, with the
preprocessing, classifier and metric of the file, and no search. Without arguments it takes the
quickstart, which needs no data from elsewhere.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import get_scorer

from vaega.data._preprocess import Preprocessor
from vaega.experiments.config import load_config
from vaega.experiments.protocols import HonestProtocol
from vaega.experiments.registry import classifier_of
from vaega.experiments.trial import score_heldout

SEEDS = range(3)


def heldout_scores(path):
    config = load_config(path)
    dataset = config.dataset.load(beside=path.parent)
    protocol = HonestProtocol(config.protocol)
    everything = np.ones(dataset.n_features, dtype=bool)
    return [
        score_heldout(
            trial,
            everything,
            classifier_of(config.fitness),
            get_scorer(config.fitness.metric),
            Preprocessor(list(config.preprocess)),
            None,
        ).score
        for seed in SEEDS
        for trial in protocol.trials(dataset, seed)
    ]


def main():
    for name in sys.argv[1:] or ["configs/quickstart.yaml"]:
        mean = round(float(np.mean(heldout_scores(Path(name)))), 3)
        print(json.dumps({"config": name, "all_features_heldout": mean}), flush=True)


if __name__ == "__main__":
    main()
