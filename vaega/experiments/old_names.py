"""Keys of a configuration that have another name now; the old one goes on working, with a word."""

import warnings
from collections.abc import Mapping
from typing import Any

# By the old name the new one, of an experiment, of an arm and of the section protocol.
OF_EXPERIMENT = {"null": "permutations"}
OF_ARM = {"amount": "n_synthetic"}
OF_PROTOCOL = {"final": "final_rows"}  # where it has a value of the latter


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


def in_digests(section: Mapping[str, Any], renamed: Mapping[str, str] = OF_ARM) -> dict[str, Any]:
    """Return a section under the old names, so that runs finished before keep their ids."""
    old = {new: old for old, new in renamed.items()}
    return {old.get(key, key): value for key, value in section.items()}


def protocol_in_digests(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section protocol under the old names; whether final runs follow changes no run."""
    kept = {
        key: value
        for key, value in protocol.items()
        if key != "final" or isinstance(value, str)  # as earlier versions wrote it
    }
    return in_digests(kept, OF_PROTOCOL)
