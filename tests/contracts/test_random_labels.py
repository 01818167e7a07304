"""Labels without meaning must read as chance held out, however well the search thinks it did."""

import numpy as np

from vaega import Dataset
from vaega.experiments.config import make_config
from vaega.experiments.run import run_experiment
from vaega.experiments.runner import ExecutionOptions


def test_random_labels_read_as_random(tmp_path):
    heldout, inner = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels = rng.permutation(np.repeat([0, 1], 36))
        data = Dataset.from_arrays(rng.normal(size=(72, 500)), labels, name="noise")
        config = make_config(
            {
                "name": f"noise-{seed}",
                "dataset": {"source": "made here"},
                "protocol": {"outer": "kfold", "n_splits": 3, "inner_folds": 4, "final": False},
                "fitness": {"classifier": "nearest_centroid", "metric": "balanced_accuracy"},
                "search": {"n_searches": 1, "population_size": 20, "n_generations": 6},
                "seeds": [seed],
            }
        )
        runs, _ = run_experiment(config, data, tmp_path, options=ExecutionOptions(jobs=1))
        heldout.append(runs["heldout_score"].item())
        inner.append(runs["inner_score"].item())
    print(f"held out {np.mean(heldout):.3f}, inner {np.mean(inner):.3f}")
    assert 0.45 <= np.mean(heldout) <= 0.55
    assert np.mean(inner) > 0.70
