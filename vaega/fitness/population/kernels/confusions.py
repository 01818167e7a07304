"""Averages over classes of what predictions got right, for many masks, as scikit-learn sums."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel
from vaega.fitness.population.kernels.sums import total


@kernel
def share_right(truth, of_class, codes, weights, out):  # type: ignore[no-untyped-def]
    """Compute the share of the weights whose rows are predicted right, for each mask."""
    each, every = np.empty(len(truth)), total(weights)
    for m in range(len(codes)):
        for i in range(len(truth)):
            each[i] = weights[i] if of_class[codes[m, i]] == truth[i] else 0.0
        out[m] = total(each) / every


@kernel
def mean_f1(truth, predicted, weights, n_labels, out):  # type: ignore[no-untyped-def]
    """Compute the mean F1 of the labels that occur, for each mask."""
    true, named, right = np.empty(n_labels), np.empty(n_labels), np.empty(n_labels)
    seen, each = np.empty(n_labels, np.bool_), np.empty(n_labels)
    for m in range(len(predicted)):
        true[:], named[:], right[:], seen[:] = 0.0, 0.0, 0.0, False
        for i in range(len(truth)):
            label, guess, weight = truth[i], predicted[m, i], weights[i]
            seen[label] = seen[guess] = True
            true[label] += weight
            named[guess] += weight
            if label == guess:
                right[label] += weight
        n = 0
        for label in range(n_labels):
            if seen[label]:
                # There and back, as scikit-learn makes these of a confusion matrix.
                all_named = right[label] + (named[label] - right[label])
                all_true = right[label] + (true[label] - right[label])
                each[n] = 2.0 * right[label] / (all_true + all_named)  # 0 / 0 is NaN
                n += 1
        out[m] = total(each[:n]) / n


@kernel
def mean_recall(truth, predicted, weights, n_labels, out):  # type: ignore[no-untyped-def]
    """Compute the mean recall of the labels, for each mask."""
    sums, each = np.empty((n_labels, n_labels)), np.empty(n_labels)
    for m in range(len(predicted)):
        sums[:] = 0.0
        known = True
        for i in range(len(truth)):
            guess = predicted[m, i]
            known &= guess >= 0
            sums[truth[i], max(guess, 0)] += weights[i]
        for label in range(n_labels):
            each[label] = sums[label, label] / total(sums[label])  # 0 / 0 is NaN
        out[m] = total(each) / n_labels if known else np.nan
