"""Find the next page in a Link header (RFC 8288, section 3), or say why nothing is found.

What a lenient reader passes over would end a walk too early.
"""

from __future__ import annotations

import re

import httpx

_TARGET = re.compile(r"[\s,]*<([^<>]*)>")
_PARAMETER = re.compile(r'\s*;\s*(?:([^\s;,="<>]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"<>]*))?)?')
_BEHIND = re.compile(r"\s*(?:,|$)")
_REST = re.compile(r"[\s,]*$")


def next_link(headers: httpx.Headers) -> str | None:
    """The address of the link whose relation is next; None where there is no such link.

    Raises:
        ValueError: the header is malformed, or has several next links.
    """
    found = {target for target, relations in _links(headers) if "next" in relations}
    if len(found) > 1:
        raise ValueError("a Link header with several next pages")
    if "" in found:
        raise ValueError("a Link header whose next page is no address")
    return found.pop() if found else None


def _links(headers: httpx.Headers) -> list[tuple[str, set[str]]]:
    text, at = ", ".join(headers.get_list("link")), 0
    links = []
    while not _REST.match(text, at):
        target = _TARGET.match(text, at)
        at = target.end() if target else at
        named: dict[str, str] = {}
        while parameter := _PARAMETER.match(text, at):
            named.setdefault((parameter[1] or "").lower(), parameter[2] or "")
            at = parameter.end()
        behind = _BEHIND.match(text, at)
        if not target or not behind:
            raise ValueError(f"a Link header that is malformed at character {at + 1}")
        at = behind.end()
        relations = named.get("rel", "").strip("\"'").lower().split()
        links.append((target[1].strip(), set(relations)))
    return links
