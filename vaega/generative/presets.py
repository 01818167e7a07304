"""Settings of published networks, by name."""

from typing import Any

from vaega.core.checks import check_choice

# Castillo's master's thesis: three hidden layers of widths H1, H2, H2, each Linear, batch norm and
# ReLU, a batch norm behind the last Linear too; squared error summed over features (without the
# half: sigma = 2 ** -0.5) plus the KL; stopped after ten epochs without a better one.
_THESIS: dict[str, Any] = {
    "norm": "batch",
    "output_norm": True,
    "likelihood": "gaussian",
    "sigma": 2**-0.5,
    "patience": 10,
}


def _thesis(h1: int, h2: int, latent: int, rate: float, epochs: int) -> dict[str, Any]:
    sizes = {"hidden": (h1, h2, h2), "latent": latent}
    return {**_THESIS, **sizes, "learning_rate": rate, "max_epochs": epochs}


PRESETS: dict[str, dict[str, Any]] = {
    "thesis": _thesis(346, 178, 108, 2.6927e-4, 2889),
    "thesis_leukemia": _thesis(346, 178, 108, 2.6927e-4, 2889),
    "thesis_madelon": _thesis(835, 308, 25, 1.5503766948351942e-4, 1364),
    "thesis_gisette": _thesis(3870, 2987, 18, 9.460907601722566e-4, 2739),
    "thesis_gcm": _thesis(358, 189, 35, 6.885024728547275e-4, 3613),
    "thesis_all": _thesis(434, 176, 35, 4.0148e-4, 949),
}


def find_preset(name: Any, *, owner: str) -> dict[str, Any]:
    """Return the parameters that a preset sets."""
    return dict(PRESETS[check_choice(name, "preset", PRESETS, owner=owner)])
