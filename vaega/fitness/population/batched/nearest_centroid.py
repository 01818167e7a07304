"""Nearest centroids on a device: the terms of all masks from one product, in float64."""

from dataclasses import replace

import numpy as np
import torch
from sklearn.neighbors import NearestCentroid
from torch import Tensor

from vaega.fitness.folds import Fold
from vaega.fitness.population import nearest_centroid as compiled
from vaega.fitness.population.batched.blocks import to_device
from vaega.fitness.population.batched.memory import keep, work_in_chunks
from vaega.fitness.population.margins import decide, soften
from vaega.fitness.population.nearest_centroid import EXACT, NEEDS, RANDOM, WEIGHTS, accepts
from vaega.fitness.population.responses import LABELS, RANKING, Responses

__all__ = ["EXACT", "NEEDS", "RANDOM", "WEIGHTS", "accepts", "respond"]


def respond(
    estimator: NearestCentroid,
    fold: Fold,
    masks: np.ndarray,
    *,
    need: str,
    seeds: np.ndarray | None,
    device: torch.device,
) -> Responses:
    """Return the answers of nearest centroids for each mask."""
    priors, n_validate = compiled._priors_of(estimator, fold), len(fold.y_validate)
    if priors is None or (need == RANKING and len(priors) > 2):
        return Responses.undecided(len(masks), n_validate)
    equal = bool(np.isclose(priors, 1.0 / len(priors)).all())
    plain = _score(fold, priors, masks, scaled=not equal, device=device)
    if plain is None:
        return Responses.undecided(len(masks), n_validate)
    scores, doubts, warned = plain
    codes, decided = decide(scores, doubts)
    answers = Responses(codes, decided, warned={compiled._ZERO_SPREAD: warned})
    if need == LABELS:
        return answers
    if equal:
        scaled = _score(fold, priors, masks, scaled=True, device=device)
        assert scaled is not None
        scores, doubts, _ = scaled
    values = np.ascontiguousarray(scores[:, :, 0]) if need == RANKING else soften(scores)
    return Responses(codes, decided, values, doubts, answers.warned)


def _score(
    fold: Fold, priors: np.ndarray, masks: np.ndarray, *, scaled: bool, device: torch.device
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return scores, doubts, and which masks have a column without spread within classes."""
    terms = compiled._terms_of(fold, priors, scaled=scaled)
    if terms is None:
        return None
    # A column that is not finite counts as infinite, and 0 times infinity would be no number.
    sound = np.isfinite(terms.values).all(axis=1)
    name = ("nearest_centroid", repr(priors.tolist()), scaled)
    values = keep(
        fold, device, name, lambda: to_device(np.where(sound[:, None], terms.values, 0.0), device)
    )
    totals = _add_up(values, masks, device)
    # What is added up already stands for columns, of which each mask has one.
    known = replace(terms, values=totals)
    scores, doubts, warned = compiled._scores_of(
        known, np.eye(len(masks), dtype=bool), len(fold.y_validate)
    )
    doubts[masks[:, ~sound].any(axis=1)] = np.inf
    return scores, doubts, warned


def _add_up(values: Tensor, masks: np.ndarray, device: torch.device) -> np.ndarray:
    totals = np.empty((len(masks), values.shape[1]))

    def work(places: np.ndarray) -> None:
        chosen = to_device(masks[places], device).to(values.dtype)
        totals[places] = (chosen @ values).cpu().numpy()

    size = 8 * (2 * values.shape[1] + 2 * values.shape[0])
    work_in_chunks(masks, device, lambda width: size, work, owner="NearestCentroid")
    return totals
