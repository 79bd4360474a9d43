"""How the documentation is built."""

from importlib.metadata import version as version_of

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
autodoc_preserve_defaults = True
add_module_names = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 80

html_theme = "furo"
html_title = f"alarm_dispatch {release}"
html_static_path = ["_static"]
html_show_sphinx = False
