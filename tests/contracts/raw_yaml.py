"""Texts as nobody's program writes them: anchors, tags, flow, stray bytes, from a seed.

Each is valid or refused, with a sentence a fault, in bounded time and memory.
"""

import contextlib
import random
import resource
from pathlib import Path

from tests.contracts.promises import Unexpected, bounded, command

SECONDS, MEGABYTES = 60, 500

KEYS = {
    "name": (),
    "description": (),
    "dataset": ("source", "target", "groups", "ignore", "labels", "transpose", "categorical"),
    "preprocess": (),
    "protocol": ("kind", "outer", "inner_folds", "n_splits", "n_repeats", "test_size", "final"),
    "arms": ("original", "more", "generator", "n_synthetic", "selector", "candidates", "kind"),
    "fitness": ("classifier", "class", "n_neighbors", "metric", "objective", "parameters"),
    "search": ("population_size", "n_generations", "elite", "guide", "pinned", "max_seconds"),
    "seeds": (),
    "permutations": ("number", "seeds"),
    "tune": ("trials", "space", "sampler", "arm"),
    "null": (),
}
SCALARS = (
    "1", "0", "-1", "2", "3", "0.5", "1e-3", "1.0e+400", ".inf", "-.INF", ".nan", "true", "NO",
    "~", "null", "", "''", '""', "=", "<<", "9" * 5000, "0x" + "f" * 300, "0b_", "0o7", "017",
    "1000000000", "999999999999999999", "190:20:30", "1:2:3.5", "2024-01-01", "2024-13-45",
    "2024-01-01T25:61:61Z", "auto", "knn", "vae", "smote", "standardize", "holdout", "kfold",
    "table.csv", "class", "a.b.C", "os.system", "sklearn.svm.SVC", '"\\0"', '"\\ud800"',
    '"\\U99999999"', '"\\x1b[31m"', "'it''s'", "é", "名前", "\U0001f600", "\u2028", "\x85",
    "|\n  text", ">-\n  folded", "{class: os.system}", "{kind: vae, latent: 2}", "[1, 1]",
    "!!python/object/apply:os.system [ls]", "x" * 2000, "%", "@at", "`tick", "[red]b[/red]",
)  # fmt: skip
TAGS = (
    "!!int", "!!float", "!!bool", "!!str", "!!null", "!!timestamp", "!!binary", "!!set", "!!omap",
    "!!pairs", "!!map", "!!seq", "!!merge", "!!value", "!", "!own", "!!python/name:os.system",
    "!<tag:yaml.org,2002:int>",
)  # fmt: skip
SPECIALS = ("\t", "\r", "\0", "\ufeff", "\n---\n", "\n...\n", "%YAML 1.2\n", "#", ": ", "- ", "*a")


def raw_text(seed):
    """Return a text, as bytes, that may or may not be a configuration."""
    rng = random.Random(seed)
    text = _sections(rng)
    if rng.random() < 0.1:
        text = _bomb(rng)
    if rng.random() < 0.3:
        text = _scratched(rng, text)
    if rng.random() < 0.15:
        text = text.replace("\n", rng.choice(["\r\n", "\r", "\x85", "\u2028"]))
    if rng.random() < 0.1:
        text = "\ufeff" + text
    content = text.encode(rng.choice(["utf-8"] * 40 + ["utf-16", "latin-1"]), errors="replace")
    if rng.random() < 0.05:
        position = rng.randrange(len(content) + 1)
        content = content[:position] + rng.randbytes(rng.randint(1, 4)) + content[position:]
    return content


def _sections(rng):
    good = {
        "name": "good",
        "dataset": "{source: table.csv}",
        "fitness": "{classifier: knn}",
        "search": "{population_size: 4, n_generations: 2, n_searches: 1}",
        "seeds": "1",
    }
    for key in rng.sample(sorted(KEYS), rng.randint(0, 3)):
        good[key] = _value(rng, KEYS[key], 0)
    lines = [f"{key}: {value}" for key, value in good.items()]
    if rng.random() < 0.2:
        lines.append(rng.choice(lines))
    if rng.random() < 0.3:
        rng.shuffle(lines)
    return "\n".join(lines) + "\n"


def _value(rng, keys, depth):
    draw, plain = rng.random(), rng.choice(SCALARS)
    if draw < 0.08:
        return f"&{rng.choice('ab')} {_value(rng, keys, depth + 1)}"
    if draw < 0.14:
        return f"*{rng.choice('abc')}"
    if draw < 0.24:
        return f"{rng.choice(TAGS)} {_value(rng, keys, depth + 1)}"
    if draw < 0.5 or depth > 5:
        return plain
    if draw < 0.6:
        nested = rng.choice([2, 30, 60, 3000])
        return "[" * nested + plain.split("\n")[0] + "]" * (nested - rng.randint(0, 1))
    names = [rng.choice([*keys, "kind", "class", "<<", "params"]) for _ in range(rng.randint(0, 4))]
    parts = [_value(rng, keys, depth + 1) for _ in names]
    pairs = list(zip(names, parts, strict=True))
    if draw < 0.7:
        return f"[{', '.join(parts)}]"
    if draw < 0.85:
        return "{" + ", ".join(f"{name}: {part}" for name, part in pairs) + "}"
    indent = "\n" + "  " * (depth + 1)
    return "".join(f"{indent}{name}: {part}" for name, part in pairs)


def _bomb(rng):
    wide = rng.randint(2, 12)
    levels = ["l0: &l0 [x, y]"]
    for number in range(1, rng.randint(2, 12)):
        kind = rng.choice(["[{}]", "{{<<: [{}]}}", "{{a: [{}]}}"])
        many = ", ".join([f"*l{number - 1}"] * wide)
        levels.append(f"l{number}: &l{number} " + kind.format(many))
    return "\n".join(levels) + "\n" + _sections(rng)


def _scratched(rng, text):
    for _ in range(rng.randint(1, 4)):
        position = rng.randrange(len(text) + 1)
        change = rng.choice(["", *SPECIALS, chr(rng.randrange(1, 0x2100)), text[-20:]])
        text = text[:position] + change + text[position + rng.randint(0, 3) :]
    return text


class RawTexts:
    """A folder with a table, in which texts are tried as configurations."""

    def __init__(self, place: Path) -> None:
        self.place = place
        rows = "".join(f"{i % 5},{i % 7},{(i * i) % 11},{'xy'[i % 2]}\n" for i in range(24))
        (place / "table.csv").write_text("a,b,c,class\n" + rows)
        self.check("check", "none.yaml")  # imports are no memory of a text

    def try_one(self, seed: int) -> int:
        """Check a text and return the exit code."""
        text = raw_text(seed)
        (self.place / "raw.yaml").write_bytes(text)
        try:
            return self.check("check", "raw.yaml")
        except Unexpected as error:
            raise Unexpected(f"{error}: {text[:2000]!r}") from error

    def check(self, *words: str) -> int:
        """Call a command within bounds; return its exit code."""
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with bounded("a text", SECONDS), contextlib.chdir(self.place):
            code, _, err = command(*words)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1024
        if grown >= MEGABYTES:
            raise Unexpected(f"it took {grown:.0f} MB")
        sentences = err.splitlines()
        if code not in (0, 2):
            raise Unexpected(f"exit code {code}: {sentences}")
        if code == 2 and not (
            sentences
            and all(one.startswith("vaega: ") for one in sentences)
            and max(map(len, sentences)) < 10_000
        ):
            raise Unexpected(f"refused with: {sentences}")
        return code
