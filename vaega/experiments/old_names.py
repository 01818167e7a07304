"""Keys of a configuration that have another name now; the old one goes on working, with a word."""

import warnings
from collections.abc import Mapping
from typing import Any

# By the old name the new one, of an experiment and of an arm.
OF_EXPERIMENT = {"null": "permutations"}
OF_ARM = {"amount": "n_synthetic"}


def with_new_names(content: Any, renamed: Mapping[str, str]) -> Any:
    """Return a section under the names of now; what is no section comes back as it is."""
    if not isinstance(content, Mapping):
        return content
    for old, new in renamed.items():
        if old not in content:
            continue
        if new in content:
            raise ValueError(f"{old} is the old name of {new}, which is there too; remove {old}")
        warnings.warn(
            f"the key {old} is called {new} now; the old name still works.",
            FutureWarning,
            stacklevel=2,
        )
    return {renamed.get(key, key): value for key, value in content.items()}


def in_digests(arm: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an arm sets under the old names, so that runs finished before keep their ids."""
    old = {new: old for old, new in OF_ARM.items()}
    return {old.get(key, key): value for key, value in arm.items()}
