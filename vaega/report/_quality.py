"""The quality of an experiment's generators: measured, put side by side, written to a folder."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.base import clone

from vaega.core.errors import ConfigError, InputError
from vaega.core.figures import render
from vaega.core.files import check_links, check_within, write_bytes, write_text
from vaega.core.randomness import derive_seed, seed_unset
from vaega.core.tables import TextTable, csv_text
from vaega.data._dataset import Dataset
from vaega.data._preprocess import Preprocessor
from vaega.experiments.config import ArmConfig, ExperimentConfig
from vaega.experiments.protocols import HonestProtocol
from vaega.experiments.registry import make_sampler
from vaega.generative.quality._measurement import (
    QualityReport,
    measure_drawn,
    quality_table,
    show_cell,
    transfer_means,
)
from vaega.generative.quality._rows import DrawnRows, draw_rows
from vaega.report._generator_figures import draw_classes, draw_columns, draw_components, draw_losses


@dataclass(frozen=True, eq=False)
class MeasuredArm:
    """One arm's generator."""

    name: str  # The arm's
    report: QualityReport  # The figures
    drawn: DrawnRows  # The rows they were measured on


def measure_arms(
    config: ExperimentConfig,
    dataset: Dataset,
    *,
    names: Sequence[str] = (),
    device: str = "auto",
    cache: Any = "auto",
    observer: Callable[[str], None] | None = None,
) -> list[MeasuredArm]:
    """Measure the generators of an experiment on the first outer split of its first seed.

    Preprocessing and generators are fitted on the training rows of that split; the test rows are
    held out.
    """
    arms = _chosen(config, names)
    trial = next(iter(HonestProtocol(config.protocol).trials(dataset, config.seed_list()[0])))
    preparation = clone(Preprocessor(list(config.preprocess)))
    preparation = seed_unset(preparation, derive_seed(trial.seed, "final preparation"))
    X = preparation.fit_transform(trial.X, trial.y)
    X_test, y_test = trial.test.open()
    X_test, class_names = preparation.transform(X_test), np.asarray(dataset.class_names)
    measured = []
    for name, arm in arms.items():
        if observer is not None:
            observer(name)
        drawn = draw_rows(
            make_sampler(arm, dataset.n_classes, device=device, cache=cache),
            X,
            class_names[trial.y],
            X_test=X_test,
            y_test=class_names[y_test],
            n_synthetic=max(arm.n_synthetic or 0, 2 * dataset.n_classes),
            groups=trial.groups,
            seed=derive_seed(trial.seed, "quality"),
        )
        report = measure_drawn(drawn, seed=derive_seed(trial.seed, "measurement"))
        features = np.asarray(dataset.feature_names, dtype=object)[preparation.columns_]
        report.columns.insert(1, "name", features)
        measured.append(MeasuredArm(name, report, drawn))
    return measured


def _chosen(config: ExperimentConfig, names: Sequence[str]) -> dict[str, ArmConfig]:
    generating = {
        name: arm
        for name, arm in config.arms.items()
        if arm.generator is not None and not arm.gated
    }
    if not generating:
        raise ConfigError("arms: none has a generator, so that there is nothing to measure.")
    for name in names:
        if name not in generating:
            known = ", ".join(generating)
            raise ConfigError(f"--arm: must be an arm with a generator ({known}), got {name!r}.")
    return {name: generating[name] for name in names} if names else generating


def compare_quality(measured: Sequence[MeasuredArm]) -> pd.DataFrame:
    """Put arms side by side, one figure a row, beside what real held-out rows have."""
    lines = [_figures(arm.report) for arm in measured]
    table = pd.DataFrame({"figure": list(lines[0])})
    table["real"] = [show_cell(lines[0][figure][0]) for figure in table["figure"]]
    for arm, line in zip(measured, lines, strict=True):
        table[arm.name] = [show_cell(line[figure][1]) for figure in table["figure"]]
    return table


def arm_table(measured: Sequence[MeasuredArm], *, title: str) -> TextTable:
    """Return `compare_quality` as a table of text."""
    cells = compare_quality(measured)
    return TextTable(list(cells.columns), cells.to_numpy().tolist(), title)


