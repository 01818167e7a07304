"""Results: ``vaega report`` and ``vaega compare``."""

import json
from pathlib import Path
from typing import Any

import click

from vaega.cli.app import (
    FOLDER,
    JSON,
    choice_option,
    folder_option,
    print_notes,
    print_table,
    print_wrapped,
    say,
    this_command,
    vaega,
)
from vaega.core.errors import InputError

FORMAT = choice_option(
    "--format",
    ["terminal", "markdown", "latex", "csv"],
    "How tables are printed; latex is for the package booktabs.",
    "kind",
)
OUT = folder_option(
    "--out", "Folder for tables as CSV, Markdown and LaTeX, and figures as PNG, SVG and PDF."
)


@vaega.command()
@FOLDER
@FORMAT
@OUT
@click.option(
    "--methods",
    is_flag=True,
    help="Print the methods section of a paper with its BibTeX, and nothing else; with --out as "
    "methods.md, methods.tex and references.bib.",
)
@JSON
def report(folder: Path, kind: str, out: Path | None, methods: bool, as_json: bool) -> None:
    r"""Write report.html anew from a results folder, and print its summary.

    \b
    vaega report results/quickstart
    vaega report results/quickstart --format latex
    vaega report results/quickstart --out paper
    vaega report results/quickstart --methods --out paper
    """
    if methods:
        _show_methods(folder, out)
        return
    from vaega.report._export import write_experiment
    from vaega.report._page import write_report
    from vaega.report._results import read_results, summary_text

    results = read_results(folder)
    if as_json:
        print_record(results)
    elif kind == "terminal":
        print_summary(results)
    else:
        say(summary_text(results, kind).removesuffix("\n"))
    to_stderr = as_json or kind != "terminal"
    page = write_report(folder, results)  # behind what is printed, since it may not be allowed
    if out is not None:
        write_experiment(results, out, command=this_command())
        say(f"tables and figures  {out}", to_stderr=to_stderr)
    say(f"report   {page}", to_stderr=to_stderr)


def _show_methods(folder: Path, out: Path | None) -> None:
    from vaega.report._methods import describe_methods, write_methods
    from vaega.report._results import read_results

    methods = describe_methods(read_results(folder))
    say(methods.markdown())
    if out is None:
        say(f"```bibtex\n{methods.bibtex()}```")
    else:
        write_methods(methods, out)
        say(f"methods and references  {out}", to_stderr=True)


def print_record(results: Any) -> None:
    """Print what a results folder holds as JSON."""
    from vaega.report._results import summary_record

    say(json.dumps(summary_record(results), indent=2))


def print_effects(effects: Any) -> None:
    """Print what generated rows do to selection and final model, where an arm adds some."""
    if effects.rows:
        print_table(effects)
        print_wrapped(effects.notes)
        say("")


_MEANS = "Means over seeds, one run a seed; masks: different masks that a run scored."


def print_summary(results: Any) -> None:
    """Print the arms of an experiment, and what is to be known to read the table."""
    from vaega.experiments.config import statement_of
    from vaega.report._results import (
        final_sentences,
        lead_sentences,
        notes_of_summary,
        summary_table,
    )

    facts = results.facts
    title, metric = facts.heading, facts.metric.name
    print_table(summary_table(results.summary, metric=metric, title=title))
    print_wrapped(facts.sentences(results.constant))
    print_notes(results.notes)
    print_wrapped([_MEANS, *notes_of_summary(results)])
    print_effects(results.effects)
    print_wrapped(lead_sentences(results.metrics))
    for sentence, where in final_sentences(results):
        print_wrapped([sentence])
        say(f"  {where}")
    print_wrapped([statement_of(results.config)])


@vaega.command()
@click.argument(
    "folders", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False)
)
@click.option(
    "--measure",
    default="heldout_score",
    show_default=True,
    help="A figure of the trials: inner_score, optimism, n_features, ...",
)
@click.option("--against", metavar="ARM", help="Compare the others with this arm alone.")
@click.option(
    "--alpha",
    type=float,
    default=0.05,
    show_default=True,
    help="Chance of any false difference on a dataset.",
)
@FORMAT
@OUT
@JSON
def compare(
    folders: tuple[Path, ...], kind: str, out: Path | None, as_json: bool, **options: Any
) -> None:
    r"""Compare the arms of experiments: in pairs, and in ranks over datasets.

    \b
    vaega compare results/quickstart
    vaega compare results/leukemia results/gcm1363 results/madelon --against original --out paper
    vaega compare results/leukemia --format latex > comparison.tex
    """
    from vaega.report._comparison import compare_experiments, comparison_text
    from vaega.report._export import write_comparison

    try:
        comparison = compare_experiments(folders, **options)
    except InputError as error:
        if error.key not in options:
            raise
        raise InputError.of("compare", f"--{error.key}", error.rule, error.value) from error
    if as_json:
        record = comparison.table.to_json(orient="records", indent=2, double_precision=15)
        say(record)
    elif kind == "terminal":
        _print_comparison(comparison)
    else:
        say(comparison_text(comparison, kind, command=this_command()).removesuffix("\n"))
    if out is not None:
        write_comparison(comparison, out, command=this_command())
        say(f"tables and figures  {out}", to_stderr=as_json or kind != "terminal")


def _print_comparison(comparison: Any) -> None:
    from vaega.report._comparison import arm_table, pair_table

    for one in comparison.datasets:
        print_table(arm_table(one, title=one.title))
        print_table(pair_table(one))
        print_wrapped(one.notes)
        say("")
        print_effects(one.effects)
    print_wrapped(comparison.sentences)
