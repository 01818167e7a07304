"""The classification datasets that ship inside scikit-learn."""

from vaega.core.errors import DataError
from vaega.data.dataset import Dataset

BUNDLED = {
    "breast_cancer": "Breast cancer (Wisconsin, diagnostic), 569 rows x 30 features",
    "digits": "Handwritten digits, 1797 rows x 64 features",
    "iris": "Iris flowers, 150 rows x 4 features",
    "wine": "Wine recognition, 178 rows x 13 features",
}


def load_bundled(key: str, *, name: str | None = None) -> Dataset:
    """Load a dataset that ships inside scikit-learn."""
    if key not in BUNDLED:
        raise DataError(
            f"sklearn:{key}: the classification sets inside scikit-learn are "
            f"{', '.join(BUNDLED)}; got {key!r}."
        )
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{key}")()
    return Dataset.from_arrays(
        bunch.data,
        bunch.target_names[bunch.target],
        name=name or key,
        feature_names=[str(feature) for feature in bunch.feature_names],
        origin=f"scikit-learn, sklearn.datasets.load_{key}",
        licence="CC BY 4.0 (UCI); shipped with scikit-learn",
    )
