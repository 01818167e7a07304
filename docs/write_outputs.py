"""Run the blocks of a page and write what they print under them.

A page's blocks are run from top to bottom in an empty folder, ``python`` in one namespace, ``sh``
line by line through `vaega.cli.main`; ``yaml`` whose first line is a comment with a name becomes
that file. A block ``output`` behind one of them holds what it printed: write it empty, and run

    python docs/write_outputs.py docs/guide.md      # without a page all that have outputs

An output whose last line is ``...`` keeps its number of lines. Comments before a block say how it
is run: ``<!-- exit code 2 -->``; ``<!-- with: --set seeds=1 -->``, options that are added to each
``vaega run``; ``<!-- not run: it takes hours -->``, which leaves Python to be compiled and commands
to be parsed.
"""

import contextlib
import difflib
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from unittest import mock

from vaega.cli import main as vaega

ROOT = Path(__file__).parents[1]
RUN, OUTPUT = ("python", "sh", "yaml"), "output"
_BLOCK = re.compile(
    r"(?:<!-- (?P<comment>[^\n]*?) -->\n)?^```(?P<language>[\w{}-]*)\n(?P<text>.*?)^```$",
    flags=re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, what its comment says of it, and the output behind it."""

    language: str
    text: str
    comment: str = ""
    output: tuple[int, int] | None = None  # where the text of its output is in the page
    shown: str = ""

    @property
    def exit_code(self) -> int:
        """The exit code that its commands are to have."""
        found = re.fullmatch(r"exit code (\d+)", self.comment)
        return int(found[1]) if found else 0

    @property
    def why_not_run(self) -> str:
        """Why it is not run; empty where it is."""
        return self.comment.removeprefix("not run: ") if self.comment.startswith("not run") else ""

    @property
    def options(self) -> list[str]:
        """What is added to each ``vaega run``, so that it is soon done."""
        named = self.comment.startswith("with: ")
        return shlex.split(self.comment.removeprefix("with: ")) if named else []


def blocks_of(page: str) -> list[Block]:
    r"""Return the blocks of a page that are code, each with its output.

    Examples
    --------
    >>> block, = blocks_of("```sh\nvaega configs\n```\n\n```output\nquickstart\n```\n")
    >>> block.language, block.text, block.shown
    ('sh', 'vaega configs\n', 'quickstart\n')
    """
    found = list(_BLOCK.finditer(page))
    blocks = []
    for match, behind in zip_longest(found, found[1:]):
        if match["language"] not in RUN:
            continue
        block = Block(match["language"], match["text"], match["comment"] or "")
        if behind is not None and behind["language"] == OUTPUT:
            block = replace(block, output=behind.span("text"), shown=behind["text"])
        blocks.append(block)
    return blocks


def commands_of(block: Block) -> list[str]:
    r"""Return the commands of a block, a line that ends in a backslash with the next one.

    Examples
    --------
    >>> commands_of(Block("sh", "vaega configs  # all\nvaega run \\\n  a.yaml\n"))
    ['vaega configs  # all', 'vaega run   a.yaml']
    """
    return [line for line in block.text.replace("\\\n", "").splitlines() if line.strip()]


def run(blocks: list[Block]) -> Iterator[tuple[Block, str]]:
    """Run blocks in this folder, one after the other; give each with what it printed."""
    namespace: dict[str, object] = {}
    for block in blocks:
        if block.why_not_run:
            continue
        printed = io.StringIO()
        if block.language == "python":
            with contextlib.redirect_stdout(printed):
                exec(compile(block.text, "page", "exec"), namespace)
        elif block.language == "sh":
            for line in commands_of(block):
                printed.write(run_command(line, block.options, exit_code=block.exit_code))
        elif name := re.match(r"# ([\w./-]+)\n", block.text):
            Path(name[1]).write_text(block.text, encoding="utf-8")
        yield block, _plain(printed.getvalue())


def run_command(line: str, options: list[str] = (), *, exit_code: int = 0) -> str:
    """Run a line that starts with ``vaega``, perhaps behind variables; return what it prints.

    What a pipe or a file would get of it is left out, as the shell's part of the line is.
    """
    words = shlex.split(re.split(r"\s[|>]\s", line)[0], comments=True)
    variables = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    words = words[len(variables) :]
    if words[0] != "vaega":
        raise ValueError(f"only vaega is run here, got {line!r}")
    out, error = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "80", **variables}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(error),
    ):
        code = vaega([*words[1:], *(options if words[1] == "run" else [])])
    if code != exit_code:
        raise ValueError(f"{line}: exit code {code}, not {exit_code}: {error.getvalue()}")
    return out.getvalue() if code == 0 else error.getvalue()


def _plain(printed: str) -> str:
    lines = [line.rstrip() for line in printed.splitlines()]
    return "\n".join(lines).strip("\n") + "\n" if any(lines) else ""


def shortened(printed: str, shown: str) -> str:
    r"""Return what was printed as far as it is shown: up to the line before three dots.

    Examples
    --------
    >>> shortened("a\nb\nc\n", "x\n...\n")
    'a\n...\n'
    """
    lines = shown.splitlines()
    if lines[-1:] != ["..."]:
        return printed
    return "\n".join([*printed.splitlines()[: len(lines) - 1], "...\n"])


def alike(first: str, second: str) -> bool:
    r"""Tell whether two outputs say the same: the same words, but for a few, numbers aside.

    Times differ from machine to machine, last digits and near ties from processor to processor.

    Examples
    --------
    >>> alike("arm  0.97\n---\n", "arm 0.98\n----\n"), alike("arm 1\n", "dataset 1\n")
    (True, False)
    """
    words = [re.findall(r"[^\W\d]+", text) for text in (first, second)]
    return difflib.SequenceMatcher(None, *words, autojunk=False).ratio() > 0.85


def rewritten(page: str) -> str:
    """Return a page with the outputs that its blocks have now; run in an empty folder."""
    outputs = [
        (block.output, shortened(printed, block.shown))
        for block, printed in run(blocks_of(page))
        if block.output
    ]
    for (start, end), printed in reversed(outputs):
        page = page[:start] + printed + page[end:]
    return page


def main(arguments: list[str]) -> None:
    """Write the outputs of the pages that are named, or of all that have some."""
    pages = [Path(name).resolve() for name in arguments] or sorted((ROOT / "docs").rglob("*.md"))
    for page in pages:
        before = page.read_text(encoding="utf-8")
        if f"```{OUTPUT}\n" not in before:
            continue
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            after = rewritten(before)
        page.write_text(after, encoding="utf-8")
        print(page, "written" if after != before else "as it was", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
