"""How fast autoencoders train and generate, on one thread, beside pythae and the peak of products.

    [VAEGA_DATA=...] python benchmarks/vae_training.py [--parts epochs fit draw memory]

Prints lines of JSON. An epoch is a pass over the training rows, without the held-out rows' verdict;
the two libraries take turns, with equal widths, batches and data, and `ratio` is the median of
pythae's time over ours. `share_of_peak` counts the products of the linear layers alone and compares
with square products of the same format in the same run. pythae is optional: pip install pythae
(--no-deps serves), or a folder of it on PYTHONPATH.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vaega import VAE
from vaega.generative._networks import Gaussian, build_network
from vaega.generative._training import (
    Batch,
    Trainer,
    TrainingObjective,
    TrainingSettings,
    supports_bfloat16,
)

# Rows, columns, widths, latent dimensions: like Madelon, and like leukemia in the thesis.
CASES = {
    "2000x500": (2000, 500, (835, 308), 25),
    "38x7129": (38, 7129, (346, 178), 108),
}
BATCH = 256
FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def peak(dtype: torch.dtype, size: int = 1024) -> float:
    """Products a second, in units of 1e9 operations: the best of two."""
    a = torch.randn(size, size, generator=torch.Generator().manual_seed(0)).to(dtype)
    seconds = min(timed(lambda: a @ a) for _ in range(2))
    return 2e-9 * size**3 / seconds


def timed(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def rows_of(n: int, p: int) -> torch.Tensor:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 20)) @ rng.standard_normal((20, p)) + rng.standard_normal((n, p))
    return torch.from_numpy((X - X.mean(axis=0)) / X.std(axis=0)).float()


def our_epoch(rows: torch.Tensor, hidden: tuple[int, ...], latent: int, dtype: torch.dtype) -> Any:
    generator = torch.Generator().manual_seed(0)
    network = build_network(generator, rows.shape[1], hidden, latent)
    settings = TrainingSettings(TrainingObjective(Gaussian()), batch_size=BATCH, dtype=dtype)
    trainer = Trainer(network, Batch(rows), None, settings, generator)
    return lambda: trainer.run_epoch(kl_share=1.0).tolist()


def pythae_epoch(rows: torch.Tensor, hidden: tuple[int, ...], latent: int, folder: str) -> Any:
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE as PythaeVAE
    from pythae.models import VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    def layers(widths: tuple[int, ...]) -> nn.Sequential:
        return nn.Sequential(
            *(
                layer
                for a, b in pairwise(widths)
                for layer in (nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU())
            )
        )

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = layers((rows.shape[1], *hidden))
            self.mean, self.log = nn.Linear(hidden[-1], latent), nn.Linear(hidden[-1], latent)

        def forward(self, x: torch.Tensor) -> Any:
            h = self.body(x)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log(h))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = layers((latent, *reversed(hidden)))
            self.output = nn.Linear(hidden[0], rows.shape[1])

        def forward(self, z: torch.Tensor) -> Any:
            return ModelOutput(reconstruction=self.output(self.body(z)))

    config = VAEConfig(input_dim=(rows.shape[1],), latent_dim=latent)
    trainer = BaseTrainer(
        model=PythaeVAE(config, encoder=Encoder(), decoder=Decoder()),
        train_dataset=BaseDataset(rows, torch.zeros(len(rows))),
        training_config=BaseTrainerConfig(
            output_dir=folder, per_device_train_batch_size=BATCH, learning_rate=1e-3, no_cuda=True
        ),
    )
    trainer.prepare_training()
    epochs = iter(range(1, 10**9))
    return lambda: trainer.train_step(next(epochs))


def operations(n: int, p: int, hidden: tuple[int, ...], latent: int) -> float:
    """Operations of the linear layers in an epoch: forward, by weights, by inputs but the first."""
    encoder = list(zip((p, *hidden), (*hidden, 2 * latent), strict=True))
    decoder = list(zip((latent, *hidden[::-1]), (*hidden[::-1], p), strict=True))
    weights = sum(a * b for a, b in encoder + decoder)
    return 2.0 * n * (3 * weights - p * hidden[0])


def measure_epochs(repeats: int) -> None:
    formats = ["float32", *(["bfloat16"] if supports_bfloat16(torch.device("cpu")) else [])]
    for case, (n, p, hidden, latent) in CASES.items():
        rows = rows_of(n, p)
        calls = {name: our_epoch(rows, hidden, latent, FORMATS[name]) for name in formats}
        with tempfile.TemporaryDirectory() as folder:
            try:
                calls["pythae"] = pythae_epoch(rows, hidden, latent, folder)
            except ImportError as error:
                print(f"pythae is left out: {error}", file=sys.stderr)
            seconds = {name: [] for name in calls}
            peaks = dict.fromkeys(formats, 0.0)
            for turn in range(repeats + 2):
                for name in formats:  # in the same turns: a busy machine has a lower peak
                    peaks[name] = max(peaks[name], peak(FORMATS[name]))
                for name, call in calls.items():
                    spent = timed(call)
                    if turn >= 2:
                        seconds[name].append(spent)
        found = {name: np.array(values) for name, values in seconds.items()}
        for name in formats:
            best = found[name].min()
            share = 1e-9 * operations(n, p, hidden, latent) / best / peaks[name]
            line = {"case": f"epoch/{case}", "products": name, "ms": ms(np.median(found[name]))}
            line |= {"best_ms": ms(best), "peak": round(peaks[name])}
            line["share_of_peak"] = round(share, 2)
            for rival in ("pythae", "float32"):
                if rival in found and rival != name:
                    ratio = np.median(found[rival] / found[name])
                    line[f"ratio_to_{rival}"] = round(float(ratio), 2)
            say(line)


def measure_fit(repeats: int) -> None:
    X, y = leukemia()
    _, _, hidden, latent = CASES["38x7129"]
    for name, settings in {
        "default": {},
        "default, one split": {"validation": "split"},
        "thesis widths": {"hidden": hidden, "latent": latent},
        "thesis widths, one split": {"hidden": hidden, "latent": latent, "validation": "split"},
    }.items():
        spent = []
        for seed in range(repeats):
            start = time.process_time()
            model = VAE(random_state=seed, **settings).fit(X, y)
            spent.append(time.process_time() - start)
        line = {"case": "fit/leukemia", "model": name, "cpu_seconds": round(np.median(spent), 2)}
        say(line | {"least": round(min(spent), 2), "epochs": model.report_.n_epochs})


def leukemia() -> tuple[np.ndarray, np.ndarray]:
    folder = os.environ.get("VAEGA_DATA")
    if folder is None:
        print("VAEGA_DATA is not set: made-up rows of leukemia's shape", file=sys.stderr)
        return rows_of(38, 7129).numpy().astype(float), np.arange(38) % 2
    with np.load(Path(folder) / "leukemia.npz", allow_pickle=False) as data:
        return np.log2(np.clip(data["X_train"], 20, 16000)), data["y_train"]


def measure_draw(repeats: int) -> None:
    X, y = leukemia()
    _, _, hidden, latent = CASES["38x7129"]
    model = VAE(hidden, latent, max_epochs=5, random_state=0).fit(X, y)
    mask = np.zeros(X.shape[1], dtype=bool)
    mask[np.random.default_rng(0).choice(X.shape[1], 50, replace=False)] = True
    counts = dict.fromkeys(np.unique(y).tolist(), 500)
    for what, keywords in {"50 of 7129 columns": {"features": mask}, "all columns": {}}.items():
        spent = [
            timed(lambda k=keywords: model.sample(counts, random_state=1, **k))
            for _ in range(repeats + 1)
        ]
        line = {"case": f"draw/1000 rows, {what}", "ms": ms(np.median(spent[1:]))}
        say(line | {"best_ms": ms(min(spent[1:])), "first_ms": ms(spent[0])})


def measure_memory(n: int = 6000, p: int = 16000) -> None:
    """In a process of its own: what a fit adds to the highest resident memory."""
    code = f"from vae_training import fit_and_tell; fit_and_tell({n}, {p})"
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    out = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    print(out.stdout, end="")


def fit_and_tell(n: int, p: int) -> None:
    torch.set_num_threads(1)
    X = np.random.default_rng(0).standard_normal((n, p))
    VAE((8,), 2, max_epochs=1).fit(X[:64, :64])  # what is loaded once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = VAE(max_epochs=2, random_state=0).fit(X)
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    weights = sum(part.numel() for part in model.state_.codec.network.parameters()) * 4 / 2**20
    bound = X.nbytes / 2**20 + 3 * 3 * weights
    line = {"case": f"memory/{n}x{p}", "data_mib": round(X.nbytes / 2**20)}
    line |= {"weights_and_adam_mib": round(3 * weights), "added_mib": round(added)}
    say(line | {"bound_mib": round(bound), "within": added <= bound})


def ms(seconds: float) -> float:
    return round(1e3 * float(seconds), 2)


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


PARTS: dict[str, Callable[[int], None]] = {
    "epochs": measure_epochs,
    "fit": measure_fit,
    "draw": measure_draw,
    "memory": lambda repeats: measure_memory(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for part in options.parts:
        PARTS[part](options.repeats)
    if not torch.cuda.is_available():
        say({"case": "cuda", "missing": "no CUDA device here"})


if __name__ == "__main__":
    main()
