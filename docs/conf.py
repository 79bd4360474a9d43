"""How the documentation is built."""

import re
from importlib.metadata import version as version_of
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

project = "alarm_dispatch"
author = "The alarm_dispatch maintainers"
project_copyright = "The alarm_dispatch maintainers"
release = version = version_of("alarm-dispatch")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]

# Headings can be linked to from other pages.
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
add_module_names = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 80

html_theme = "furo"
html_title = f"alarm_dispatch {release}"
html_static_path = ["_static"]
html_css_files = ["width.css"]
html_show_sphinx = False


class CommandHelp(SphinxDirective):
    """Shows what ``alarm-dispatch COMMAND --help`` prints, so that it cannot differ from the command.

    A command of a command is two words.
    """

    optional_arguments = 2

    def run(self) -> list[nodes.Node]:
        """The help as a block of text."""
        try:
            from alarm_dispatch.cli.app import command_line  # noqa: PLC0415 - it needs the extra cli
        except ImportError as error:
            raise self.error("the documentation of the command line needs the extra 'cli'") from error
        command: Any = command_line
        context = click_context(command, "alarm-dispatch")
        for name in self.arguments:
            command = command.commands[name]
            context = click_context(command, name, parent=context)
        return [nodes.literal_block(text=context.get_help(), language="text")]


def click_context(command: Any, name: str, **settings: Any) -> Any:
    """The context of a command in a terminal of a page's width."""
    return command.context_class(command, info_name=name, terminal_width=88, max_content_width=88, **settings)


_PLAINER = (
    # The names of functions, not their representations, which no signature may have.
    (re.compile(r"<function (\w+)[^>]*>"), r"\1"),
    # What is made anew for each object.
    (re.compile(r"\bNOTHING\b"), "..."),
    (re.compile(r"(level_names: [^=]*) = \{.*?\}"), r"\1 = ENGLISH_LEVEL_NAMES"),
    # Each vendor has a class of that name; a callback takes any.
    (re.compile(r"\bstr \| Format\b"), "str | alarm_dispatch.formats.Format"),
)


def plainer(
    _app: Sphinx,
    _what: str,
    _name: str,
    _object: Any,
    _options: Any,
    signature: str | None,
    returns: str | None,
) -> tuple[str, str | None] | None:
    """A signature that people can read and Sphinx can parse."""
    if signature is None:
        return None
    for pattern, replacement in _PLAINER:
        signature = pattern.sub(replacement, signature)
    return signature, returns


def setup(app: Sphinx) -> None:
    """Let pages use the directive, and mend signatures."""
    app.connect("autodoc-process-signature", plainer)
    app.add_directive("command-help", CommandHelp)
