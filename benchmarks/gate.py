"""Does it pay to let inner folds choose whether rows are generated, by which model, and how many?

    VAEGA_DATA=path/to/data python benchmarks/gate.py [--seeds 10] [--jobs 2]

Three arms with the same 30 features, those of the F test of the training rows: real rows; three
VAE rows for each real one, always; and ``generator: {kind: auto}, n_synthetic: auto``, whose choice
may be nothing. What differs is the final model alone. Held-out balanced accuracy, 30 % of the rows
held out (wine 70, breast cancer 90 %, so that few are left); intervals are those of the paired
difference from real rows, corrected for what splits share (Nadeau and Bengio 2003). Runs are kept
in runs/gate: a call that was stopped goes on. Writes results/benchmarks/gate.csv.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from vaega import load_dataset
from vaega.experiments import ExecutionOptions, make_config, run_experiment
from vaega.experiments.store import Store
from vaega.report import corrected_error

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks"
WORK = Path("runs/gate")
DATA = {
    "leukemia": [{"clip": [20, 16000]}, "log2", "standardize"],
    "sklearn:wine": ["standardize"],
    "sklearn:breast_cancer": ["standardize"],
    "gcm1363": [{"clip": [20, 16000]}, "log2", "standardize"],
}
CLASSIFIERS = ("gaussian_nb", "ridge", "knn")
TEST_SHARE = {"sklearn:wine": 0.7, "sklearn:breast_cancer": 0.9}  # so that few rows are left


def config_of(source, classifier, n_rows, seeds):
    test_size = TEST_SHARE.get(source, 0.3)
    n_train = round((1.0 - test_size) * n_rows)
    selector = {"selector": {"kind": "f_classif", "size": 30}}
    return make_config(
        {
            "name": f"{source.split(':')[-1]}_{classifier}",
            "dataset": {"source": source},
            "preprocess": DATA[source],
            "protocol": {"outer": "holdout", "test_size": test_size, "final": False},
            "arms": {
                "real": selector,
                "always": selector | {"generator": {"kind": "vae"}, "n_synthetic": 3 * n_train},
                "gate": selector | {"generator": {"kind": "auto"}, "n_synthetic": "auto"},
            },
            "fitness": {"classifier": classifier},
            "seeds": seeds,
        }
    )


def paired(differences, test_size):
    """Return mean and ends of the 95 % interval of a difference over splits that share rows."""
    share = test_size / (1.0 - test_size)
    half = stats.t.ppf(0.975, len(differences) - 1) * corrected_error(differences, test_share=share)
    return differences.mean(), differences.mean() - half, differences.mean() + half


def chosen_nothing(store):
    """Return the share of the trials of the gated arm in which nothing was added."""
    records = [one.metrics for one in store.done() if one.config["arm"]["name"] == "gate"]
    choices = [choice for metrics in records for choice in metrics["gate"]]
    return float(np.mean([choice["generator"] == "none" for choice in choices]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    lines = []
    for source in DATA:
        data = load_dataset(source)
        for classifier in CLASSIFIERS:
            config = config_of(source, classifier, len(data.pooled().y), options.seeds)
            execution = ExecutionOptions(jobs=options.jobs)
            runs, _ = run_experiment(config, data, WORK, options=execution)
            scores = runs.pivot(index="seed", columns="arm", values="heldout_score")
            line = {"data": config.name.removesuffix(f"_{classifier}"), "classifier": classifier}
            line["real"] = scores["real"].mean()
            for arm in ("always", "gate"):
                differences = (scores[arm] - scores["real"]).to_numpy()
                ends = paired(differences, config.protocol.test_size)
                line |= dict(zip((arm, f"{arm}_low", f"{arm}_high"), ends, strict=True))
            lines.append(line | {"nothing": chosen_nothing(Store(WORK / config.name))})
            print(lines[-1], flush=True)
            pd.DataFrame(lines).round(4).to_csv(RESULTS / "gate.csv", index=False)


if __name__ == "__main__":
    main()
