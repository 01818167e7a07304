"""The command that searches a generator's parameters."""

import json
from pathlib import Path
from typing import Any

import click

from vaega.cli.app import DEVICE, FILE, JOBS, SET, InterruptedCommand, this_command, vaega


@vaega.command()
@FILE
@click.option("--arm", help="Which arm's generator; the first one that has one, if not given.")
@click.option("--trials", type=int, help="Trials in all, those of earlier calls included.")
@click.option("--sampler", type=click.Choice(["tpe", "grid"]), help="How values are drawn.")
@click.option(
    "--objective",
    type=click.Choice(["elbo", "score"]),
    help="Held-out log density, or the classifier's score on augmented rows.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the configuration with the best parameters; in the study's folder, if "
    "not given.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder of all experiments; the study is in NAME/tune.",
)
@JOBS
@DEVICE
@SET
def tune(file: Path, out: Path | None, results: Path, jobs: int, device: str, **given: Any) -> None:
    r"""Search a generator's parameters by inner folds, and write a configuration with the best.

    Given again, the command goes on where it stopped.

    \b
    vaega tune configs/quickstart.yaml --trials 20
    vaega tune configs/madelon.yaml --objective score --sampler grid --out tuned.yaml
    """
    from vaega.core.errors import InputError
    from vaega.experiments.reading import read_config

    if jobs == 0:
        raise InputError("--jobs: must be a whole number other than 0, got 0.")
    config = read_config(file, [*given.pop("overrides"), *_as_overrides(given)])
    study = _make_study(config, file, results, jobs, device)
    try:
        result = study.run(_say_trial)
    except KeyboardInterrupt as error:
        raise InterruptedCommand(this_command()) from error
    _write_and_show(study, result, file, out)


def _as_overrides(given: dict[str, Any]) -> list[str]:
    return [f"tune.{key}={json.dumps(value)}" for key, value in given.items() if value is not None]


def _make_study(config: Any, file: Path, results: Path, jobs: int, device: str) -> Any:
    from vaega.core.files import path_inside
    from vaega.experiments.loading import load_configured
    from vaega.experiments.tuning import Study

    dataset = load_configured(config.dataset, beside=file.parent)
    folder = path_inside(results, config.name) / "tune"
    return Study(config, dataset, folder, device=device, n_jobs=jobs)


def _say_trial(place: int, result: Any) -> None:
    row = result.table.iloc[-1]
    what = f"{row['value']:.4f}" if row["state"] == "done" else f"failed: {row['error']}"
    click.echo(f"trial {place}: {what} (best {result.value:.4f})", err=True)


def _write_and_show(study: Any, result: Any, file: Path, out: Path | None) -> None:
    from rich.console import Console

    from vaega.analysis.study_figures import study_png, study_table
    from vaega.core.files import write_bytes, write_text
    from vaega.experiments.tuning import STATEMENT, tuned_config, write_study

    folder = study.folder / study.name
    out = folder / "best.yaml" if out is None else out
    label = study.objective.label
    write_study(result, folder)
    write_bytes(folder / "study.png", study_png(result.table, result.importances, label=label))
    text = tuned_config(
        study.config, study.arm_name, result.best, beside=file.parent, out=out.parent
    )
    write_text(out, text)
    Console().print(study_table(result.table, label=label))
    click.echo(f"{STATEMENT}\nstudy    {folder}\nbest     {out}")
