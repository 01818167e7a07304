"""Published work beside ours: ``vaega reproduce thesis``."""

from typing import Any

import click

from vaega.cli.app import (
    DEVICE,
    JOBS,
    SOME_FAILED,
    Command,
    Group,
    InterruptedCommand,
    check_jobs,
    folder_option,
    print_progress,
    print_table,
    print_wrapped,
    say,
    this_command,
    vaega,
)
from vaega.cli.report import FORMAT
from vaega.core.errors import printable


@vaega.group(cls=Group)
def reproduce() -> None:
    r"""Put published figures and ours side by side.

    \b
    vaega reproduce thesis --scale smoke
    """


@reproduce.command(cls=Command)
@click.option("--table", "tables", multiple=True, metavar="NAME", help="2.1 to 4.4, 4, groups, ...")
@click.option("--figure", "figures", multiple=True, metavar="NAME", help="3.5, 4.7 to 4.17, ...")
@click.option(
    "--dataset", "datasets", multiple=True, metavar="NAME", help="As the thesis names it."
)
@click.option(
    "--group", "groups", multiple=True, metavar="NAME", help="Of chapter 4: leukemia_001, gcm_45."
)
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    metavar="NAME",
    help="as-run, as-described or honest; all three, if not given.",
)
@click.option(
    "--scale",
    type=click.Choice(["smoke", "small", "full"]),
    default="small",
    show_default=True,
    help="full: the thesis's population, generations and number of runs.",
)
@click.option("--finished", is_flag=True, help="Show finished runs of chapter 4, run nothing.")
@click.option(
    "--record", is_flag=True, help="Write finished runs of chapter 4 into OUT/recorded, and end."
)
@click.option("--runs", "n_runs", type=int, help="Runs a group, in place of the scale's.")
@FORMAT
@folder_option("--out", "Folder of runs, tables and figures.", "results/thesis")
@JOBS
@DEVICE
def thesis(
    tables: tuple[str, ...], figures: tuple[str, ...], record: bool, kind: str, **options: Any
) -> int | None:
    r"""Print tables of the thesis, published and reproduced, and write them and its figures.

    What is finished is not computed again. Without a table or figure, all of them are made, at the
    scale smoke of one run of the smallest group of each dataset but Gisette, and a terminal gets
    the first rows of each. OUT/index.html has all that is there. Where data are not at hand, what
    was published stands alone, and the exit code is 1.

    \b
    vaega reproduce thesis --scale smoke --out /tmp/thesis
    vaega reproduce thesis --table 4 --dataset leukemia --protocol as-run --scale full
    """
    from vaega.thesis.groups import forget_runs
    from vaega.thesis.page import write_index
    from vaega.thesis.reproduction import Request, everything

    check_jobs(options["jobs"])
    request = Request(**options, tell=print_progress)
    request.check_packages()
    forget_runs()  # of an earlier command of this process
    command = this_command().replace("vaega", "vaega reproduce", 1)
    if record:
        _record(request)
        return None
    if not tables and not figures:
        tables, figures, request = everything(request)
    output = _Output(request, command, kind, in_short=len(tables) > _MOST_WHOLE)
    try:
        missing = [output.show_table(name) for name in tables]
        missing += [output.show_figure(name) for name in figures]
    except KeyboardInterrupt as error:
        raise InterruptedCommand(command) from error
    print_progress(f"written  {write_index(request.out)}")
    return _end(missing)


def _end(missing: list[tuple[str, ...]]) -> int | None:
    """Say which data are not at hand, where something could not be reproduced at all."""
    sentences = dict.fromkeys(sentence for each in missing for sentence in each)
    for sentence in sentences:
        say(f"vaega: {printable(sentence)}", to_stderr=True)
    return SOME_FAILED if sentences else None


def _record(request: Any) -> None:
    from dataclasses import replace

    from vaega.thesis.groups import complete_groups, write_recorded

    folder = request.out / "recorded"
    write_recorded(complete_groups(replace(request, finished=True)), folder)
    print_progress(f"written  {folder}")


_MOST_WHOLE = 3  # tables that a terminal gets in full


class _Output:
    """Makes tables and figures, writes them, and shows them; a note is said once."""

    def __init__(self, request: Any, command: str, kind: str, *, in_short: bool) -> None:
        self.request, self.command, self.kind, self.in_short = request, command, kind, in_short
        self._said: set[str] = set()

    def show_table(self, name: str) -> tuple[str, ...]:
        """Return why there are no data for a table, if so."""
        from vaega.thesis import reproduction

        table = reproduction.make_table(name, self.request)
        page = reproduction.write_table(table, self.request.out / "tables", command=self.command)
        if self.kind == "markdown":
            say(reproduction.as_markdown(table, command=self.command))
        elif self.kind == "latex":
            say(reproduction.as_latex(table))
        elif self.kind == "csv":
            say(reproduction.as_csv(table.rows))
        else:
            self._print(table)
        print_progress(f"written  {page}")
        return tuple(table.missing)

    def _print(self, table: Any) -> None:
        from vaega.thesis.terminal import MOST_ROWS, for_terminal

        shown = for_terminal(table, MOST_ROWS if self.in_short else None)
        print_table(shown.table)
        if shown.n_more:
            say(f"and {shown.n_more} more rows")
        if shown.constant:
            print_wrapped([f"In all rows: {'; '.join(shown.constant)}."])
        self._print_notes(table.notes)

    def _print_notes(self, notes: tuple[str, ...]) -> None:
        print_wrapped(note for note in notes if note not in self._said)
        self._said.update(notes)
        say("")

    def show_figure(self, name: str) -> tuple[str, ...]:
        """Return why there are no data for a figure, if so."""
        from vaega.thesis.reproduction import make_picture, write_picture

        picture = make_picture(name, self.request)
        page = write_picture(picture, self.request.out / "figures", command=self.command)
        say(f"Figure {name}: {picture.title}\n  {page}")
        self._print_notes(picture.notes)
        return tuple(picture.missing)
