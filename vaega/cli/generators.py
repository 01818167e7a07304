"""Generators: ``vaega quality``, ``vaega tune``, and the models that ``vaega cache`` keeps."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from vaega.cli.app import (
    DEVICE,
    FILE,
    JOBS,
    SET,
    TRUST,
    Group,
    InterruptedCommand,
    check_jobs,
    folder_option,
    print_progress,
    print_table,
    read_config,
    say,
    this_command,
    vaega,
)
from vaega.cli.reading import reading_bar
from vaega.core.errors import printable
from vaega.core.tables import TextTable

_FOLDER = folder_option("--folder", "Another folder than $VAEGA_CACHE, or the user's own.")


@vaega.group(cls=Group)
def cache() -> None:
    r"""List or clear the trained models that are kept.

    \b
    vaega cache list
    vaega cache clear --older-than 30d
    vaega cache path
    """


@cache.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for all entries.")
@_FOLDER
def list_entries(as_json: bool, folder: Path | None) -> None:
    r"""List the models, the last used one first.

    \b
    vaega cache list
    vaega cache list --json
    """
    from vaega.generative._entries import find_entries

    folder = _folder(folder)
    entries = find_entries(folder)
    if as_json:
        listed = [{**asdict(entry), "intact": entry.intact} for entry in entries]
        total = sum(entry.size for entry in entries)
        record = {"folder": str(folder), "bytes": total, "entries": listed}
        say(json.dumps(record, indent=2))
        return
    if entries:
        print_table(TextTable(_COLUMNS, [_row(entry) for entry in entries], left=(0, 1)))
    say(_sum(folder, entries))


@cache.command()
@click.option("--older-than", metavar="TIME", help="Only models not used for so long: 12h, 30d.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@_FOLDER
def clear(older_than: str | None, yes: bool, folder: Path | None) -> None:
    r"""Remove the models; what a process writes just now, and what is not ours, is left.

    \b
    vaega cache clear
    vaega cache clear --older-than 30d --yes
    """
    from vaega.core.files import parse_seconds
    from vaega.generative._entries import drop_unlocked, find_entries, sweep

    folder, least = _folder(folder), float("-inf")
    if older_than is not None:
        least = parse_seconds(older_than, "--older-than", owner="vaega cache clear")
    entries = [entry for entry in find_entries(folder) if time.time() - entry.used >= least]
    if entries and not yes and not click.confirm(f"Remove {_sum(folder, entries)}?"):
        entries = []
    dropped = [entry for entry in entries if drop_unlocked(folder, entry.key)]
    sweep(folder)
    say(f"removed {_sum(folder, dropped)}")
    if len(dropped) < len(entries):
        say(f"left {len(entries) - len(dropped)} that other processes are using")


@cache.command()
@_FOLDER
def path(folder: Path | None) -> None:
    r"""Print the folder of the models.

    \b
    vaega cache path
    """
    say(str(_folder(folder)))


def _folder(given: Path | None) -> Path:
    from vaega.core.files import cache_folder

    return cache_folder("models") if given is None else given


def _sum(folder: Path, entries: list[Any]) -> str:
    from vaega.core.files import say_bytes

    models = "1 model" if len(entries) == 1 else f"{len(entries)} models"
    return f"{models}, {say_bytes(sum(entry.size for entry in entries))} in {folder}"


_COLUMNS = ("key", "class", "rows x columns", "seed", "size", "age", "last used")


def _row(entry: Any) -> list[str]:
    from vaega.core.files import say_bytes, say_seconds

    now = time.time()
    shape = f"{entry.n_rows} x {entry.n_features}" if entry.intact else "?"
    seed = "-" if entry.seed is None else str(entry.seed)
    ages = [say_seconds(now - moment) for moment in (entry.created, entry.used)]
    return [entry.key[:8], entry.kind or "damaged", shape, seed, say_bytes(entry.size), *ages]


@vaega.command()
@FILE
@click.option("--arm", "arms", multiple=True, help="An arm to measure; all with a generator.")
@click.option("--json", "as_json", is_flag=True, help="Print the reports as JSON.")
@folder_option("--out", "Folder for tables and figures.  [default: results/NAME/quality]")
@DEVICE
@SET
@TRUST
def quality(
    file: Path,
    arms: tuple[str, ...],
    as_json: bool,
    out: Path | None,
    device: str,
    overrides: tuple[str, ...],
) -> None:
    r"""Measure the rows that an experiment's generators make, on rows that these never saw.

    \b
    vaega quality configs/leukemia.yaml
    vaega quality configs/leukemia.yaml --arm augmented --json
    """
    from vaega.core.files import path_inside
    from vaega.report._quality import measure_arms, write_quality

    file, config = read_config(file, overrides)
    with reading_bar(config.dataset.source) as progress:
        dataset = config.dataset.load(beside=file.parent, progress=progress)
    folder = path_inside(Path("results"), config.name) / "quality" if out is None else out
    measured = measure_arms(
        config,
        dataset,
        names=arms,
        device=device,
        observer=lambda name: print_progress(f"measuring {name} ..."),
    )
    write_quality(folder, measured, title=f"Quality of generators on {dataset.name}")
    if as_json:
        say(json.dumps({arm.name: arm.report.to_dict() for arm in measured}, indent=2))
    else:
        _print_quality(measured, dataset.name)
        say(f"tables and figures  {folder}")


def _print_quality(measured: list[Any], name: str) -> None:
    from rich.console import Console
    from rich.text import Text

    from vaega.report._quality import EXPLANATION, arm_table

    report = measured[0].report
    sizes = f"{report.n_fit} fit rows, {report.n_heldout} held out, {report.n_features} columns"
    print_table(arm_table(measured, title=f"{name}: {sizes}"))
    console = Console()
    console.print(EXPLANATION, style="dim", markup=False)
    for arm in measured:
        sentence = printable(f": {arm.report.verdict}")
        console.print(Text.assemble("\n", (printable(arm.name), "bold"), sentence))


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
@folder_option("--results", "Folder of all experiments; the study is in NAME/tune.", "results")
@JOBS
@DEVICE
@SET
@TRUST
def tune(
    file: Path,
    out: Path | None,
    results: Path,
    jobs: int,
    device: str,
    overrides: tuple[str, ...],
    **options: Any,
) -> None:
    r"""Search a generator's parameters by inner folds, and write a configuration with the best.

    Given again, the command goes on where it stopped.

    \b
    vaega tune configs/quickstart.yaml --trials 20
    vaega tune configs/madelon.yaml --objective score --sampler grid --out tuned.yaml
    """
    from vaega.core.files import path_inside
    from vaega.experiments.tuning import Study

    check_jobs(jobs)
    given = {key: value for key, value in options.items() if value is not None}
    tuned = [f"tune.{key}={json.dumps(value)}" for key, value in given.items()]
    file, config = read_config(file, [*overrides, *tuned])
    with reading_bar(config.dataset.source) as progress:
        dataset = config.dataset.load(beside=file.parent, progress=progress)
    folder = path_inside(results, config.name)
    study = Study(config, dataset, folder / "tune", device=device, n_jobs=jobs)
    try:
        result = study.run(_say_trial)
    except KeyboardInterrupt as error:
        raise InterruptedCommand(this_command()) from error
    _write_and_show(study, result, file, out)


def _say_trial(number: int, result: Any) -> None:
    row = result.table.iloc[-1]
    value = f"{row['value']:.4f}" if row["state"] == "done" else f"failed: {row['error']}"
    print_progress(f"trial {number}: {value} (best {result.value:.4f})")


def _write_and_show(study: Any, result: Any, file: Path, out: Path | None) -> None:
    from vaega.core.files import write_bytes, write_text
    from vaega.experiments.tuning import STATEMENT, tuned_config, write_study
    from vaega.report._figures import study_png, study_table

    folder, label = study.folder / study.name, study.objective.label
    out = folder / "best.yaml" if out is None else out
    write_study(result, folder)
    write_bytes(folder / "study.png", study_png(result.table, result.importances, label=label))
    options = {"beside": file.parent, "out": out.parent}
    write_text(out, tuned_config(study.config, study.arm_name, result.best, **options))
    print_table(study_table(result.table, label=label))
    say(f"{STATEMENT}\nstudy    {folder}\nbest     {out}")
