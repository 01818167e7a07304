"""The catalogue: what is known of the datasets people ask for by name."""

from dataclasses import dataclass

from vaega.data.names import quoted


@dataclass(frozen=True)
class DatasetEntry:
    """One line of ``vaega datasets``."""

    source: str  # What `load_dataset` takes
    title: str  # What it is, with its size where that is known
    where: str  # The file, "scikit-learn", or "OpenML, needs the network"


@dataclass(frozen=True)
class KnownDataset:
    """Facts about a published dataset, or about a stand-in for one."""

    title: str  # What it is, whom to cite, under which terms it may be used
    citation: str  # What it is, whom to cite, under which terms it may be used
    licence: str  # What it is, whom to cite, under which terms it may be used
    n_features: int  # Its number of columns; a file with another number is not this dataset
    note: str = ""  # What one must know before using it
    openml: tuple[int, str] | None = None  # Number and name on OpenML, where it is there


_GOLUB = "Golub et al. (1999), Molecular classification of cancer, Science 286:531-537"
_GUYON = (
    "Guyon, Gunn, Ben-Hur, Dror (2004), Result analysis of the NIPS 2003 feature selection "
    "challenge, NIPS 17"
)
_RAMASWAMY = (
    "Ramaswamy et al. (2001), Multiclass cancer diagnosis using tumor gene expression "
    "signatures, PNAS 98:15149-15154"
)
_YEOH = (
    "Yeoh et al. (2002), Classification, subtype discovery, and prediction of outcome in "
    "pediatric acute lymphoblastic leukemia, Cancer Cell 1:133-143"
)
_LECUN = "LeCun, Bottou, Bengio, Haffner (1998), Proc. IEEE 86:2278-2324"

KNOWN: dict[str, KnownDataset] = {
    "leukemia": KnownDataset(
        title="Leukemia, ALL against AML, 7129 genes",
        citation=_GOLUB,
        licence="no explicit licence; published for research by the Whitehead Institute",
        n_features=7129,
        note="Raw average differences: neither clipped nor logarithmic.",
        openml=(1104, "leukemia"),
    ),
    "madelon": KnownDataset(
        title="MADELON, five-dimensional XOR under 480 probes",
        citation=_GUYON,
        licence="CC BY 4.0 (UCI)",
        n_features=500,
        note="The official test part here is the published validation set; "
        "which 20 columns carry signal was never published with the data.",
        openml=(1485, "madelon"),
    ),
    "gisette": KnownDataset(
        title="GISETTE, handwritten 4 against 9, half of the columns probes",
        citation=_GUYON,
        licence="CC BY 4.0 (UCI)",
        n_features=5000,
        openml=(41026, "gisette"),
    ),
    "gcm": KnownDataset(
        title="GCM, 14 tumour types, 16063 genes",
        citation=_RAMASWAMY,
        licence="no explicit licence; published by the Broad Institute",
        n_features=16063,
        openml=(1106, "GCM"),
    ),
    "all_leukemia": KnownDataset(
        title="Childhood leukemia, seven subtypes, 327 rows",
        citation=_YEOH,
        licence="no explicit licence; published by St. Jude",
        n_features=12600,
    ),
    "all_leukemia_yeoh6": KnownDataset(
        title="Childhood leukemia, six subtypes, 248 of 327 rows",
        citation=_YEOH,
        licence="GPL for the package it was taken from; the data of St. Jude have no explicit one",
        n_features=12558,
        note="The mixed class 'others' is absent; absent calls are 0; test values are capped at "
        "45,000 as the training values are; probe names are inferred and only indicative.",
    ),
    "gcm1363": KnownDataset(
        title="GCM, 14 tumour types, 1363 filtered genes",
        citation=f"{_RAMASWAMY}; filtered by de Souto et al. (2008), BMC Bioinformatics 9:497",
        licence="GPL-3.0 for the repository it was taken from; the data have no explicit one",
        n_features=1363,
        note="A near-substitute for GCM: genes kept by an unsupervised filter over all rows, "
        "values cut to 10..16000, 53 duplicate columns, no official split, rows ordered by class.",
    ),
    "mnist49": KnownDataset(
        title="MNIST digits 4 against 9, 784 pixels",
        citation=_LECUN,
        licence="CC BY-SA 3.0 as commonly stated",
        n_features=784,
        note="Rows are ordered by class.",
    ),
    "gisette_surrogate": KnownDataset(
        title="Stand-in for GISETTE, which it is not: made from MNIST, 2500 known probes",
        citation=f"made from MNIST ({_LECUN}) after the published design of GISETTE",
        licence="as MNIST: CC BY-SA 3.0 as commonly stated",
        n_features=5000,
        note="This is not GISETTE and must never be reported as GISETTE: pixels and products of "
        "pixels of MNIST digits 4 and 9, with 2,500 permuted columns as probes.",
    ),
}


def known_dataset(name: str, n_features: int) -> KnownDataset | None:
    """Return the facts about a dataset when name and number of columns agree."""
    known = KNOWN.get(name)
    return known if known is not None and known.n_features == n_features else None


def describe_shapes(shapes: dict[str, tuple[int, ...]]) -> str:
    """Write the sizes of a dataset's arrays for a list."""
    train = shapes.get("X_train", shapes.get("X", ()))
    test = shapes.get("X_test", ())
    if len(train) != 2:
        return f"arrays {quoted(shapes)}" if shapes else "not readable"
    more = f" (+ {test[0]} test rows)" if test else ""
    return f"{train[0]} rows{more} x {train[1]} features"
