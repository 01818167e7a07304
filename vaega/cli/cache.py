"""Commands of the cache of trained models: what is in it, where it is, and how to empty it."""

import json
import time
from pathlib import Path
from typing import Any

import click

from vaega.cli.app import Group, vaega

_FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Another folder than $VAEGA_CACHE, or the user's own.",
)


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
    from vaega.generative.cache_entries import find_entries

    folder = _folder(folder)
    entries = find_entries(folder)
    if as_json:
        click.echo(json.dumps(_as_record(folder, entries), indent=2))
        return
    if entries:
        _print_table(entries)
    click.echo(_sum(folder, entries))


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
    from vaega.generative.cache_entries import drop_unlocked, find_entries, sweep

    folder = _folder(folder)
    least = _seconds(older_than)
    entries = [entry for entry in find_entries(folder) if time.time() - entry.used >= least]
    if entries and not yes and not click.confirm(f"Remove {_sum(folder, entries)}?"):
        entries = []
    dropped = [entry for entry in entries if drop_unlocked(folder, entry.key)]
    sweep(folder)
    click.echo(f"removed {_sum(folder, dropped)}")
    if len(dropped) < len(entries):
        click.echo(f"left {len(entries) - len(dropped)} that other processes are using")


@cache.command()
@_FOLDER
def path(folder: Path | None) -> None:
    r"""Print the folder of the models.

    \b
    vaega cache path
    """
    click.echo(_folder(folder))


def _folder(given: Path | None) -> Path:
    from vaega.generative.cache_entries import default_cache_folder

    return default_cache_folder() if given is None else given


def _seconds(older_than: str | None) -> float:
    from vaega.core.quantities import parse_seconds

    if older_than is None:
        return float("-inf")
    return parse_seconds(older_than, "--older-than", owner="vaega cache clear")


def _sum(folder: Path, entries: list[Any]) -> str:
    from vaega.core.quantities import say_bytes

    models = "1 model" if len(entries) == 1 else f"{len(entries)} models"
    return f"{models}, {say_bytes(sum(entry.size for entry in entries))} in {folder}"


def _as_record(folder: Path, entries: list[Any]) -> dict[str, Any]:
    import dataclasses

    listed = [{**dataclasses.asdict(entry), "intact": entry.intact} for entry in entries]
    return {
        "folder": str(folder),
        "bytes": sum(entry.size for entry in entries),
        "entries": listed,
    }


def _print_table(entries: list[Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for name in ("key", "class", "rows x columns", "seed", "size", "age", "last used"):
        table.add_column(name, justify="left" if name in ("key", "class") else "right")
    for entry in entries:
        table.add_row(*_row(entry))
    Console().print(table)


def _row(entry: Any) -> list[str]:
    from vaega.core.quantities import say_bytes, say_seconds

    now = time.time()
    shape = f"{entry.n_rows} x {entry.n_features}" if entry.intact else "?"
    seed = "-" if entry.seed is None else str(entry.seed)
    ages = [say_seconds(now - moment) for moment in (entry.created, entry.used)]
    return [entry.key[:8], entry.kind or "damaged", shape, seed, say_bytes(entry.size), *ages]
