"""YAML: safe, and bounded in what it makes of a text; the only place that reads it.

No Python objects, no key twice, no value twice as long as it looks: an alias counts as all that it
stands for, so that a few lines cannot unfold to gigabytes. A date stays the text that it is, as in
YAML 1.2, since the names of columns look like dates and no setting is one.
"""

from pathlib import Path
from typing import Any, NoReturn

import yaml

from vaega.core.errors import ConfigError

# What no configuration comes near: one with a weight for each of 50,000 features has 0.5 MB.
MOST_BYTES = 2**20
MOST_VALUES = 100_000
MOST_DEPTH = 40
MOST_BITS = 64  # of a whole number

_PREFIX = "tag:yaml.org,2002:"
_NAMED = 6  # parts of a key that a message names
_UNREAD = ("timestamp", "binary", "omap", "pairs", "set")


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file; what is wrong with it is one sentence with its line."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        if len(content) <= MOST_BYTES:
            raise ConfigError(f"{path}: must be text in UTF-8, got other bytes.") from error
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{path}: must hold at most {MOST_BYTES} bytes of YAML, got more.")
    return parse_yaml(text, origin=str(path))


def parse_yaml(text: str, *, origin: str, what: str = "is") -> Any:
    """Return the content of a YAML text.

    Parameters
    ----------
    text : str
        One document.
    origin : str
        What an error begins with: a file, an option.
    what : str, default="is"
        How the error goes on before "no valid YAML".

    Returns
    -------
    object
        Made of dict, list, str, int, float, bool and None; no part of it is shared.

    Raises
    ------
    ConfigError
        One sentence: the origin, the line, the key, what is wrong.

    Examples
    --------
    >>> parse_yaml("{alpha: 0.9, seeds: [1, 2], born: 2024-13-45}", origin="a text")
    {'alpha': 0.9, 'seeds': [1, 2], 'born': '2024-13-45'}
    >>> parse_yaml("a: &a [*a]", origin="a text")
    Traceback (most recent call last):
        ...
    vaega.core.errors.ConfigError: a text, line 1: a.0: is no valid YAML: the anchor 'a' holds ...
    """
    loader = None
    try:
        loader = _Loader(text)
        return _unshared(loader.get_single_data())
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        where, problem = f", line {line}", f"a character U+{error.character:04X} in it"
    except _Fault as error:
        where = f", line {error.line}" + (f": {error.key}" if error.key else "")
        problem = str(error)
    except yaml.MarkedYAMLError as error:
        where = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        problem = str(error.problem)
    except (ValueError, OverflowError):  # of a version, or of an escape sequence
        where = "" if loader is None else f", line {loader.line + 1}"
        problem = "a number or an escape sequence that is too large"
    raise ConfigError(f"{origin}{where}: {what} no valid YAML: {problem}.")


class _Fault(yaml.YAMLError):
    """What is wrong with a value, and where."""

    def __init__(self, problem: str, mark: Any, key: str) -> None:
        super().__init__(problem)
        self.line, self.key = mark.line + 1, key


