"""How large the package is, how long its ways are, and whether its words are the field's.

    python benchmarks/architecture.py [--calls selector vae resample quickstart] [--bounds]

Prints a Markdown table: modules, lines, the longest chain of imports that run when a module is
imported (those inside of functions and under TYPE_CHECKING do not), how many modules one other
module alone imports, docstring lines of published names and of all others, how many files of the
package a call enters, and how often a term occurs. With --bounds it ends with 1 where a figure is
over its bound.
"""

import argparse
import ast
import contextlib
import io
import re
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[1] / "vaega"
BOUNDS = {
    "modules": 130,
    "lines": 36_000,
    "lines of the longest module": 900,
    "longest import chain": 12,
    "files that GeneticSelector.fit enters": 20,
    "files that VAE.fit enters": 14,
    "files that GenerativeSampler.fit_resample enters": 16,
    "files that vaega run configs/quickstart.yaml enters": 90,
    "occurrences of place, places as a name": 0,
}
TERMS = ("mini-batch", "fallback", "workspace", "heartbeat", "hyperparameter", "error bound")


def modules() -> dict[str, Path]:
    """Dotted names and files; a package has the name of its folder."""
    files = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


def imported_at_once(tree: ast.AST, known: dict[str, Path]) -> Iterator[str]:
    """Modules of the package that importing this one imports."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                if module in known or node.module in known:
                    yield module if module in known else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif not runs_later(node):
            yield from imported_at_once(node, known)


def runs_later(node: ast.AST) -> bool:
    """Whether importing a module leaves the node alone."""
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def longest_chain(graph: dict[str, set[str]]) -> list[str]:
    """The longest path; the graph has no circle."""
    chains: dict[str, list[str]] = {}

    def chain_of(module: str) -> list[str]:
        if module not in chains:
            below = [chain_of(other) for other in sorted(graph[module])]
            chains[module] = [module, *max(below, key=len, default=[])]
        return chains[module]

    return max((chain_of(module) for module in graph), key=len)


def docstring_lines(tree: ast.AST) -> tuple[int, int]:
    """Docstring lines of definitions with sections (numpydoc in full), and of the others."""
    counts = [0, 0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            numpydoc = text is not None and re.search(r"^\s*-{3,}$", text, re.MULTILINE)
            counts[not numpydoc] += 0 if text is None else text.count("\n") + 1
    return counts[0], counts[1]


def measure_text() -> dict[str, Any]:
    """What can be read without running anything."""
    known = modules()
    texts = {name: path.read_text(encoding="utf-8") for name, path in known.items()}
    trees = {name: ast.parse(text) for name, text in texts.items()}
    graph = {name: set(imported_at_once(tree, known)) - {name} for name, tree in trees.items()}
    importers = Counter(other for imported in graph.values() for other in imported)
    docs = [docstring_lines(tree) for tree in trees.values()]
    chain = longest_chain(graph)
    words = "\n".join(texts.values())
    return {
        "modules": len(texts),
        "lines": sum(text.count("\n") for text in texts.values()),
        "lines of the longest module": max(text.count("\n") for text in texts.values()),
        "longest import chain": len(chain),
        "that chain": " > ".join(name.removeprefix("vaega.") for name in chain),
        "modules that one other module imports": sum(n == 1 for n in importers.values()),
        "docstring lines with sections": sum(full for full, _ in docs),
        "docstring lines without": sum(short for _, short in docs),
        "occurrences of place, places as a name": sum(
            getattr(node, "id", getattr(node, "arg", None)) in ("place", "places")
            for tree in trees.values()
            for node in ast.walk(tree)
        ),
    } | {
        f"occurrences of {term}": len(re.findall(term.replace("-", "-?"), words, re.IGNORECASE))
        for term in TERMS
    }


def files_entered(call: Callable[[], Any]) -> int:
    """Files of the package in which a function is called, in all threads of this process."""
    call()  # what it imports is imported, and what is compiled is compiled
    entered = set()

    def note(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(f"{SOURCE}/"):
            entered.add(frame.f_code.co_filename)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return len(entered)


def toy_rows() -> tuple[Any, Any]:
    import numpy as np

    X, y = np.random.default_rng(0).normal(size=(60, 40)), np.arange(60) % 2
    X[y == 1, :3] += 1.5
    return X, y


def fit_selector() -> None:
    from sklearn.naive_bayes import GaussianNB

    from vaega import GeneticSelector

    settings: dict[str, Any] = {"n_searches": 1, "population_size": 20, "n_generations": 3}
    GeneticSelector(GaussianNB(), random_state=0, **settings).fit(*toy_rows())


def fit_vae() -> None:
    from vaega import VAE

    VAE((8,), 2, max_epochs=3, random_state=0).fit(*toy_rows())


def resample() -> None:
    from vaega import VAE, GenerativeSampler

    model = VAE((8,), 2, max_epochs=3)
    GenerativeSampler(model, n_per_class=5, random_state=0).fit_resample(*toy_rows())


def run_quickstart() -> None:
    from vaega.cli import main

    arguments = ["run", str(SOURCE.parent / "configs" / "quickstart.yaml"), "--set", "seeds=1"]
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        main(arguments)


CALLS = {
    "selector": ("files that GeneticSelector.fit enters", fit_selector),
    "vae": ("files that VAE.fit enters", fit_vae),
    "resample": ("files that GenerativeSampler.fit_resample enters", resample),
    "quickstart": ("files that vaega run configs/quickstart.yaml enters", run_quickstart),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calls", nargs="*", default=list(CALLS), choices=CALLS)
    parser.add_argument("--bounds", action="store_true", help="end with 1 where one is broken")
    options = parser.parse_args()
    figures = measure_text()
    for name in options.calls:
        title, call = CALLS[name]
        figures[title] = files_entered(call)
    print("| | figure | bound |\n|---|---:|---:|")
    for title, figure in figures.items():
        print(f"| {title} | {figure} | {BOUNDS.get(title, '')} |")
    broken = [title for title, bound in BOUNDS.items() if figures.get(title, 0) > bound]
    return int(options.bounds and bool(broken))


if __name__ == "__main__":
    sys.exit(main())
