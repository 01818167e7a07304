"""The noise of the decoder: how far rows lie from what it decodes."""

import numpy as np


def shrink_to_pooled(squares: np.ndarray) -> np.ndarray:
    """Estimate each feature's variance from few squared residuals, drawn to the pooled value.

    Linear empirical Bayes: the weight of a feature's own estimate is the share of the variance
    between features that the sampling error of a variance, ``2 sigma^4 / n``, leaves unexplained.
    Few rows or equal features give the pooled value, many rows the feature's own.

    Parameters
    ----------
    squares : numpy.ndarray of shape (n, n_features)
        Squared residuals of `n` independent rows.

    Returns
    -------
    numpy.ndarray of shape (n_features,)
        Variances with the same mean as the unshrunk ones.

    Examples
    --------
    >>> import numpy as np
    >>> shrink_to_pooled(np.array([[1.0, 3.0]]))
    array([2., 2.])
    """
    own = squares.mean(axis=0)
    # E[own^2] is sigma^4 (n + 2) / n, so that this is an unbiased estimate of 2 sigma^4 / n.
    sampling = 2.0 * np.square(own).mean() / (len(squares) + 2)
    between = max(0.0, own.var() - sampling)
    weight = between / (between + sampling) if between > 0 else 0.0
    return weight * own + (1.0 - weight) * own.mean()


def within_class_variance(rows: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return each feature's variance around the class means, pooled over classes.

    Parameters
    ----------
    rows : numpy.ndarray of shape (n, n_features)
        The data.
    codes : numpy.ndarray of int, shape (n,)
        Classes; when each has one row only, all rows count as one class.

    Returns
    -------
    numpy.ndarray of shape (n_features,)
        Unbiased: divided by rows minus classes.

    Examples
    --------
    >>> import numpy as np
    >>> within_class_variance(np.array([[0.0], [2.0], [7.0], [9.0]]), np.array([0, 0, 1, 1]))
    array([2.])
    """
    present = np.unique(codes)
    if len(present) == len(rows):
        codes, present = np.zeros(len(rows), dtype=int), np.array([0])
    total = np.zeros(rows.shape[1])
    for code in present:
        part = rows[codes == code]
        total += np.square(part - part.mean(axis=0)).sum(axis=0)
    return total / max(1, len(rows) - len(present))


def class_means(rows: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the mean of each class, (n_classes, n_features); codes 0, 1, ... are all present.

    Examples
    --------
    >>> import numpy as np
    >>> class_means(np.array([[1.0], [3.0], [5.0]]), np.array([0, 0, 1]))
    array([[2.],
           [5.]])
    """
    return np.stack([rows[codes == code].mean(axis=0) for code in range(codes.max() + 1)])


def lacking_variance(real: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Return the variance that noise must add so that decoded rows vary as real ones, at least 0.

    Parameters
    ----------
    real, decoded : numpy.ndarray of shape (n_features,)
        Within-class variances of real rows and of decoder means.

    Returns
    -------
    numpy.ndarray of shape (n_features,)

    Examples
    --------
    >>> import numpy as np
    >>> lacking_variance(np.array([1.0, 0.5]), np.array([0.25, 0.75]))
    array([0.75, 0.  ])
    """
    return np.maximum(real - decoded, 0.0)
