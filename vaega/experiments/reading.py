"""From a YAML file and ``--set`` overrides to a configuration, or to one sentence."""

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vaega.core.errors import ConfigError
from vaega.experiments.config import ExperimentConfig


def read_config(path: Path, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Read a configuration file."""
    content = _unshared(_load_yaml(path))
    for override in overrides:
        _apply(content, override)
    return make_config(content, origin=str(path))


def make_config(content: dict[str, Any], *, origin: str = "configuration") -> ExperimentConfig:
    """Check the content of a configuration file."""
    try:
        return ExperimentConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {_sentence(error)}") from error


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML (no Python objects) in which no key silently replaces another."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue  # "<<: *anchor": what it brings may be replaced, that is its purpose
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, list | dict) or key in seen:
                problem = (
                    "a list or mapping as a key"
                    if isinstance(key, list | dict)
                    else f"{key!r} twice"
                )
                raise yaml.constructor.ConstructorError(
                    problem=problem, problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _load_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{path}{where}: is no valid YAML: {error.problem}.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is no valid YAML: {' '.join(str(error).split())}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: must be text in UTF-8, got other bytes.") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply.") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from error
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path}: must hold keys such as name, dataset and fitness, got {_short(content)}."
        )
    return content


def _unshared(value: Any) -> Any:
    # Places that share a YAML anchor are one object, and --set must not change them together.
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value


def _apply(content: dict[str, Any], override: str) -> None:
    path, separator, text = override.partition("=")
    keys = path.strip().split(".")
    if not separator or not all(keys):
        raise ConfigError(f"--set {override}: must have the form key=value, e.g. search.elite=2.")
    try:
        value = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {override}: the value is no valid YAML.") from error
    place = content
    for depth, key in enumerate(keys[:-1], start=1):
        inner = place.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(
                f"--set {override}: {'.'.join(keys[:depth])} is {_short(inner)} and has no keys."
            )
        place = inner
    place[keys[-1]] = value


def _sentence(error: ValidationError) -> str:
    details = error.errors(include_url=False)
    # A key that is there and wrong explains one that is missing more often than the other way.
    first = min(details, key=lambda detail: detail["type"] == "missing")
    where, rule = _key(first["loc"]), _rule(first)
    more = f" ({len(details) - 1} more to mend)" if len(details) > 1 else ""
    stop = "" if rule.endswith("?") and not more else "."
    # Checks that other callers share name their owner, which is the key again.
    rule = rule.removeprefix(f"{where.split('.')[0]}: ")
    return f"{where}: {rule}{more}{stop}" if where else f"{rule}{more}{stop}"


def _key(location: Sequence[Any]) -> str:
    # Behind an objective stands the kind that was chosen, which is no key of the file.
    parts = [str(part) for part in location]
    return ".".join(
        part
        for place, part in enumerate(parts)
        if place == 0 or parts[place - 1] != "objective" or part not in _KINDS
    )


_KINDS = ("weighted", "penalty")


_RULES: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda detail: "is missing",
    "extra_forbidden": lambda detail: f"is no known key{_did_you_mean(detail['loc'])}",
    "value_error": lambda detail: str(detail["ctx"]["error"]).rstrip("."),
    "union_tag_not_found": lambda detail: f"needs the key kind, got {_short(detail['input'])}",
    "union_tag_invalid": lambda detail: (
        f"kind must be one of {detail['ctx']['expected_tags']}, got {detail['ctx']['tag']!r}"
    ),
    "model_type": lambda detail: f"must hold keys, got {_short(detail['input'])}",
    "model_attributes_type": lambda detail: f"must hold keys, got {_short(detail['input'])}",
    "dict_type": lambda detail: f"must hold keys, got {_short(detail['input'])}",
    "too_short": lambda detail: f"must hold at least 1 item, got {_short(detail['input'])}",
    "string_too_short": lambda detail: "must hold at least 1 character, got ''",
    "tuple_type": lambda detail: f"must be a list, got {_short(detail['input'])}",
    "string_pattern_mismatch": lambda detail: (
        "must begin with a letter or digit and hold letters, digits, _ . - alone, "
        f"got {_short(detail['input'])}"
    ),
}


def _rule(detail: ErrorDetails) -> str:
    if detail["type"] in _RULES:
        return _RULES[detail["type"]](detail)
    rule = detail["msg"].removeprefix("Input ").removeprefix("should ").strip()
    return f"must {rule}, got {_short(detail['input'])}"


def _did_you_mean(location: Sequence[Any]) -> str:
    fields: dict[str, Any] = dict(ExperimentConfig.model_fields)
    for part in location[:-1]:
        annotation = getattr(fields.get(str(part)), "annotation", None)
        fields = dict(getattr(annotation, "model_fields", {}))
    close = difflib.get_close_matches(str(location[-1]), list(fields), n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known here: {', '.join(fields)}" if fields else ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
