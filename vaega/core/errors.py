"""The errors a user can meet; each message is one sentence: who, which rule, what came, where."""


class InputError(ValueError):
    """What the user gave breaks a rule. The command line prints it alone and exits with code 2."""


class DataError(InputError):
    """A dataset cannot be read, or its content cannot be used as it is."""


class ConfigError(InputError):
    """A configuration file or a ``--set`` override breaks the schema."""


class ResultsError(InputError):
    """A results folder cannot be used: not writable, not ours, or damaged."""


class MissingExtraError(InputError, ImportError):
    """An optional package is needed; the message names the extra that brings it."""

    def __init__(self, *, owner: str, package: str, extra: str) -> None:
        super().__init__(
            f"{owner}: needs the package {package}, which is not installed; "
            f"install it with: pip install 'vaega[{extra}]'."
        )
