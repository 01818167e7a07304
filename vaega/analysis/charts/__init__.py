"""Charts of the report as SVG, styled by the page, so that they follow its mode."""