def _figures(report: QualityReport) -> dict[str, tuple[float, float]]:
    """Return figures of real held-out rows and of synthetic ones, by what they are."""
    fidelity = report.fidelity.set_index("rows")
    ratios = report.variances[report.variances["label"] == "all"].set_index("rows")["ratio"]
    accuracy = report.two_sample.groupby("others")["accuracy"].max()
    return {
        "balanced accuracy after training": transfer_means(report.scores),
        "macro-F1 after training": transfer_means(report.scores, "macro_f1"),
        "within-class variance ratio": (ratios["held out"], ratios["synthetic"]),
        "KS complement, equal numbers": _pair(fidelity["ks_complement"]),
        "correlation similarity, equal numbers": _pair(fidelity["correlation_similarity"]),
        "told from held-out rows": (accuracy["fit"], accuracy["synthetic"]),
        "near copies of fit rows": (report.copies.near_heldout, report.copies.near),
        "distance to fit rows": (report.copies.ratio_heldout, report.copies.ratio),
        **_density_figures(report),
    }


def _pair(values: pd.Series) -> tuple[float, float]:
    return float(values["held out"]), float(values["as many"])


def _density_figures(report: QualityReport) -> dict[str, tuple[float, float]]:
    names = {
        "heldout": "log likelihood of held-out rows a column",
        "gap": "its gap to fit rows",
        "auc": "membership AUC",
    }
    is_model = report.densities["model"] == report.generator
    if not is_model.any():
        return {title: (float("nan"), float("nan")) for title in names.values()}
    model, references = report.densities[is_model].iloc[0], report.densities[~is_model]
    # Beside the model stands the reference that explains held-out rows best.
    best: Any = dict.fromkeys(names, float("nan"))
    if len(references):
        best = references.iloc[int(np.argmax(references["heldout"]))]
    return {title: (float(best[name]), float(model[name])) for name, title in names.items()}


EXPLANATION = (
    "Column real: classifiers trained on real rows; held-out rows in place of synthetic ones; fit "
    "rows told from held-out ones; the better of the references ProbabilisticPCA and ClassGaussian."
)


def write_quality(folder: Path, measured: Sequence[MeasuredArm], *, title: str) -> None:
    """Write Markdown, JSON, tables and figures."""
    check_links(check_within(folder, folder.parent), deep=True)
    table = compare_quality(measured)
    verdicts = "\n\n".join(f"**{arm.name}**: {arm.report.verdict}" for arm in measured)
    text = f"# {title}\n\n{quality_table(table).markdown()}\n{EXPLANATION}\n\n{verdicts}\n"
    write_text(folder / "quality.md", text)
    write_text(folder / "quality.csv", csv_text(table))
    for arm in measured:
        _write_arm(folder / arm.name, arm)


TABLES = ("scores", "by_class", "fidelity", "variances", "two_sample", "densities", "columns")


def _write_arm(folder: Path, arm: MeasuredArm) -> None:
    write_text(folder / "report.md", arm.report.to_markdown())
    write_text(folder / "report.json", arm.report.to_json())
    for name in TABLES:
        write_text(folder / f"{name}.csv", csv_text(getattr(arm.report, name)))
    for name, figure in _draw(arm).items():
        for kind in ("svg", "png"):
            write_bytes(folder / "figures" / f"{name}.{kind}", render(figure, kind))


def _draw(arm: MeasuredArm) -> dict[str, Figure]:
    rows = arm.drawn.rows
    figures = {"classes": draw_classes(arm.report), "columns": draw_columns(arm.report)}
    if rows.X_fit.shape[1] > 1:
        names = rows.classes.tolist()
        real, synthetic = (rows.X_fit, rows.y_fit), (rows.X_synthetic, rows.y_synthetic)
        figures["components"] = draw_components(real[0], synthetic[0], real[1], synthetic[1], names)
    with contextlib.suppress(InputError):  # a sampler, or a closed form: nothing was trained
        figures["losses"] = draw_losses(arm.drawn.model)
    return figures
