"""The command that holds all others: its options, its exit codes, and how errors are said."""

import errno
import shlex
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from vaega import __version__
from vaega.cli.process import ending_signals, outliving_readers
from vaega.core.errors import InputError, printable
from vaega.core.tables import TextTable
from vaega.core.threads import plain_warnings

DONE, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
# A group of commands by itself; older versions of click print its help on their own.
_HELP_WANTED = getattr(click.exceptions, "NoArgsIsHelpError", ())


class Debug(click.Option):
    """``--debug``, accepted behind every command."""

    def __init__(self) -> None:
        super().__init__(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            help="Show the traceback of an error.",
            callback=lambda context, _, value: context.meta.update(
                {"vaega.debug": value or context.meta.get("vaega.debug", False)}
            ),
        )


class Command(click.Command):
    """A command with ``--debug``."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.help = _with_paragraphs(self.help)
        self.params.append(Debug())


class Group(click.Group):
    """Commands whose errors come out as one sentence."""

    command_class = Command

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.help = _with_paragraphs(self.help)

    def invoke(self, context: click.Context) -> Any:
        """Run the command that was asked for; what it raises becomes a sentence."""
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort, KeyboardInterrupt):
            raise
        except BrokenPipeError:  # nobody reads on
            return DONE
        except Exception as error:
            if context.meta.get("vaega.debug"):
                raise
            if isinstance(error, InputError):
                raise click.ClickException(str(error)) from error
            if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
                said = f"{str(error.filename)[:40]}... is too long for a path."
                raise click.ClickException(said) from error
            kind = type(error).__name__
            raise Unexpected(f"unexpected {kind}: {error} (--debug shows where)") from error


def _with_paragraphs(text: str | None) -> str | None:
    # Click leaves the lines behind a backspace as they are; docstrings write it as two letters.
    return None if text is None else text.replace("\\b", "\b")


class InterruptedCommand(click.Abort):
    """Ctrl-C in a command that keeps what it has, with the command that goes on from there."""

    def __init__(self, go_on: str) -> None:
        super().__init__()
        self.go_on = go_on


class Unexpected(click.ClickException):
    """An error that is not the user's."""

    exit_code = SOME_FAILED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process when absent.

    Returns
    -------
    int
        0 done, 1 some runs failed or were left by a budget, 2 bad input, 130 interrupted; 128 and
        its number for a signal that asked the process to end: 143 (SIGTERM), 129 (SIGHUP).
    """
    with outliving_readers(), ending_signals() as signals:
        code = _run(arguments)
        return 128 + signals[0] if signals and code != DONE else code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        with plain_warnings():
            answer = vaega.main(args=arguments, prog_name="vaega", standalone_mode=False)
    except Unexpected as error:
        click.echo(f"vaega: {printable(error.format_message())}", err=True)
        return SOME_FAILED
    except _HELP_WANTED as error:
        click.echo(error.format_message(), err=True)
        return BAD_INPUT
    except click.ClickException as error:
        click.echo(f"vaega: {printable(error.format_message())}", err=True)
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt) as error:
        go_on = getattr(error, "go_on", None)
        how = "the same command starts again." if go_on is None else f"go on with: {go_on}"
        say(f"vaega: interrupted; {how}", to_stderr=True)
        return INTERRUPTED
    return answer if isinstance(answer, int) else DONE


def say(text: str, *, to_stderr: bool = False) -> None:
    """Print lines in which names of files, classes or features command nothing."""
    click.echo("\n".join(map(printable, text.split("\n"))), err=to_stderr)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vaega")
def vaega() -> None:
    """Feature selection for few rows and many columns.

    A genetic algorithm evolves masks of features; each is scored by a classifier that may be
    trained on rows which a variational autoencoder generates.
    """


def choice_option(name: str, choices: Sequence[str], help_text: str, *more: str) -> Any:
    """Return an option of some words, the first of which is the default."""
    words = click.Choice(choices)
    return click.option(
        name, *more, type=words, default=choices[0], show_default=True, help=help_text
    )


def folder_option(name: str, help_text: str, default: str | None = None) -> Any:
    """Return an option that names a folder."""
    folder, given = click.Path(path_type=Path, file_okay=False), default is not None
    return click.option(name, type=folder, default=default, show_default=given, help=help_text)


_READING_OPTIONS = (
    click.option("--target", metavar="COLUMN", help="Column with the classes."),
    click.option("--groups", metavar="COLUMN", help="Column of rows that belong together."),
    choice_option("--categorical", ["error", "one_hot", "drop"], "What to do with text columns."),
    choice_option(
        "--below-limit", ["error", "missing", "half"], 'What becomes of "<0.01" and "n.d.".'
    ),
    click.option("--ignore", multiple=True, metavar="COLUMN", help="Column to leave out."),
    click.option("--labels", metavar="FILE", help="File with the classes; samples match by name."),
    click.option("--label-column", metavar="COLUMN", help="Its column with the classes."),
    click.option("--id", "sample", metavar="COLUMN", help="Its column with the sample names."),
    click.option("--transpose", is_flag=True, default=None, help="Its rows are genes."),
    click.option("--sheet", metavar="NAME", help="Sheet of a workbook."),
)
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def with_reading_options(command: Decorated) -> Decorated:
    """Add the options that say what a table holds; `split_reading` takes their values."""
    return reduce(lambda decorated, option: option(decorated), reversed(_READING_OPTIONS), command)


def split_reading(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what was said of a table as keys of a section ``dataset``, and the other options."""
    names = ("target", "groups", "categorical", "below_limit", "ignore", "transpose", "sheet")
    keys = {name: options[name] for name in names}
    keys["ignore"] = list(keys["ignore"])
    labels = {"file": options["labels"], "column": options["label_column"], "id": options["sample"]}
    labels = {key: value for key, value in labels.items() if value is not None}
    if labels and "file" not in labels:
        option = "--label-column" if "column" in labels else "--id"
        raise InputError(
            f"{option}: names a column of the file of --labels, which is not given; where the "
            "classes are in the same file, give --target, and --ignore for what names the rows."
        )
    keys["labels"] = labels
    others = {*names, "labels", "label_column", "sample"}
    said = {key: value for key, value in keys.items() if value not in (None, [], {}, "error")}
    return said, {key: value for key, value in options.items() if key not in others}


FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
SET = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key: search.elite=2."
)


def _trust(context: click.Context, _: Any, packages: tuple[str, ...]) -> None:
    from vaega.core.trust import check_name, trusting

    context.meta["vaega.trust"] = packages
    context.with_resource(trusting([check_name(name, "--trust") for name in packages]))


TRUST = click.option(
    "--trust",
    multiple=True,
    expose_value=False,
    metavar="PACKAGE",
    callback=_trust,
    help="Let the configuration name code of a package other than scikit-learn, imbalanced-learn "
    "and vaega.",
)
JOBS = click.option(
    "--jobs",
    type=int,
    default=1,
    show_default=True,
    help="Processes; -1 is all cores, -2 all but one.",
)
JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON for a script, and nothing else."
)
DEVICE = choice_option("--device", ["auto", "cpu", "cuda"], "Where autoencoders are trained.")


def print_notes(notes: Iterable[str]) -> None:
    """Print notes on a dataset, each in lines of 80 columns at most."""
    from vaega.data._dataset import write_note

    for note in notes:
        say(write_note(note))


def print_wrapped(sentences: Iterable[str], *, indent: int = 2) -> None:
    """Print sentences, each in lines of 80 columns at most, but for words that are longer."""
    wrapper = textwrap.TextWrapper(
        80, subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False
    )
    for sentence in sentences:
        say("\n".join(wrapper.wrap(sentence)))


def print_table(table: TextTable) -> None:
    """Print a table, with the columns for which the terminal is wide enough."""
    from rich.console import Console

    from vaega.core.terminal import fitting, terminal_table

    console = Console()
    shown, left_out = fitting(table, console.width)
    console.print(terminal_table(shown))
    if left_out:
        print_wrapped([f"No room in {console.width} columns for: {', '.join(left_out)}."])


def print_progress(line: str) -> None:
    """Print a line beside the results: to stderr."""
    click.echo(printable(line), err=True)


def read_config(file: Path, overrides: Sequence[str]) -> tuple[Path, Any]:
    """Return the file of a configuration, perhaps one that vaega brings, and what it says."""
    from vaega.experiments.config import load_config
    from vaega.experiments.shipped import find_config

    file = find_config(file)
    return file, load_config(file, overrides)


@contextmanager
def spinning(what: str) -> Iterator[None]:
    """Show in a terminal that the block is at work: imports alone take seconds."""
    from rich.console import Console

    from vaega.core.progress import spinning

    with spinning(Console(stderr=True), what):
        yield


def check_jobs(jobs: int) -> None:
    """Refuse a number of processes that is none."""
    if jobs == 0:
        raise InputError("--jobs: must be a whole number other than 0, got 0.")


def trust_options() -> list[str]:
    """Return ``--trust`` as it was given, for a command to go on with."""
    packages = click.get_current_context().meta.get("vaega.trust", ())
    return [word for package in packages for word in ("--trust", package)]


def this_command() -> str:
    """Return the command line with what was given, and not what is default."""
    context = click.get_current_context()
    given = [
        value
        for parameter in context.command.params
        if parameter.expose_value
        and context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        for value in _as_given(parameter, context.params.get(parameter.name or ""))
    ]
    return shlex.join(["vaega", str(context.info_name), *given, *trust_options()])


def _as_given(parameter: click.Parameter, value: Any) -> list[str]:
    if isinstance(parameter, click.Argument):
        return [str(item) for item in (value if isinstance(value, tuple) else [value])]
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return [parameter.opts[0]] if value else []
    values = value if parameter.multiple else [] if value is None else [value]
    return [f"{parameter.opts[0]}={item}" for item in values]
