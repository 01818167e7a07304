"""The classical models and the parameters that are searched for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from vaega.core.checks import check_choice

# Above so many columns, what grows with their square or fits whole forests of full trees is
# searched in a smaller grid.
WIDE = 2000

Grid = Mapping[str, Sequence[Any]]

_REDUCED = "reduce__n_components"


@dataclass(frozen=True)
class BaselineModel:
    """One classical model."""

    name: str  # Short name
    title: str  # As tables show it
    path: str  # Dotted path of its class
    grid: Grid
    fixed: Mapping[str, Any]  # Parameters that are not searched
    wide_grid: Grid | None = None  # In place of `grid` above `WIDE` columns

    def grid_for(self, n_features: int) -> dict[str, list[Any]]:
        """Return the values to search for data of this width."""
        grid = self.grid
        if n_features > WIDE and self.wide_grid is not None:
            grid = self.wide_grid
        return {
            name if name == _REDUCED else f"model__{name}": list(values)
            for name, values in grid.items()
        }

    def make(self, seed: int) -> Pipeline:
        """Return the model behind a scaler, not fitted."""
        module, _, kind = self.path.rpartition(".")
        model = getattr(import_module(module), kind)(**self.fixed)
        if any(name.startswith("estimator__") for name in self.grid):
            model.set_params(estimator=DecisionTreeClassifier(max_depth=1))
        if "random_state" in model.get_params(deep=False):
            model.set_params(random_state=seed)
        steps = [("scale", StandardScaler()), ("model", model)]
        if _REDUCED in self.grid:
            steps.insert(1, ("reduce", PCA(random_state=seed)))
        return Pipeline(steps)


_TREE: Grid = {
    "criterion": ("gini", "entropy"),
    "max_depth": (3, 10, None),
    "min_samples_leaf": (1, 5),
}
_FOREST: Grid = {"max_features": ("sqrt", 0.2), "min_samples_leaf": (1, 5)}
_WIDE_FOREST: Grid = {"max_features": ("sqrt", 0.05), "min_samples_leaf": (1, 5)}
_SVM: Grid = {"kernel": ("linear", "rbf"), "gamma": ("scale",)}


def _model(
    name: str,
    title: str,
    path: str,
    grid: Grid,
    *,
    wide: Grid | None = None,
    **fixed: Any,
) -> BaselineModel:
    return BaselineModel(name, title, f"sklearn.{path}", grid, fixed, wide)


MODELS: dict[str, BaselineModel] = {
    model.name: model
    for model in (
        _model(
            "lda",
            "LDA",
            "discriminant_analysis.LinearDiscriminantAnalysis",
            {"solver": ("lsqr",), "shrinkage": (None, "auto", 0.1, 0.5, 0.9)},
            wide={"tol": (1e-4, 1e-2, 1.0)},
        ),
        _model(
            "qda",
            "QDA",
            "discriminant_analysis.QuadraticDiscriminantAnalysis",
            # scikit-learn refuses classes with fewer rows than columns.
            {_REDUCED: (None, 2, 5, 10, 20, 50), "reg_param": (0.01, 0.1, 0.5)},
        ),
        _model(
            "ridge",
            "Ridge",
            "linear_model.RidgeClassifier",
            {"alpha": (0.1, 1.0, 10.0, 100.0, 1e3, 1e4)},
        ),
        _model(
            "sgd",
            "SGD",
            "linear_model.SGDClassifier",
            {"loss": ("hinge", "log_loss"), "alpha": (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)},
        ),
        _model(
            "adaboost",
            "AdaBoost",
            "ensemble.AdaBoostClassifier",
            {"estimator__max_depth": (1, 4), "learning_rate": (0.1, 1.0)},
            wide={"learning_rate": (0.1, 1.0)},
            n_estimators=50,
        ),
        _model(
            "bagging",
            "Bagging",
            "ensemble.BaggingClassifier",
            {"max_features": (0.3, 1.0)},
            wide={"max_features": (0.05, 0.2)},
            n_estimators=50,
        ),
        _model("decision_tree", "decision tree", "tree.DecisionTreeClassifier", _TREE),
        _model("extra_tree", "extra tree (one)", "tree.ExtraTreeClassifier", _TREE),
        _model(
            "extra_trees",
            "extra trees ensemble",
            "ensemble.ExtraTreesClassifier",
            _FOREST,
            wide=_WIDE_FOREST,
            n_estimators=200,
        ),
        _model(
            "gradient_boosting",
            "gradient boosting",
            "ensemble.GradientBoostingClassifier",
            {"learning_rate": (0.05, 0.2), "max_features": ("sqrt", 0.3)},
            wide={"learning_rate": (0.05, 0.2), "max_features": ("sqrt",)},
        ),
        _model(
            "random_forest",
            "random forest",
            "ensemble.RandomForestClassifier",
            _FOREST,
            wide=_WIDE_FOREST,
            n_estimators=200,
        ),
        _model(
            "linear_svc",
            "LinearSVC",
            "svm.LinearSVC",
            {"C": (1e-4, 1e-3, 1e-2, 1e-1, 1.0)},
        ),
        _model("nu_svc", "NuSVC", "svm.NuSVC", {"nu": (0.05, 0.1, 0.25, 0.5), **_SVM}),
        _model("svc", "SVC", "svm.SVC", {"C": (0.01, 0.1, 1.0, 10.0), **_SVM}),
        _model(
            "bernoulli_nb",
            "Bernoulli NB",
            "naive_bayes.BernoulliNB",
            {"alpha": (0.01, 0.1, 1.0, 10.0), "binarize": (0.0, 0.5)},
        ),
        _model(
            "gaussian_nb",
            "Gaussian NB",
            "naive_bayes.GaussianNB",
            {"var_smoothing": (1e-9, 1e-6, 1e-3, 1e-2, 1e-1, 1.0)},
        ),
        _model(
            "knn",
            "kNN",
            "neighbors.KNeighborsClassifier",
            {"n_neighbors": (1, 3, 5, 10, 20), "weights": ("uniform", "distance")},
        ),
        _model(
            "mlp",
            "MLP",
            "neural_network.MLPClassifier",
            {"hidden_layer_sizes": ((5, 3), (50,)), "alpha": (1e-4, 1e-1)},
            wide={"hidden_layer_sizes": ((5, 3), (50,)), "alpha": (1e-4,)},
            max_iter=500,
        ),
    )
}


def find_model(name: str) -> BaselineModel:
    """Return a model by its short name."""
    return MODELS[check_choice(name, "--models", MODELS, owner="vaega baselines")]
