"""The results of an experiment, read back from its folder, and its summary as tables."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from rich import box
from rich.markup import escape
from rich.table import Table as TerminalTable
from rich.text import Text

from vaega.core.errors import printable
from vaega.core.tables import TextTable, csv_text, json_records, latex_text
from vaega.experiments.config import statement_of
from vaega.experiments.intervals import LEAST_RUNS
from vaega.experiments.pooling import POOLED_NOTE
from vaega.experiments.store import (
    RunRecord,
    Store,
    heldout_intervals,
    measure_agreement,
    summarise,
)
from vaega.fitness._memory import FAILED
from vaega.report._comparison import effect_table, scores_of
from vaega.report._statistics import format_p_value
from vaega.selection._stability import StabilityEstimate
from vaega.selection._voting import TOGETHER, VOTES


@dataclass(frozen=True, eq=False)
class Results:
    """What a results folder holds, read back."""

    folder: Path  # ``results/NAME``
    config: dict[str, Any]  # The experiment's configuration
    environment: dict[str, Any]  # Versions and machine of one of its runs
    command: str  # The command that was given last
    runs: pd.DataFrame  # As in ``runs.csv`` and ``summary.csv``
    summary: pd.DataFrame  # As in ``runs.csv`` and ``summary.csv``
    # By arm, the best objective: one row a generation, one column a search of a trial
    histories: dict[str, pd.DataFrame]
    # By arm, how many trials selected each feature: ``name``, ``share``
    features: dict[str, pd.DataFrame]
    # By arm with at least two trials, how far its selections agree
    stability: dict[str, StabilityEstimate]
    # As in ``null.csv``; without rows where no labels were permuted
    null: pd.DataFrame = field(default_factory=pd.DataFrame)
    # By arm, what each of its runs recorded
    metrics: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    # What generated rows do to the selection and to the final model, see `effect_table`
    effects: TextTable = field(default_factory=lambda: TextTable((), ()))
    constant: float = float("nan")  # Score of always naming the commonest class, where known
    notes: Sequence[str] = ()  # On the data, as on its card
    # By arm that adds rows, how good they are; see `vaega.experiments.trial`
    generators: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_results(folder: Path) -> Results:
    """Read a results folder."""
    store = Store(folder)
    with store.reading():
        return _read(store)


def _read(store: Store) -> Results:
    config = store.config
    by_arm: dict[str, list[RunRecord]] = {arm: [] for arm in config["arms"]}
    for record in store.done():
        by_arm.get(record.config["arm"]["name"], []).append(record)
    finished = {arm: records for arm, records in by_arm.items() if records}
    first = next((records[0] for records in finished.values()), None)
    agreement = {
        arm: measure_agreement([record.masks() for record in records])
        for arm, records in by_arm.items()
    }
    runs, null = store.runs_table(), store.null_table()
    return Results(
        folder=store.folder,
        config=config,
        environment={} if first is None else first.environment,
        command=store.command or f"vaega report {store.folder}",
        runs=runs,
        summary=summarise(
            runs, agreement, null, heldout_intervals(finished), store.null_stability()
        ),
        histories={arm: _best_by_generation(records) for arm, records in finished.items()},
        features={arm: _selection_share(records) for arm, records in finished.items()},
        stability={arm: value for arm, value in agreement.items() if value is not None},
        null=null,
        metrics={arm: [one.metrics or {} for one in records] for arm, records in by_arm.items()},
        generators=_generators(finished),
        effects=effect_table([scores_of(store)] if finished else []),
        notes=_notes(finished),
        constant=_constant_score(config["fitness"]["metric"], finished),
    )


def _notes(finished: Mapping[str, Sequence[RunRecord]]) -> list[str]:
    records = next(iter(finished.values()), [])
    return list((records[0].metrics or {}).get("notes", ())) if records else []


def _constant_score(metric: str, finished: Mapping[str, Sequence[RunRecord]]) -> float:
    """Return the score of always naming the commonest class, or not-a-number."""
    if metric.startswith("roc_auc"):
        return 0.5
    metrics = next((records[0].metrics or {} for records in finished.values()), {})
    counts = pd.DataFrame(metrics.get("classes", []), columns=["trial", "n_rows"])
    if metric not in ("accuracy", "balanced_accuracy") or counts.empty:
        return float("nan")
    of_trial = counts[counts["n_rows"] > 0].groupby("trial")["n_rows"]
    shares = 1.0 / of_trial.count() if metric != "accuracy" else of_trial.max() / of_trial.sum()
    return float(shares.mean())


def _generators(finished: Mapping[str, Sequence[RunRecord]]) -> dict[str, dict[str, Any]]:
    measured = {
        arm: [record.generator for record in records if record.generator is not None]
        for arm, records in finished.items()
    }
    return {arm: records[0] for arm, records in measured.items() if records}


def _best_by_generation(records: Sequence[RunRecord]) -> pd.DataFrame:
    columns = []
    for record in records:
        history = record.history()
        # Searches that vote count their generations each for itself.
        counted = [name for name in ("trial", "search") if name in history]
        for _, search in history.groupby(counted):
            columns.append(search.set_index("generation")["best"].cummax())
    return pd.concat(columns, axis=1, ignore_index=True).ffill()


def _selection_share(records: Sequence[RunRecord]) -> pd.DataFrame:
    # A trial may have selected no feature.
    n_trials = sum(len((record.metrics or {})["trials"]) for record in records)
    counts = pd.concat([record.selected() for record in records])["name"].value_counts(sort=False)
    table = (counts / n_trials).rename("share").rename_axis("name").reset_index()
    return table.sort_values(["share", "name"], ascending=[False, True], ignore_index=True)


TEXT_FORMATS = ("markdown", "latex", "csv")
SUMMARY_COLUMNS = (
    "arm", "runs", "held-out [95 %]", "inner", "optimism", "features", "masks", "seconds",
)  # fmt: skip
CHANCE = "p"
CHANCE_NOTE = "p: of as high a mean over the same seeds with permuted labels."
_LEVEL = 0.05  # of that p, from which on an arm is not shown to beat chance
# What these are called where the search saw the test rows.
_OPEN_COLUMNS = {"held-out [95 %]": "test rows, seen [95 %]", "inner": "fitness"}


def terminal(table: TextTable) -> TerminalTable:
    """Return a table for a terminal of 80 columns: headings and names wrap between words."""
    shown = TerminalTable(
        title=escape(printable(table.title)) or None, title_justify="left", box=box.SIMPLE_HEAD,
        padding=0, show_edge=False,
    )  # fmt: skip
    for index, (heading, width) in enumerate(zip(table.columns, least_widths(table), strict=True)):
        justify: Literal["left", "right"] = "left" if index in table.left else "right"
        shown.add_column(escape(printable(heading)), justify=justify, min_width=width)
    for row in table.rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    return shown


def least_widths(table: TextTable) -> list[int]:
    """Return how wide each column has to be: its numbers, or the words of its names, stay whole."""
    widths = []
    for index, heading in enumerate(table.columns):
        cells = [row[index] for row in table.rows]
        whole = [word for cell in cells for word in cell.split()] if index in table.left else cells
        widths.append(max(map(len, [*whole, *heading.split()]), default=0))
    return widths


def fitting(table: TextTable, width: int) -> tuple[TextTable, list[str]]:
    """Return a table with the columns that fit into so many characters, and which did not.

    The last columns go first; two stay in any case.
    """
    widths, n_columns = least_widths(table), len(table.columns)
    while n_columns > 2 and sum(widths[:n_columns]) + n_columns - 1 > width:
        n_columns -= 1
    rows = [row[:n_columns] for row in table.rows]
    kept = replace(table, columns=table.columns[:n_columns], rows=rows)
    return kept, list(table.columns[n_columns:])


def summary_table(summary: pd.DataFrame, *, title: str = "") -> TextTable:
    """Return means of each arm, as in ``summary.csv``, as text."""
    seen = "protocol" in summary and bool((summary["protocol"] != "honest").any())
    columns = [_OPEN_COLUMNS.get(name, name) if seen else name for name in SUMMARY_COLUMNS]
    rows = [_arm_cells(row) for _, row in summary.iterrows()]
    if "p_value" in summary and summary["p_value"].notna().any():
        place = SUMMARY_COLUMNS.index("inner")  # beside the score that it is of
        columns.insert(place, CHANCE)
        for cells, p_value in zip(rows, summary["p_value"], strict=True):
            cells.insert(place, "" if pd.isna(p_value) else format_p_value(p_value))
    return TextTable(columns, rows, title)


def chance_sentences(summary: pd.DataFrame) -> list[str]:
    """Say of each arm with runs on permuted labels whether it does better than these."""
    if "p_value" not in summary:
        return []
    sentences = []
    for row in summary[summary["p_value"] >= _LEVEL].to_dict("records"):
        n, p_value = int(row["null_permutations"]), format_p_value(row["p_value"])
        permutations = "permutation" if n == 1 else "permutations"
        few = "; so few cannot show it" if 1.0 / (n + 1.0) >= _LEVEL else ""
        sentences.append(
            f"{row['arm']}: not shown to do better than searches on permuted labels, whose "
            f"held-out score is {row['null_heldout_mean']:.3f} over {n} {permutations} "
            f"(p = {p_value}{few})."
        )
    return sentences


def few_runs_sentences(summary: pd.DataFrame) -> list[str]:
    """Say that runs are too few for an interval, where they are."""
    few = len(summary) and (summary["n_runs"] < LEAST_RUNS).any()
    return [f"Fewer than {LEAST_RUNS} runs have no interval."] if few else []


def pooled_sentences(results: Results) -> list[str]:
    """Say that scores are of the predictions of all trials together, where they are."""
    runs = [run for runs in results.metrics.values() for run in runs]
    return [POOLED_NOTE] if any(run.get("pooled") for run in runs) else []


def interval_sentences(results: Results) -> list[str]:
    """Say why scores have no interval, where they have none."""
    return pooled_sentences(results) or few_runs_sentences(results.summary)


def failure_sentences(results: Results) -> list[str]:
    """Say of each arm on how many masks its classifier failed, where it did."""
    sentences = []
    for arm, runs in results.metrics.items():
        failed = Counter[str]()
        for run in runs:
            warned = run.get("warnings", {}).items()
            failed.update({text: n for text, n in warned if text.startswith(FAILED)})
        if failed:
            sentences.append(
                f"{arm}: the classifier failed on {failed.total()} masks, which count as the "
                "worst; metrics.json of a run says why."
            )
    return sentences


def notes_of_summary(results: Results) -> list[str]:
    """Return what a terminal says below the first table."""
    note = [] if results.null.empty else [CHANCE_NOTE]
    summary = results.summary
    said = [*chance_sentences(summary), *interval_sentences(results), *failure_sentences(results)]
    return [*note, *said]


def _arm_cells(row: pd.Series) -> list[str]:
    interval = ""
    if pd.notna(row["heldout_low"]):
        interval = f" [{row['heldout_low']:.3f}, {row['heldout_high']:.3f}]"
    return [
        str(row["arm"]),
        str(int(row["n_runs"])),
        f"{row['heldout_mean']:.3f}{interval}",
        f"{row['inner_mean']:.3f}",
        f"{row['optimism_mean']:+.3f}",
        f"{row['n_features_mean']:.1f}",
        f"{row['n_distinct_mean']:.0f}",
        f"{row['seconds_mean']:.1f}",
    ]


def lead_sentences(metrics: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Say of each arm that voted what led its selections, and what its searches add.

    `metrics` holds what each run of an arm recorded. The difference is that of votes and guide
    together from the candidate that leads in a tie, the error that of one trial: trials overlap.
    """
    sentences = []
    for arm, runs in metrics.items():
        table = candidates_of(runs)
        if table.empty:
            continue
        leaders = table.loc[table["leads"], "candidate"].value_counts()
        if leaders.empty:
            sentences.append(f"{arm}: error control selected, and none of the rankings led.")
            continue
        led = ", ".join(f"{name} {count}" for name, count in leaders.items())
        first = table["candidate"].iloc[0]
        n_led = int(leaders.get(VOTES, 0) + leaders.get(TOGETHER, 0))
        who = f"{arm}: the searches led in {n_led} of {leaders.sum()} selections ({led})"
        together = table["candidate"] == TOGETHER
        gain, error = table.loc[together, ["gain", "gain_error"]].astype(float).mean()
        if pd.isna(gain):
            sentences.append(f"{who}.")
            continue
        sentences.append(
            f"{who}; {TOGETHER} less {first} on unseen rows: {gain:+.3f} ± {error:.3f}."
        )
    return sentences


