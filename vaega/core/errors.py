"""The errors a user can meet; each message is one sentence: who, which rule, what came, where."""

from functools import partial
from typing import Any, Self


class InputError(ValueError):
    """What the user gave breaks a rule. The command line prints it alone and exits with code 2.

    Parameters
    ----------
    message : str
        The sentence.
    owner : str
        Who refuses: an estimator, a section of a configuration, an option.
    key : str
        The parameter or key whose value breaks the rule; empty where it is no single one.
    rule : str
        The rule without its subject: "must be a whole number, at least 1".
    value : object
        What came.

    Examples
    --------
    >>> error = InputError.of("VAE", "latent", "must be a whole number, at least 1", 0)
    >>> str(error), error.key, error.value
    ('VAE: latent must be a whole number, at least 1, got 0.', 'latent', 0)
    """

    def __init__(
        self,
        message: str = "",
        *,
        owner: str = "",
        key: str = "",
        rule: str = "",
        value: Any = None,
    ) -> None:
        super().__init__(message)
        self.owner, self.key, self.rule, self.value = owner, key, rule, value

    @classmethod
    def of(cls, owner: str, key: str, rule: str, value: Any) -> Self:
        """Return the error of one value: its sentence is made of the fields."""
        sentence = f"{owner}: {key} {rule}, got {value!r}."
        return cls(sentence, owner=owner, key=key, rule=rule, value=value)


class DataError(InputError):
    """A dataset cannot be read, or its content cannot be used as it is."""


class ConfigError(InputError):
    """A configuration file or a ``--set`` override breaks the schema.

    `faults` are the sentences on all that is wrong, where the message is that on the first.
    """

    faults: tuple[str, ...] = ()


class ResultsError(InputError):
    """A results folder cannot be used: not writable, not ours, or damaged."""


class MissingExtraError(InputError, ImportError):
    """An optional package is needed; the message says how to get it, also through its extra."""

    def __init__(self, *, owner: str, package: str, extra: str, broken: str = "") -> None:
        state, upgrade = "is not installed", ""
        if broken:  # it is there, but not in a version that goes with the others
            state, upgrade = f"cannot be imported ({broken})", "--upgrade "
        # vaega is on no package index, where pip would look for 'vaega[extra]'.
        super().__init__(
            f"{owner}: needs the package {package}, which {state}; install it with: "
            f"pip install {upgrade}'{package}', or install vaega with its extra {extra}.",
            owner=owner,
        )
        self.package, self.extra, self.broken = package, extra, broken

    @classmethod
    def of_import(cls, error: ImportError, **fields: str) -> "MissingExtraError":
        """Return the error for a failed import: of nothing, or of a package that is broken."""
        broken = "" if isinstance(error, ModuleNotFoundError) else one_line(error)
        return cls(**fields, broken=broken)

    def __reduce__(self) -> Any:
        # From a worker process it comes back by its fields, not by its sentence.
        names = ("owner", "package", "extra", "broken")
        fields = {name: getattr(self, name) for name in names}
        return partial(MissingExtraError, **fields), ()


def printable(message: str) -> str:
    r"""Return a message without letters that would command the terminal.

    >>> printable("gene \x1b[31m")
    'gene \\x1b[31m'
    """
    # What a file or an argument holds is quoted; it must not command the terminal.
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in message
    )


def first_line(error: object) -> str:
    """Return the first line of a message, or the name of its type where it says nothing."""
    return str(error).strip().split("\n", 1)[0] or type(error).__name__


def one_line(error: object) -> str:
    """Return a message of several lines as a sentence that goes on: in one line, without a stop."""
    return " ".join(str(error).split()).rstrip(".")
