"""Names of columns: made different where they repeat, listed in messages."""

from collections.abc import Iterable, Sequence


def unique_names(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make duplicate names different the way pandas does."""
    taken, seen = set(names), set()
    unique, renamed = [], []
    counts: dict[str, int] = {}
    for name in names:
        fresh = name
        while fresh in seen or (fresh != name and fresh in taken):
            counts[name] = counts.get(name, 0) + 1
            fresh = f"{name}.{counts[name]}"
        seen.add(fresh)
        unique.append(fresh)
        if fresh != name:
            renamed.append(fresh)
    return tuple(unique), tuple(renamed)


def quoted(names: Iterable[str], *, limit: int = 5) -> str:
    """Write the first names for an error message, and how many more there are."""
    listed = [repr(str(name)) for name in names]
    rest = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + rest
