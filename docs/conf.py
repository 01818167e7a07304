"""How the pages of this folder become a site: ``make docs`` writes it to ``build/docs``.

The pages are plain Markdown, so that they read as well without it. The navigation is taken from
the lists of links in ``index.md``; nothing is fetched, neither to build the site nor to read it.
"""

import re
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from pygments.lexers.special import TextLexer  # noqa: E402

import vaega  # noqa: E402  the folder above has to be found first

project, author, copyright = "vaega", "vaega", "BSD 3-Clause licence"
release = version = vaega.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
suppress_warnings = ["ref.python"]  # a name that two classes share, `fit` say, is no mistake
myst_heading_anchors = 3
nitpicky = False

autodoc_default_options = {"members": True, "inherited-members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say shapes and units, which types cannot
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_use_param = False  # what two parameters share is said once

# The many parameters of a search in groups: the first of each, and the heading above it.
GROUPS = {
    "algorithm": "The search",
    "subsample": "The noise of its scores",
    "patience": "Running it",
}
napoleon_custom_sections = [(heading, "params_style") for heading in GROUPS.values()]

highlight_language = "text"  # blocks without a language are what a terminal shows
pygments_dark_style = "a11y-high-contrast-dark"

html_theme = "furo"
html_title = f"vaega {release}"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["_static"]
html_favicon = "_static/mask.svg"
html_css_files = ["site.css"]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

warnings.filterwarnings("ignore", module="joblib")


def navigation(page: str) -> str:
    r"""Return a page with a tree of contents for each of its sections that is a list of pages.

    Parameters
    ----------
    page : str
        Markdown with headings of the second level and links to other pages.

    Returns
    -------
    str
        The same, with hidden ``toctree`` directives behind it.

    Examples
    --------
    >>> print(navigation("## Start\n- [Here](first.md): the first."))
    ## Start
    - [Here](first.md): the first.
    <BLANKLINE>
    ```{toctree}
    :hidden:
    :caption: Start
    first
    ```
    """
    trees = [page]
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        caption = section.splitlines()[0]
        linked = re.findall(r"^- \[[^]]*\]\(([\w/]+)\.md\)", section, flags=re.MULTILINE)
        if linked:
            trees.append(
                "\n".join(["\n```{toctree}", ":hidden:", f":caption: {caption}", *linked, "```"])
            )
    return "\n".join(trees)


def add_navigation(_: object, name: str, source: list[str]) -> None:
    """Give the first page its trees of contents, before it is parsed."""
    if name == "index":
        source[0] = navigation(source[0])


def skip_foreign(_: object, __: str, name: str, member: object, skip: bool, *___: object) -> bool:
    """Leave out the methods of scikit-learn, DEAP and numpy: they are described there."""
    home = getattr(member, "__module__", None) or "vaega"
    return skip or not home.startswith("vaega") or name.endswith("_request")


def in_groups(lines: list[str]) -> list[str]:
    """Return a docstring with a heading above each group of its other parameters.

    Examples
    --------
    >>> docstring = ["Other Parameters", "-" * 16, "algorithm : str", "subsample : float"]
    >>> in_groups(docstring)[:3]
    ['The search', '----------', 'algorithm : str']
    """
    if "Other Parameters" not in lines:
        return lines
    first = lines.index("Other Parameters")
    grouped = lines[:first]
    for line in lines[first + 2 :]:
        heading = GROUPS.get(line.partition(" : ")[0])
        if heading is not None:
            grouped += [heading, "-" * len(heading)]
        grouped.append(line)
    return grouped


def group_parameters(*arguments: object) -> None:
    """Put headings into a docstring before its sections are read."""
    lines: list[str] = arguments[-1]  # type: ignore[assignment]
    lines[:] = in_groups(lines)


def keep_underscores(*arguments: object) -> None:
    """Keep the underscore behind learned attributes, which reStructuredText reads as a link."""
    lines: list[str] = arguments[-1]  # type: ignore[assignment]
    lines[:] = [re.sub(r"^:(ivar|vartype) (\w+)_:", r":\1 \2\\_:", line) for line in lines]


def setup(app: object) -> None:
    """Register what this file adds to Sphinx."""
    app.add_lexer("output", TextLexer)  # type: ignore[attr-defined]  # what a block prints
    app.connect("autodoc-process-docstring", group_parameters, priority=100)  # type: ignore[attr-defined]
    app.connect("autodoc-process-docstring", keep_underscores, priority=900)  # type: ignore[attr-defined]
    app.connect("source-read", add_navigation)  # type: ignore[attr-defined]
    app.connect("autodoc-skip-member", skip_foreign)  # type: ignore[attr-defined]
