"""What comes to a selector's ``fit`` beside X and y: groups and weights, and who gets them."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import _check_sample_weight

from vaega.core.checks import check_choice
from vaega.core.errors import InputError
from vaega.data._splits import encode_groups
from vaega.selection._estimators import check_takes_weights, scorer_takes_weights


@dataclass(frozen=True, eq=False)
class FitMetadata:
    """Groups and weights of the rows, checked."""

    groups: np.ndarray | None  # (n_rows,): codes of what belongs together
    split_groups: np.ndarray | None  # The same, where the splitter asks for them
    weights: np.ndarray | None  # (n_rows,)
    weighs_fit: bool  # Whether the classifier is fitted with the weights
    weighs_score: bool  # Whether the metric is weighted
    is_routed: bool  # Whether scikit-learn's metadata routing said so


def read_metadata(
    selector: Any, X: np.ndarray, scorer: Any, given: Mapping[str, Any]
) -> FitMetadata:
    """Return who gets what of fit's parameters, by scikit-learn's routing where it is enabled."""
    owner = type(selector).__name__
    for name in given:
        check_choice(name, "each of fit's parameters", ("groups", "sample_weight"), owner=owner)
    given = {name: value for name, value in given.items() if value is not None}
    groups = encode_groups(given["groups"], len(X), owner=owner) if "groups" in given else None
    if groups is not None and groups.max() == 0:
        raise InputError(
            f"{owner}: groups must be at least two, for rows of a group are fitted or scored "
            f"together, got one group of {len(X)} rows; without groups each row counts for itself."
        )
    weights = given.get("sample_weight")
    if weights is not None:
        weights = _check_sample_weight(weights, X, dtype=float, ensure_non_negative=True)
    routed = bool(sklearn.get_config()["enable_metadata_routing"]) and bool(given)
    if routed:
        asked = process_routing(selector, "fit", **given)
        weighs_fit = "sample_weight" in asked.estimator.fit
        weighs_score = "sample_weight" in asked.scorer.score
        # Splits that are given as such ask for nothing.
        split_groups = groups if "splitter" in asked and asked.splitter.split else None
        return FitMetadata(groups, split_groups, weights, weighs_fit, weighs_score, True)
    if weights is None:
        return FitMetadata(groups, groups, None, False, False, False)
    check_takes_weights(selector.estimator, owner)
    weighs_score = scorer_takes_weights(scorer, selector.estimator)
    if not weighs_score:
        warnings.warn(
            f"{owner}: the metric takes no sample_weight, so that rows count alike in scores.",
            stacklevel=4,
        )
    return FitMetadata(groups, groups, weights, True, weighs_score, False)
