"""Prompt wording as a small, bounded part of Jinja: lists, loops over them and nothing that can run away."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from feab.errors import FeabError

MAX_TEMPLATE = 8_000
MAX_TEXT = 20_000
MAX_LOOPS = 2

VARIABLES: tuple[str, ...] = ("labels", "aus", "axes", "definitions")
FILTERS: tuple[str, ...] = ("join", "upper", "lower", "capitalize", "length", "first", "last")
LOOP_FIELDS: tuple[str, ...] = ("first", "last", "index")

# No Call, no arithmetic, no concatenation, no macros, no imports, and filters neither chained nor looped over: what is
# left can neither run nor grow without bound.
_NODES = frozenset({
    "Template", "Output", "TemplateData", "Name", "For", "If", "Filter", "Getattr", "Getitem", "Const", "Compare",
    "Operand", "Not", "And", "Or", "CondExpr",
})  # fmt: skip


class Template:
    """One prompt's wording. Compiling checks it, so that a bad template fails when it is loaded, not at sample 900.

    Args:
        source: the text.
        variables: the names that it may use.

    Raises:
        FeabError: when the text is not valid or uses more of Jinja than prompts may.
    """

    __slots__ = ("_template",)

    def __init__(self, source: str, variables: Collection[str] = VARIABLES) -> None:
        from jinja2 import TemplateError, nodes

        if len(source) > MAX_TEMPLATE:
            raise FeabError(f"a prompt may hold at most {MAX_TEMPLATE} characters, this one has {len(source)}")
        environment = _environment()
        try:
            tree = environment.parse(source)
            self._check(tree, 0)
            unknown = {n.name for n in tree.find_all(nodes.Name) if n.ctx == "load"} - self._bound(tree) - {*variables}
            if unknown:
                raise FeabError(f"unknown name {min(unknown)!r} in a prompt; there are {', '.join(variables)}")
            self._template = environment.from_string(tree)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise FeabError(f"not a valid prompt template{f' (its line {line})' if line else ''}: {error}") from None
        except RecursionError:
            raise FeabError("not a valid prompt template: nested too deeply") from None

    def _bound(self, tree: Any) -> set[str]:
        from jinja2 import nodes

        names = {n.name for n in tree.find_all(nodes.Name) if n.ctx == "store"}
        return names | ({"loop"} if tree.find(nodes.For) else set())

    def _check(self, node: Any, loops: int) -> None:
        kind = type(node).__name__
        if kind not in _NODES:
            raise FeabError(
                f"prompts may not use {kind} (line {getattr(node, 'lineno', '?')}): only text, lists and for/if"
            )
        if kind == "Filter":
            if node.name not in FILTERS:
                raise FeabError(f"prompts may not use the filter {node.name!r}; there are {', '.join(FILTERS)}")
            given = [*node.args, *(pair.value for pair in node.kwargs)]
            if not _plain(node.node) or any(type(a).__name__ != "Const" for a in given) or node.dyn_args:
                raise FeabError(f"prompts may use {node.name!r} on a name and with fixed words only")
        if kind == "Getattr" and (getattr(node.node, "name", "") != "loop" or node.attr not in LOOP_FIELDS):
            raise FeabError(f"prompts may not use .{node.attr}; there are loop.{', loop.'.join(LOOP_FIELDS)}")
        if kind == "For":
            loops += 1
            if loops > MAX_LOOPS or node.recursive or not _plain(node.iter):
                raise FeabError("prompts may loop over a name only, and nest two loops at most")
        for child in node.iter_child_nodes():
            self._check(child, loops)

    def render(self, variables: Mapping[str, Any]) -> str:
        """The prompt's text, stripped at both ends.

        Raises:
            FeabError: when the template asks for something that is not there, or its text is too long or empty.
        """
        from jinja2 import TemplateError

        parts: list[str] = []
        size = 0
        try:
            for part in self._template.generate(variables):
                size += len(part)
                if size > MAX_TEXT:
                    raise FeabError(f"a prompt's text may hold at most {MAX_TEXT} characters")
                parts.append(part)
        except (TemplateError, TypeError, ValueError, LookupError) as error:
            raise FeabError(f"the prompt template cannot be filled in: {error}") from None
        text = "".join(parts).strip()
        if not text:
            raise FeabError("the prompt template gives an empty text")
        return text


@lru_cache(maxsize=256)
def compiled(source: str) -> Template:
    """The template of a text; compiling takes a millisecond and is done once.

    Raises:
        FeabError: as `Template`.
    """
    return Template(source)


def _plain(node: Any) -> bool:
    """Whether an expression only names one of the variables, or an entry of one."""
    kind = type(node).__name__
    return kind == "Name" or (kind == "Getitem" and _plain(node.node) and type(node.arg).__name__ in {"Name", "Const"})


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # Prompts are plain text for a model, never HTML: escaping would turn < and & into entities.
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, cache_size=0
    )
    environment.globals.clear()
    return environment
