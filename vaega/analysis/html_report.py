"""The report of an experiment: one self-contained page, made from the results folder alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from vaega.analysis.figures import arm_points, draw_overview, render
from vaega.analysis.tables import headings_of, summary_cells
from vaega.core.errors import ResultsError
from vaega.core.files import path_inside, read_json, write_bytes, write_text
from vaega.experiments.protocols import statement_of
from vaega.experiments.summary import summarise


@dataclass(frozen=True, eq=False)
class Results:
    """What a results folder holds, read back.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/NAME``.
    config : dict
        The experiment's configuration.
    environment : dict
        Versions and machine of one of its runs.
    command : str
        The command that was given last.
    runs, summary : pandas.DataFrame
        As in ``runs.csv`` and ``summary.csv``.
    histories : dict of pandas.DataFrame
        By arm, the best objective: one row a generation, one column a trial.
    features : dict of pandas.DataFrame
        By arm, how many trials selected each feature: ``name``, ``share``.
    """

    folder: Path
    config: dict[str, Any]
    environment: dict[str, Any]
    command: str
    runs: pd.DataFrame
    summary: pd.DataFrame
    histories: dict[str, pd.DataFrame]
    features: dict[str, pd.DataFrame]


def read_results(folder: Path) -> Results:
    """Read a results folder.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/NAME``.

    Returns
    -------
    Results

    Raises
    ------
    ResultsError
        When it is no results folder, or holds no finished run.
    """
    if not (folder / "runs.csv").is_file():
        raise ResultsError(f"{folder}: is no results folder, it has no runs.csv.")
    try:
        return _read(folder)
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise ResultsError(f"{folder}: the results cannot be read back: {reason}.") from error


def _read(folder: Path) -> Results:
    runs = pd.read_csv(folder / "runs.csv")
    config = read_json(folder / "config.json")
    by_arm = _folders_by_arm(folder, list(config["arms"]))
    first = next((place for places in by_arm.values() for place in places), None)
    environment = {} if first is None else read_json(first / "environment.json")
    histories = {arm: _best_by_generation(places) for arm, places in by_arm.items() if places}
    features = {arm: _selection_share(places) for arm, places in by_arm.items() if places}
    return Results(
        folder=folder,
        config=config,
        environment=environment,
        command=_read_command(folder),
        runs=runs,
        summary=summarise(runs),
        histories=histories,
        features=features,
    )


def write_report(folder: Path) -> Path:
    """Write ``report.html`` and ``figures/overview`` from what is in the folder.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/NAME``.

    Returns
    -------
    pathlib.Path
        Of the page.
    """
    results = read_results(folder)
    figure = draw_overview(arm_points(results.runs), results.histories)
    for kind in ("svg", "png"):
        write_bytes(folder / "figures" / f"overview.{kind}", render(figure, kind))
    svg = render(figure, "svg").decode("utf-8")
    page = _template().render(
        name=results.config["name"],
        description=results.config.get("description", ""),
        statement=statement_of(results.config),
        headings=headings_of(results.summary),
        rows=summary_cells(results.summary),
        failures=_failures(results),
        figure=Markup(svg[svg.index("<svg") :]),
        features={arm: table.head(15) for arm, table in results.features.items()},
        config=yaml.safe_dump(results.config, sort_keys=False, allow_unicode=True),
        environment=results.environment,
        command=results.command,
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


def _read_command(folder: Path) -> str:
    path = folder / "command.txt"
    return path.read_text(encoding="utf-8") if path.is_file() else f"vaega report {folder}"


def _template() -> Any:
    loader = PackageLoader("vaega.analysis", "templates")
    return Environment(loader=loader, autoescape=True, trim_blocks=True).get_template("report.html")


def _folders_by_arm(folder: Path, arms: Sequence[str]) -> dict[str, list[Path]]:
    # Only runs of the present plan: folders of other settings or of other data stay beside them.
    by_arm: dict[str, list[Path]] = {arm: [] for arm in arms}
    for run_id in read_json(folder / "plan.json")["runs"]:
        place = path_inside(folder / "runs", run_id)
        if (place / "selected.csv").is_file() and (place / "config.json").is_file():
            arm = read_json(place / "config.json")["arm"]["name"]
            if arm in by_arm:
                by_arm[arm].append(place)
    return by_arm


def _best_by_generation(places: Sequence[Path]) -> pd.DataFrame:
    columns = []
    for place in places:
        history = pd.read_csv(place / "history.csv")
        for _, trial in history.groupby("trial"):
            columns.append(trial.set_index("generation")["best"].cummax())
    return pd.concat(columns, axis=1, ignore_index=True).ffill()


def _selection_share(places: Sequence[Path]) -> pd.DataFrame:
    tables = [pd.read_csv(place / "selected.csv", dtype={"name": str}) for place in places]
    n_trials = sum(table["trial"].nunique() for table in tables)
    counts = pd.concat(tables)["name"].value_counts(sort=False)
    table = (counts / max(n_trials, 1)).rename("share").rename_axis("name").reset_index()
    return table.sort_values(["share", "name"], ascending=[False, True], ignore_index=True)


def _failures(results: Results) -> list[str]:
    failed = results.runs[results.runs["status"] != "done"]
    return [f"{row.arm}, seed {row.seed}: {row.status}" for row in failed.itertuples()]
