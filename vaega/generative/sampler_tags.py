"""The tags by which imbalanced-learn recognises a sampler, without importing it."""

from dataclasses import dataclass, field, fields
from typing import Any

from sklearn.utils import InputTags, Tags


@dataclass(slots=True)
class SamplerTags:
    """What imbalanced-learn asks of a sampler; ours makes rows, so that none is an index."""

    sample_indices: bool = False


@dataclass(slots=True)
class SamplerInputTags(InputTags):
    """Scikit-learn's input tags and imbalanced-learn's one for DataFrames."""

    dataframe: bool = True


@dataclass(slots=True)
class SamplerEstimatorTags(Tags):
    """Scikit-learn's tags and imbalanced-learn's one for samplers."""

    sampler_tags: SamplerTags = field(default_factory=SamplerTags)


def as_sampler(tags: Any) -> SamplerEstimatorTags:
    """Return scikit-learn's `tags` as those of a sampler that needs labels."""
    plain = {item.name: getattr(tags, item.name) for item in fields(tags)}
    plain |= {"estimator_type": "sampler", "transformer_tags": None}
    found = SamplerEstimatorTags(**plain)
    found.input_tags = SamplerInputTags()
    found.target_tags.required = True
    return found
