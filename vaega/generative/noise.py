"""The noise of the decoder: how far rows lie from what it decodes."""

import numpy as np

from vaega.generative.scaling import column_blocks


def shrink_to_pooled(own: np.ndarray, counts: np.ndarray | int) -> np.ndarray:
    """Draw each feature's variance, estimated from few squared residuals, to the pooled value.

    Linear empirical Bayes: the weight of a feature's own estimate is the share of the variance
    between features that the sampling error of a variance, ``2 sigma^4 / n``, leaves unexplained.
    Few rows or equal features give the pooled value, many rows the feature's own.
    """
    counts = np.broadcast_to(counts, own.shape)
    some = counts > 0
    pooled = float(np.average(own[some], weights=counts[some]))
    # E[own^2] is sigma^4 (n + 2) / n, so that this is an unbiased estimate of 2 sigma^4 / n.
    sampling = np.square(own[some]).mean() * np.mean(2.0 / (counts[some] + 2))
    between = max(0.0, own[some].var() - sampling)
    weight = between / (between + sampling) if between > 0 else 0.0
    return np.where(some, weight * own + (1.0 - weight) * pooled, pooled)


def within_class_variance(
    rows: np.ndarray, codes: np.ndarray, seen: np.ndarray | None = None
) -> np.ndarray:
    """Return each feature's variance around the class means, pooled over classes."""
    present = np.unique(codes)
    if len(present) == len(rows):
        codes, present = np.zeros(len(rows), dtype=int), np.array([0])
    variance = np.empty(rows.shape[1])
    for own in column_blocks(*rows.shape):
        total, freedom = 0.0, -float(len(present))
        for code in present:
            mine = codes == code
            part = rows[mine, own].astype(np.float64)
            weight = np.ones(1) if seen is None else seen[mine, own]
            count = len(part) if seen is None else np.maximum(weight.sum(axis=0), 1)
            mean = (part * weight).sum(axis=0) / count
            total = total + (np.square(part - mean) * weight).sum(axis=0)
            freedom = freedom + count
        variance[own] = total / np.maximum(1, freedom)
    return variance


def class_means(rows: np.ndarray, codes: np.ndarray, seen: np.ndarray | None = None) -> np.ndarray:
    """Return the mean of each class, (n_classes, n_features); codes 0, 1, ... are all present.

    A class of which nothing was seen in a column has the mean of the others there.
    """
    means = np.empty((codes.max() + 1, rows.shape[1]))
    for own in column_blocks(*rows.shape):
        for code in range(len(means)):
            mine = codes == code
            part = rows[mine, own].astype(np.float64)
            if seen is None:
                means[code, own] = part.mean(axis=0)
                continue
            there = seen[mine, own]
            with np.errstate(invalid="ignore"):
                means[code, own] = (part * there).sum(axis=0) / there.sum(axis=0)
    gaps = np.isnan(means)
    if gaps.any():
        filled = np.where(gaps, 0.0, means).sum(axis=0) / np.maximum(1, (~gaps).sum(axis=0))
        means = np.where(gaps, filled, means)
    return means


def lacking_variance(real: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Return the variance that noise must add for decoded rows to vary as real ones, at least 0."""
    return np.maximum(real - decoded, 0.0)
