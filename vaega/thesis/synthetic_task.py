"""One comparison of the MLP on real and on synthetic rows: what it depends on, and its identity."""

from dataclasses import asdict, dataclass, field

from vaega.core.files import canonical_json, fingerprint, plain
from vaega.data.dataset import Dataset
from vaega.experiments.store import Run
from vaega.generative.quality.transfer import TRAINING_SHARE
from vaega.thesis.request import Request
from vaega.thesis.synthetic_rows import PROTOCOL_OF, Network

# Of the pooled rows, as in the thesis: 22 of 72, 780 of 2600, 1800 of 6000, 57 of 190.
TEST_SIZE = 0.3
PRESETS = {
    "leukemia": "thesis_leukemia",
    "madelon": "thesis_madelon",
    "gisette": "thesis_gisette",
    "gcm": "thesis_gcm",
    "all-leukemia": "thesis_all",
}
N_RUNS = {"smoke": 1, "small": 3, "full": 10}


@dataclass(frozen=True)
class Effort:
    """What a scale allows.

    Parameters
    ----------
    n_runs : int
        Splits.
    max_rows, max_columns : int, optional
        Of the dataset, drawn at random; all when absent.
    max_epochs : int, optional
        Of a generator, in place of its own.
    divisor : dict of str to int
        For datasets whose network is made smaller: what its widths are divided by.

    Examples
    --------
    >>> from pathlib import Path
    >>> Effort.of(Request(Path("out"), scale="full")).n_runs
    10
    """

    n_runs: int
    max_rows: int | None = None
    max_columns: int | None = None
    max_epochs: int | None = None
    divisor: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request) -> "Effort":
        """Return that of a request.

        Parameters
        ----------
        request : Request
            With its scale, and perhaps its number of runs.

        Returns
        -------
        Effort
        """
        n_runs = request.n_runs or N_RUNS[request.scale]
        if request.scale == "smoke":
            return cls(n_runs, 100, 40, 150, dict.fromkeys(PRESETS, 8))
        return cls(n_runs, divisor={} if request.scale == "full" else {"gisette": 8})


@dataclass(frozen=True)
class SyntheticTask:
    """One generator on one split: rows drawn, MLPs trained on real and on synthetic ones.

    Parameters
    ----------
    thesis_name : str
        The dataset, as the thesis names it.
    run : Run
        Identity; the arm is the generator.
    n_drawn : int
        Synthetic rows, of which 70 % train and 30 % test.
    network : Network
        The thesis's, for its generators.
    effort : Effort
        Which rows and columns of the dataset are taken.

    Examples
    --------
    >>> run = Run("a", "iris", "smote", 0, {})
    >>> SyntheticTask("leukemia", run, 30, Network("thesis"), Effort(1)).protocol
    'honest'
    """

    thesis_name: str
    run: Run
    n_drawn: int
    network: Network
    effort: Effort

    @property
    def protocol(self) -> str:
        """The protocol of its generator."""
        return PROTOCOL_OF[self.run.arm]


def rows_to_draw(n_training: int) -> int:
    """Return how many synthetic rows to draw so that so many train.

    Parameters
    ----------
    n_training : int
        Rows to train on.

    Returns
    -------
    int

    Examples
    --------
    >>> rows_to_draw(3000), rows_to_draw(980)
    (4286, 1400)
    """
    return round(n_training / TRAINING_SHARE)


def plan_task(
    thesis_name: str, dataset: Dataset, generator: str, n_drawn: int, seed: int, request: Request
) -> SyntheticTask:
    """Return a task.

    Parameters
    ----------
    thesis_name : str
        The dataset, as the thesis names it.
    dataset : Dataset
        It, or its stand-in.
    generator : str
        One of `vaega.thesis.synthetic_rows.TITLES`.
    n_drawn : int
        Synthetic rows.
    seed : int
        Of the split and of all else.
    request : Request
        Its scale says which network and which rows.

    Returns
    -------
    SyntheticTask
        Its id is a digest of all that the result depends on.

    Examples
    --------
    >>> from pathlib import Path
    >>> from vaega.data.sources import load_dataset
    >>> iris = load_dataset("sklearn:iris")
    >>> plan_task("gcm", iris, "smote", 30, 0, Request(Path("out"))).run.id[:17]
    'iris-smote-30-000'
    """
    effort = Effort.of(request)
    network = Network(
        PRESETS[thesis_name],
        effort.divisor.get(thesis_name, 1),
        effort.max_epochs,
        request.device,
    )
    resolved = {
        "dataset": {"name": dataset.name, "fingerprint": dataset.fingerprint},
        "generator": generator,
        "protocol": PROTOCOL_OF[generator],
        "n_drawn": n_drawn,
        "network": plain({k: v for k, v in asdict(network).items() if k != "device"}),
        "max_rows": effort.max_rows,
        "max_columns": effort.max_columns,
        "test_size": TEST_SIZE,
        "seed": seed,
    }
    digest = fingerprint(canonical_json(resolved))[:10]
    name = f"{dataset.name}-{generator}-{n_drawn}-{seed:03d}-{digest}"
    run = Run(name, dataset.name, generator, seed, resolved)
    return SyntheticTask(thesis_name, run, n_drawn, network, effort)
