"""Readers of data files: each format has a module, and the registry knows them by their endings."""

# Importing a module registers its readers, in the order in which a bare name is looked up.
from vaega.data.readers import (  # isort: skip
    _delimited,
    _arff,
    _typed,
    _arrays,
    _expression,
    _h5ad,
)
