"""How `make docs` builds the site: Markdown in, HTML under build/docs out."""

from importlib.metadata import version as version_of

project = "Starfill"
author = "Starfill"
project_copyright = "MIT licence"
release = version = version_of("starfill")
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
exclude_patterns = ["build"]
html_theme = "furo"
html_title = "Starfill"
html_show_sphinx = False
html_show_copyright = False
html_favicon = "favicon.svg"
html_copy_source = False
myst_heading_anchors = 3
nitpicky = True
