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
    this_command,
    vaega,
)


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
@folder_option("--out", "Folder of runs, tables and figures.", "results/thesis")
@JOBS
@DEVICE
def thesis(
    tables: tuple[str, ...], figures: tuple[str, ...], record: bool, **options: Any
) -> int | None:
    r"""Print tables of the thesis, published and reproduced, and write them and its figures.

    What is finished is not computed again. Without a table or figure, all of them are made, at the
    scale smoke of one run of the smallest group of each dataset but Gisette. OUT/index.html leads
    to all that is there. Where data are not at hand, what was published stands alone, and the exit
    code is 1.

    \b
    vaega reproduce thesis --scale smoke --out /tmp/thesis
    vaega reproduce thesis --table 4 --dataset leukemia --protocol as-run --scale full
    """
    from vaega.thesis.groups import forget_runs
    from vaega.thesis.page import write_index
    from vaega.thesis.reproduction import Request, everything

    check_jobs(options["jobs"])
    request = Request(**options, tell=print_progress)
    forget_runs()  # of an earlier command of this process
    command = this_command().replace("vaega", "vaega reproduce", 1)
    if record:
        _record(request)
        return None
    if not tables and not figures:
        tables, figures, request = everything(request)
    try:
        missing = [_show_table(name, request, command) for name in tables]
        missing += [_show_figure(name, request, command) for name in figures]
    except KeyboardInterrupt as error:
        raise InterruptedCommand(command) from error
    print_progress(f"written  {write_index(request.out)}")
    return _end(missing)


def _end(missing: list[tuple[str, ...]]) -> int | None:
    """Say which data are not at hand, where something could not be reproduced at all."""
    sentences = dict.fromkeys(sentence for each in missing for sentence in each)
    for sentence in sentences:
        click.echo(f"vaega: {sentence}", err=True)
    return SOME_FAILED if sentences else None


def _record(request: Any) -> None:
    from dataclasses import replace

    from vaega.thesis.groups import complete_groups, write_recorded

    folder = request.out / "recorded"
    write_recorded(complete_groups(replace(request, finished=True)), folder)
    print_progress(f"written  {folder}")


def _show_table(name: str, request: Any, command: str) -> tuple[str, ...]:
    from vaega.thesis.reproduction import as_markdown, make_table, write_table

    table = make_table(name, request)
    page = write_table(table, request.out / "tables", command=command)
    click.echo(as_markdown(table, command=command))
    print_progress(f"written  {page}")
    return table.missing


def _show_figure(name: str, request: Any, command: str) -> tuple[str, ...]:
    from vaega.thesis.reproduction import make_picture, write_picture

    picture = make_picture(name, request)
    page = write_picture(picture, request.out / "figures", command=command)
    click.echo(f"figure {name}: {picture.title}: {page}")
    for note in picture.notes:
        click.echo(f"  {note}")
    return picture.missing
