"""The dataset that a configuration names."""

from pathlib import Path

from vaega.core.errors import ConfigError
from vaega.data.dataset import Dataset
from vaega.data.sources import load_dataset
from vaega.experiments.config import DatasetConfig


def load_configured(config: DatasetConfig, *, beside: Path) -> Dataset:
    """Load the dataset of the section ``dataset``."""
    source = config.source
    if len(source) > 1000:  # longer than any system's paths
        raise ConfigError(f"dataset.source: {source[:40]}... is too long for a name or a path.")
    if not Path(source).exists() and (beside / source).is_file():
        source = str(beside / source)
    return load_dataset(
        source,
        target=config.target,
        groups=config.groups,
        categorical=config.categorical,
        ignore=config.ignore,
    )