def candidates_of(runs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rankings that competed in each trial of some runs, one row each."""
    rows = [
        {"run": index, **candidate}
        for index, run in enumerate(runs)
        for candidate in run.get("candidates", ())
    ]
    return pd.DataFrame(rows)


def summary_text(results: "Results", kind: str, *, command: str = "") -> str:
    """Return the summary of an experiment as text, with the rows that fitness was computed on."""
    if kind == "csv":
        return csv_text(results.summary)
    statement, table = statement_of(results.config), summary_table(results.summary)
    few = interval_sentences(results)
    statement = " ".join([*chance_sentences(results.summary), statement, *few])
    if kind == "latex":
        comments = [statement, *([command] if command else [])]
        effects = results.effects.latex() if results.effects.rows else ""
        return "".join(f"% {latex_text(line)}\n" for line in comments) + table.latex() + effects
    named = f"\nCommand: `{command}`\n" if command else ""
    effects = ""
    if results.effects.rows:
        notes = "".join(f"- {note}\n" for note in results.effects.notes)
        effects = f"{results.effects.markdown()}\n{notes}\n"
    return f"{table.markdown()}\n{effects}{statement}\n{named}"


def summary_record(results: "Results") -> dict[str, Any]:
    """Return an experiment as what JSON can hold: its arms, its runs, its folder."""
    return {
        "name": results.config["name"],
        "folder": str(results.folder),
        "protocol": results.config["protocol"]["kind"],
        "statement": statement_of(results.config),
        "notes": list(results.notes),
        "arms": json_records(results.summary),
        "runs": json_records(results.runs),
    }
