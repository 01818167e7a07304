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
    """What a scale allows."""

    n_runs: int  # Splits
    max_rows: int | None = None  # Of the dataset, drawn at random; all when absent
    max_columns: int | None = None  # Of the dataset, drawn at random; all when absent
    max_epochs: int | None = None  # Of a generator, in place of its own
    # For datasets whose network is made smaller: what its widths are divided by
    divisor: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request) -> "Effort":
        """Return that of a request."""
        n_runs = request.n_runs or N_RUNS[request.scale]
        if request.scale == "smoke":
            return cls(n_runs, 100, 40, 150, dict.fromkeys(PRESETS, 8))
        return cls(n_runs, divisor={} if request.scale == "full" else {"gisette": 8})


@dataclass(frozen=True)
class SyntheticTask:
    """One generator on one split: rows drawn, MLPs trained on real and on synthetic ones."""

    thesis_name: str  # The dataset, as the thesis names it
    run: Run  # Identity; the arm is the generator
    n_drawn: int  # Synthetic rows, of which 70 % train and 30 % test
    network: Network  # The thesis's, for its generators
    effort: Effort  # Which rows and columns of the dataset are taken

    @property
    def protocol(self) -> str:
        """The protocol of its generator."""
        return PROTOCOL_OF[self.run.arm]


def rows_to_draw(n_training: int) -> int:
    """Return how many synthetic rows to draw so that so many train."""
    return round(n_training / TRAINING_SHARE)


def plan_task(
    thesis_name: str, dataset: Dataset, generator: str, n_drawn: int, seed: int, request: Request
) -> SyntheticTask:
    """Return a task."""
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
