"""Plain selectors of PromQL: a metric's name with matchers of labels, and nothing computed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fogbed.clients.series import NAME, Labels

_SELECTOR = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(?:\{(.*)\})?\s*", re.DOTALL)
_STRING = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`"
_MATCHER = re.compile(rf"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*({_STRING})\s*(,|$)")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a label must be: ``operator`` is one of ``=``, ``!=``, ``=~``, ``!~``."""

    label: str
    operator: str
    text: str

    def matches(self, value: str) -> bool:
        """Say whether a label's value ("" where there is none) is as asked."""
        is_regex = self.operator[1:] == "~"
        same = re.fullmatch(self.text, value) is not None if is_regex else value == self.text
        return same is not self.operator.startswith("!")


@dataclass(frozen=True, slots=True)
class Selector:
    """All of these must hold."""

    matchers: tuple[Matcher, ...]

    @property
    def name(self) -> str | None:
        """The name that is asked for, None where it is not one."""
        named = (m.text for m in self.matchers if m.label == NAME and m.operator == "=")
        return next(named, None)

    def matches(self, labels: Labels) -> bool:
        """Say whether a series with these labels is selected."""
        values = dict(labels)
        return all(matcher.matches(values.get(matcher.label, "")) for matcher in self.matchers)


def parse_selector(promql: str) -> Selector | None:
    """Return a query that is a plain selector; None for every other, and for a wrong one."""
    found = _SELECTOR.fullmatch(promql)
    if found is None or (found[1] is None and not (found[2] or "").strip()):
        return None
    named = () if found[1] is None else (Matcher(NAME, "=", found[1]),)
    others = _matchers(found[2] or "")
    return None if others is None else Selector((*named, *others))


def _matchers(text: str) -> tuple[Matcher, ...] | None:
    matchers: list[Matcher] = []
    begin = 0
    while text[begin:].strip():
        found = _MATCHER.match(text, begin)
        if found is None:
            return None
        value = _unquoted(found[3])
        if value is None or (found[2][1:] == "~" and not _is_regex(value)):
            return None
        matchers.append(Matcher(found[1], found[2], value))
        begin = found.end()
    return tuple(matchers)


def _unquoted(text: str) -> str | None:
    """Return what a string literal stands for; None for escapes that hardly anybody writes."""
    inner = text[1:-1]
    if text[0] == "`":
        return inner
    if any(escape not in _ESCAPED for escape in _ESCAPE.findall(inner)):
        return None
    return _ESCAPE.sub(lambda found: _ESCAPED[found[1]], inner)


def _is_regex(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True