class _Loader(yaml.SafeLoader):
    """Safe YAML in which no key silently replaces another, and all that it makes is counted."""

    # A plain = is a text as well.
    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML's own
        first: [pair for pair in pairs if pair[0] not in (f"{_PREFIX}timestamp", f"{_PREFIX}value")]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._path: list[str] = []
        self._keys: dict[int, str] = {}  # of finished nodes, by their id
        self._n_values = self._depth = self._deepest = 0
        self._measures: dict[int, tuple[int, int]] = {}  # how many values they hold, and how deep

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node; it, or what an alias stands for, counts."""
        names = [] if index is None else [_name_of(index)]
        self._path += names
        node = self._alias(parent, index) or self._measured(parent, index)
        del self._path[len(self._path) - len(names) :]
        return node

    def _alias(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if not isinstance(event, yaml.AliasEvent):
            return None
        node = super().compose_node(parent, index)
        if id(node) not in self._measures:
            self._refuse(f"the anchor {_quoted(event.anchor)} holds itself", event)
        n_values, height = self._measures[id(node)]
        self._count(n_values, self._depth + 1 + height, event)
        return node

    def _measured(self, parent: Any, index: Any) -> Any:
        n_before, above = self._n_values, self._deepest
        self._depth += 1
        self._deepest = self._depth
        self._count(1, self._depth, self.peek_event())
        node = super().compose_node(parent, index)
        self._measures[id(node)] = (self._n_values - n_before, self._deepest - self._depth)
        self._keys[id(node)] = self._key()
        self._depth -= 1
        self._deepest = max(above, self._deepest)
        return node

    def _count(self, n_values: int, depth: int, event: Any) -> None:
        self._n_values += n_values
        self._deepest = max(self._deepest, depth)
        if self._n_values > MOST_VALUES:
            self._refuse(f"it holds more than {MOST_VALUES} values", event)
        if depth > MOST_DEPTH:
            self._refuse(f"it is nested more than {MOST_DEPTH} levels deep", event)

    def _key(self) -> str:
        dots = "..." if len(self._path) > _NAMED else ""
        return ".".join(self._path[:_NAMED]) + dots

    def _refuse(self, problem: str, node: Any) -> NoReturn:
        raise _Fault(problem, node.start_mark, self._keys.get(id(node), self._key()))

    def compose_mapping_node(self, anchor: Any) -> Any:
        """Compose a mapping in which no key comes twice."""
        node, seen = super().compose_mapping_node(anchor), set[Any]()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse("a list or mapping as a key", key_node)
            if key_node.tag == f"{_PREFIX}merge":
                continue  # "<<: *anchor": what it brings may be replaced, that is its purpose
            key = self.construct_object(key_node)
            if key in seen:
                self._refuse(f"{_quoted(key)} twice", key_node)
            seen.add(key)
        return node

    def flatten_mapping(self, node: Any) -> None:
        """Put what merge keys bring before a mapping's own pairs: of equal keys the last counts.

        PyYAML's own takes other ones since 6.0.4, which tells keys apart by their objects.
        """
        brought, own = [], []
        for key_node, value_node in node.value:
            if key_node.tag == f"{_PREFIX}merge":
                brought += self._merged(value_node)
            else:
                own.append((key_node, value_node))
        node.value = brought + own

    def _merged(self, source: Any) -> list[Any]:
        """Return the pairs of a mapping, or of several, of which the first counts."""
        pairs = []
        mappings = source.value if isinstance(source, yaml.SequenceNode) else [source]
        for mapping in reversed(mappings):
            if not isinstance(mapping, yaml.MappingNode):
                self._refuse("expected a mapping or a list of mappings for merging", mapping)
            self.flatten_mapping(mapping)
            pairs += mapping.value
        return pairs

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Construct a value; what PyYAML's constructors raise says its line and key."""
        try:
            return super().construct_object(node, deep)
        except yaml.constructor.ConstructorError as error:
            self._refuse(str(error.problem), node)
        # KeyError of !!bool, AttributeError of a tag on what it is not for, ...
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            self._refuse(f"{_quoted(node.value)} is no {node.tag.removeprefix(_PREFIX)}", node)

    def construct_scalar(self, node: Any) -> Any:
        """Return the text of a scalar."""
        text = super().construct_scalar(node)
        for character in text if isinstance(text, str) else ():
            if character == "\0" or "\ud800" <= character <= "\udfff":
                self._refuse(f"a character U+{ord(character):04X} in a text", node)
        return text

    def construct_whole_number(self, node: Any) -> int:
        """Return a whole number of a size that is computed with."""
        text = self.construct_scalar(node)
        number = 0 if len(text) > 4 * MOST_BITS else int(self.construct_yaml_int(node))
        if len(text) > 4 * MOST_BITS or number.bit_length() > MOST_BITS:
            rule = f"a whole number has at most {MOST_BITS} bits (a name stands in quotes)"
            self._refuse(f"{rule}, got {_quoted(text)}", node)
        return number

    def construct_unread(self, node: Any) -> None:
        """Refuse what no setting is."""
        self._refuse(f"a value of the tag !!{node.tag.removeprefix(_PREFIX)}", node)


_Loader.add_constructor(f"{_PREFIX}int", _Loader.construct_whole_number)
for _tag in _UNREAD:
    _Loader.add_constructor(_PREFIX + _tag, _Loader.construct_unread)


def _name_of(index: Any) -> str:
    """Return the key, or the position in a list, at which a node stands."""
    name = getattr(index, "value", index)
    return str(name)[:60] if isinstance(name, str | int) else "?"


def _quoted(value: Any) -> str:
    text = "a list or mapping" if isinstance(value, list) else repr(value)
    return text if len(text) <= 60 else f"{text[:40]}... of {len(value)} characters"


def _unshared(value: Any) -> Any:
    # What shares an anchor is one object, and --set must not change it in all places together.
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value
