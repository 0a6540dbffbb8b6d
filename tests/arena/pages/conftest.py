from collections.abc import Callable
from html.parser import HTMLParser

import pytest

_VOID = frozenset({"meta", "link", "br", "input", "wbr", "img", "hr"})
_FETCHING = frozenset({"src", "href", "xlink:href", "action", "poster", "data", "srcset"})


@pytest.fixture(scope="session")
def problems() -> Callable[[str], list[str]]:
    """What every page must keep to."""
    return _problems


def _problems(html: str) -> list[str]:
    """Returns what is wrong with a page: tags that do not match, repeated ids, anything fetched, tables and charts without words."""
    page = _Page()
    page.feed(html)
    page.close()
    return page.found + [f"<{tag}> is never closed" for tag in page.open] + [f"no element has the id {name!r}" for name in page.dangling()]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []
        self._ids: set[str] = set()
        self._references: set[str] = set()
        self._has_header = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag, {name: value or "" for name, value in attrs})
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.found.append(f"</{tag}> on line {self.getpos()[0]} closes something else")
        if tag == "table" and not self._has_header:
            self.found.append(f"the table that ends on line {self.getpos()[0]} has no header cell with a scope")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style" and ("@import" in data or "url(" in data):
            self.found.append("the style sheet fetches something")

    def dangling(self) -> list[str]:
        """Returns the ids that are referred to and do not exist."""
        return sorted(self._references - self._ids)

    def _check(self, tag: str, attributes: dict[str, str]) -> None:
        where = f"<{tag}> on line {self.getpos()[0]}"
        if name := attributes.get("id"):
            if name in self._ids:
                self.found.append(f"{where} repeats the id {name!r}")
            self._ids.add(name)
        self._references |= {attributes[name] for name in ("aria-labelledby", "for") if name in attributes}
        for key in _FETCHING & attributes.keys():
            target = attributes[key]
            if target.startswith("#"):
                self._references.add(target[1:])
            elif not target.startswith("data:") and (tag != "a" or (":" in target and not target.startswith("https://"))):
                self.found.append(f"{where} reaches out to {target!r}")
        if any(key.startswith("on") for key in attributes):
            self.found.append(f"{where} carries a script in an attribute")
        if tag == "table":
            self._has_header = False
        if tag == "th":
            self._has_header |= "scope" in attributes
        if tag == "svg" and attributes.get("role") != "img" and attributes.get("aria-hidden") != "true":
            self.found.append(f"{where} has neither a description nor is it hidden from screen readers")
        if tag == "svg" and attributes.get("role") == "img" and not attributes.get("aria-label"):
            self.found.append(f"{where} has no description")
