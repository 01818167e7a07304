"""Small experiments on disk, for what reads results folders."""

from vaega.data._sources import load_dataset
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.run import run_experiment

ARMS = {
    "original": {},
    "jitter": {"generator": {"kind": "jitter", "share": 0.2}, "n_synthetic": 40},
    "bootstrap": {"generator": {"kind": "bootstrap"}, "n_synthetic": 40},
}


def run_small(
    folder, *, source="sklearn:wine", name="small", arms=ARMS, seeds=6, n_searches=1, **protocol
):
    """Run the arms with searches of two generations, without final runs; return the folder."""
    config = ExperimentConfig(
        name=name,
        dataset={"source": source},
        preprocess=("standardize",),
        protocol={"inner_folds": 2, "final": False, **protocol},
        arms=arms,
        fitness={"classifier": "gaussian_nb"},
        search={"population_size": 6, "n_generations": 2, "n_searches": n_searches},
        seeds=seeds,
    )
    run_experiment(config, load_dataset(source), folder)
    return folder / name
