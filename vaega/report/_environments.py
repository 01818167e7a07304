"""Where the runs of one table were computed by different code, packages or processors."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from vaega.core.provenance import parts_of

_NAMES = {"vaega": "vaega", "python": "Python", "processor": "processor", "device": "device"}


def difference_sentences(environments: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say in which of what computed them runs differ; nothing where all are alike.

    An environment of old that does not hold a field says nothing of it.
    """
    seen: dict[str, Counter[str]] = {}
    for environment in environments:
        for name, value in _fields(environment):
            seen.setdefault(name, Counter())[value] += 1
    differing = [
        f"{name} {', '.join(f'{value} ({n})' for value, n in counts.most_common())}"
        for name, counts in seen.items()
        if len(counts) > 1
    ]
    if not differing:
        return []
    return [
        "Runs were computed with different software or machines, so that their figures may differ "
        f"by that alone: {'; '.join(differing)}."
    ]


def _fields(environment: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for key, name in _NAMES.items():
        if key in environment:
            yield name, str(environment[key])
    yield from parts_of(environment).items()
