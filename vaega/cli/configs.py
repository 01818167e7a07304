"""Configurations: ``vaega init``, ``check`` and ``configs``."""

import json
import shlex
from pathlib import Path
from typing import Any

import click

from vaega.cli.app import (
    BAD_INPUT,
    DONE,
    JSON,
    SET,
    TRUST,
    Group,
    print_wrapped,
    say,
    split_reading,
    vaega,
    with_reading_options,
)
from vaega.core.errors import printable


@vaega.command()
@click.argument("data", type=click.Path(path_type=Path, dir_okay=False))
@with_reading_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration to write; beside the data, with the ending .yaml, if not given.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(data: Path, out: Path | None, force: bool, **options: Any) -> None:
    r"""Look at a file and write a first configuration for it, with comments.

    \b
    vaega init cohort.csv --target response
    vaega init expression.csv --labels clinical.csv --label-column response --id patient
    """
    from vaega.core.files import check_absent, write_text
    from vaega.experiments.proposal import describe, propose

    out = data.with_name(f"{data.name.partition('.')[0]}.yaml") if out is None else out
    reading, _ = split_reading(options)
    check_absent(out, force=force)
    proposal = propose(data, out, **reading)
    write_text(out, proposal.text)
    place = shlex.quote(str(out))
    say(describe(proposal.dataset))
    for reason in proposal.reasons:
        say(click.wrap_text(reason, 80, "note     ", 9 * " "))
    say(f"written  {out}\nnext     vaega check {place}\n         vaega run {place}")


@vaega.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--no-data", is_flag=True, help="Read the configurations alone, and open no data.")
@SET
@TRUST
@JSON
def check(files: tuple[Path, ...], overrides: tuple[str, ...], no_data: bool, as_json: bool) -> int:
    r"""Check configurations and their data, and say how much work is ahead; nothing is run.

    All that is wrong is said, one sentence a fault; the exit code is 2 then.

    \b
    vaega check cohort.yaml
    vaega check quickstart --set seeds=20
    vaega check configs/*.yaml --no-data
    """
    from vaega.experiments.check import check_file
    from vaega.experiments.shipped import find_config

    checked = [check_file(find_config(file), overrides, open_data=not no_data) for file in files]
    faults = [sentence for one in checked for sentence in one.faults]
    if faults and click.get_current_context().meta.get("vaega.debug"):
        raise next(error for one in checked for error in one.errors)
    valid = [one for one in checked if not one.faults]
    for sentence in faults:
        say(f"vaega: {printable(sentence)}", to_stderr=True)  # one line, whatever was given
    if as_json and not faults:
        say(json.dumps([one.record() for one in valid], indent=2))
    for one in [] if as_json else valid:
        verdict, *details = one.sentences
        say(verdict)  # in one line, for who looks through many files
        print_wrapped(details, indent=8)
    return BAD_INPUT if faults else DONE


@vaega.group(cls=Group, invoke_without_command=True)
@click.pass_context
def configs(context: click.Context) -> None:
    r"""List the configurations that come with vaega; `vaega run` takes their names.

    \b
    vaega configs
    vaega configs copy quickstart
    """
    if context.invoked_subcommand is not None:
        return
    from vaega.experiments.shipped import describe_config, shipped_configs

    for name, path in shipped_configs().items():
        say(f"{name:32} {describe_config(path)}")


@configs.command()
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def copy(name: str, folder: Path, force: bool) -> None:
    r"""Copy a configuration that comes with vaega, to change it.

    \b
    vaega configs copy quickstart
    vaega configs copy thesis/madelon experiments
    """
    from vaega.experiments.shipped import copy_config

    say(f"written  {copy_config(name, folder, force=force)}")
