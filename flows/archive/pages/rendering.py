"""A page made from a template of this room: whole in itself, its style within."""

import hashlib
from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import BaseLoader, Environment, StrictUndefined, Template, TemplateNotFound

from preservation.model.amounts import byte_size, count
from preservation.model.paths import printable

_UNITS: Final = (("year", 365 * 86_400), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_SMALL: Final = 10


def rendered_page(name: str, **values: object) -> bytes:
    """Return the page of template ``name`` with ``values``, as UTF-8."""
    style = _resource("page.css")
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = _template(name).render(**values, style=style, style_digest=f"sha256-{digest}")
    return page.encode()


def duration(seconds: float) -> str:
    """Return a time for people, in one unit: ``3.4 hours``, ``45 seconds``."""
    for unit, length in _UNITS:
        if seconds >= length or unit == "second":
            amount = seconds / length
            figure = f"{amount:.2g}" if amount < _SMALL else f"{amount:,.0f}"
            return f"{figure} {unit}" if figure == "1" else f"{figure} {unit}s"
    raise AssertionError


def number(value: float) -> str:
    """Return a number for people: ``12,345``."""
    return f"{value:,.0f}"


class _Room(BaseLoader):
    """Loads the templates of this room."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, None, None]:
        _ = environment
        try:
            return _resource(template), None, None
        except FileNotFoundError as error:
            raise TemplateNotFound(template) from error


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=_Room(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "amount": count,
        "byte_size": byte_size,
        "duration": duration,
        "number": number,
        "printable": printable,
    }
    return environment


def _template(name: str) -> Template:
    return _environment().get_template(name)


def _resource(name: str) -> str:
    return (files("flows.archive.pages") / name).read_text(encoding="utf-8")
