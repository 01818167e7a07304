"""The groups of runs of chapter 4: which configuration makes which published groups."""

from dataclasses import dataclass
from pathlib import Path

import vaega
from vaega.core.errors import ConfigError


@dataclass(frozen=True)
class Group:
    """Runs with masks of one size on one dataset, real rows alone and augmented."""

    name: str  # Of the configuration, ``configs/thesis/NAME.yaml``
    dataset: str  # As the thesis names it
    size: str  # About how many features the last masks have, as the thesis says it
    original: tuple[str, ...]  # The published groups of each arm
    augmented: tuple[str, ...]  # The published groups of each arm
    inner_folds: int = 5  # Under the honest protocol
    # Features that the first selection leaves where a stand-in has fewer than the thesis's data
    stand_in_keep: int | None = None

    def published(self, arm: str) -> tuple[str, ...]:
        """Return the published groups of an arm; none for an arm of our own."""
        return {"original": self.original, "augmented": self.augmented}.get(arm, ())

    def file(self) -> Path:
        """Return the configuration."""
        return config_folder() / f"{self.name}.yaml"


def _gcm(size: str, original: str, augmented: str) -> Group:
    names = (f"gcm_base_{original}",), (f"gcm_base_{augmented}",)
    return Group(f"gcm_{size}", "gcm", size, *names, stand_in_keep=800)


def _all(size: str, original: str, augmented: str) -> Group:
    names = (f"all_leukemia_base_{original}",), (f"all_leukemia_base_{augmented}",)
    return Group(f"all_{size}", "all-leukemia", size, *names, inner_folds=3)


def _leukemia(name: str, size: str, original: str, augmented: str) -> Group:
    names = (f"leukemia_base_{original}",), (f"leukemia_base_{augmented}",)
    return Group(f"leukemia_{name}", "leukemia", size, *names)


GROUPS: tuple[Group, ...] = (
    _leukemia("010", "680", "0001", "0002"),
    _leukemia("001", "63", "0012", "0009"),
    _leukemia("0005", "30", "0013", "0011"),
    Group(
        "gisette", "gisette", "430", ("gisette_base_0020", "gisette_base_0022"),
        ("gisette_base_0005",), inner_folds=2,
    ),
    Group(
        "madelon", "madelon", "30", ("mandelon_base_0023",), ("mandelon_synthetic",), inner_folds=2,
    ),
    Group("madelon_20", "madelon", "35", ("mandelon_base_0017",), (), inner_folds=2),
    _gcm("750", "0063", "0061"),
    _gcm("450", "0065", "0066"),
    _gcm("200", "0070", "0069"),
    _gcm("45", "0067", "0064"),
    _all("300", "0078", "0077"),
    _all("180", "0076", "0075"),
    _all("35", "0080", "0079"),
)  # fmt: skip


def find_group(name: str) -> Group:
    """Return a group by its name."""
    for group in GROUPS:
        if group.name == name:
            return group
    known = ", ".join(group.name for group in GROUPS)
    raise ConfigError(f"reproduce thesis: group must be one of {known}; got {name!r}.")


def config_folder() -> Path:
    """Return the folder of the thesis's configurations."""
    package = Path(vaega.__file__).parent
    for folder in (package / "configs" / "thesis", package.parent / "configs" / "thesis"):
        if folder.is_dir():
            return folder
    raise ConfigError(f"{package}: the folder configs/thesis is missing, install vaega anew.")
