"""Numbers in, pieces of an HTML page out: tables with interval bars, a heat table, figures; and the page's escaping.

Everything here takes text as hostile: it reaches a page through one template environment (`feab.plots.page`), which
escapes it, bounds its length and makes control characters visible. Colours are CSS variables of the page, so that a
piece follows its light or dark theme.
"""
