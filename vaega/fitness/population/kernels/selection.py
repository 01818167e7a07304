"""Which columns a mask selects."""

from vaega.fitness.population.kernels.compiled import kernel


@kernel
def select(mask, places):  # type: ignore[no-untyped-def]
    """Write the places of the selected columns, and return how many there are.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (n_columns,)
    places : numpy.ndarray of int64, shape (at least n_columns,)
        What is written, in ascending order; what follows the selected ones is of no meaning.

    Returns
    -------
    int

    Examples
    --------
    >>> import numpy as np
    >>> places = np.zeros(3, dtype=np.int64)
    >>> select(np.array([False, True, True]), places), places[:2]
    (2, array([1, 2]))
    """
    count = 0
    for place in range(len(mask)):  # without a branch, which no processor could predict
        places[count] = place
        count += mask[place]
    return count
