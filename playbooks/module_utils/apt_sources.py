"""apt's source files as values: what they name, and their text with one repository set aside.

After sources.list(5): `NAME.list` has a repository per line, `NAME.sources` stanzas of fields.
Hosts need not have python3-apt or python3-debian. Every byte that is not of the repository stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# Files of other names are left out by apt, such as docker.list.save.
NAME = re.compile(r"[a-zA-Z0-9_.-]+\.(?:list|sources)")
ASIDE = "# Set aside by fogbed until `fogbed down --purge`: "
_LINE = re.compile(r"\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*(.*)", re.DOTALL)
_FIELD = re.compile(r"([!-9;-~]+):(.*)", re.DOTALL)
_NO = ("no", "false", "without", "off", "disable", "0")
_YES = ("yes", "true", "with", "on", "enable", "1")


@dataclass(frozen=True)
class Repository:
    """One line or stanza that is in force; a stanza may name several."""

    types: tuple[str, ...]
    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: Mapping[str, str]
    text: str
    """As it stands in its file."""

    def names(self, uri: str, suite: str, arch: str) -> bool:
        """Whether apt takes this for the repository: it compares addresses by their letters."""
        uris = [plain_uri(each, arch) for each in self.uris]
        return plain_uri(uri, arch) in uris and suite in [_filled(x, arch) for x in self.suites]

    def key_files(self) -> list[str]:
        """The key files that it names; a key may also stand in the stanza, or be a fingerprint."""
        words = re.split(r"[,\s]+", self.options.get("signed-by", ""))
        return [word for word in words if word.startswith("/")]

    def serves(self, components: list[str], arch: str) -> bool:
        """Whether packages can come from here, and their signature is checked."""
        architectures = re.split(r"[,\s]+", self.options.get("architectures", "").strip())
        changed = {"architectures-add", "architectures-remove", "allow-insecure", "allow-weak"}
        return (
            "deb" in self.types
            and set(components) <= set(self.components)
            and (architectures == [""] or arch in architectures)
            and self.options.get("trusted", "").lower() not in (*_YES, *_NO)
            and not changed & set(self.options)
        )


def plain_uri(uri: str, arch: str) -> str:
    """An address as apt compares it: with a slash at its end."""
    return _filled(uri, arch) + "/" * (not uri.endswith("/"))


def _filled(words: str, arch: str) -> str:
    return words.replace("$(ARCH)", arch)


def repositories(name: str, text: str) -> list[Repository]:
    """What a file names that is in force."""
    found = _stanzas(text) if name.endswith(".sources") else _lines(text)
    return [repository for _, repository in found if repository]


def without(name: str, text: str, uri: str, suite: str, arch: str) -> str:
    """The text of a file in which a repository is set aside, and all else as it was."""
    found = _stanzas(text) if name.endswith(".sources") else _lines(text)
    aside = _stanza_without if name.endswith(".sources") else _line_without
    return "".join(
        aside(part, repository, uri, suite, arch)
        if repository and repository.names(uri, suite, arch)
        else part
        for part, repository in found
    )


# -- NAME.list ------------------------------------------------------------------------------------


def _lines(text: str) -> Iterator[tuple[str, Repository | None]]:
    """Each line with its end, and what it names."""
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        yield line, _line(line)


def _line(line: str) -> Repository | None:
    # A hash within brackets is none of a comment.
    match = _LINE.fullmatch(re.sub(r"(\[[^\]]*\])|#.*", lambda m: m[1] or "", line).strip())
    if match is None:
        return None
    kind, options, uri, suite, rest = match.groups()
    pairs = (word.partition("=") for word in (options or "").split())
    return Repository(
        types=(kind,),
        uris=(uri,),
        suites=(suite,),
        components=tuple(rest.split()),
        options={_option(name): value for name, _, value in pairs},
        text=line,
    )


def _option(name: str) -> str:
    """The field that an option of a line stands for: `arch+=` is Architectures-Add."""
    name = name.lower()
    for sign, ending in (("+", "-add"), ("-", "-remove")):
        name = f"{name[:-1]}{ending}" if name.endswith(sign) else name
    return re.sub(r"^arch(?=$|-)", "architectures", name)


def _line_without(part: str, repository: Repository, uri: str, suite: str, arch: str) -> str:
    del repository, uri, suite, arch
    return f"{ASIDE}{part}"


# -- NAME.sources ---------------------------------------------------------------------------------


def _stanzas(text: str) -> Iterator[tuple[str, Repository | None]]:
    """Each stanza, and the gaps between them, with what it names."""
    for part in re.findall(r"(?:[^\n]*\S[^\n]*(?:\n|$))+|[^\n\S]*\n|[^\n\S]+$", text):
        yield part, _stanza(part)


def _fields(stanza: str) -> list[tuple[str, list[str]]]:
    """Name and lines of each field; comments count as continued."""
    fields: list[tuple[str, list[str]]] = []
    for line in re.findall(r"[^\n]*\n|[^\n]+", stanza):
        match = None if line[0] in " \t#" else _FIELD.fullmatch(line)
        if match:
            fields.append((match[1].lower(), [line]))
        elif fields:
            fields[-1][1].append(line)
        else:
            fields.append(("", [line]))
    return fields


def _value(lines: list[str]) -> str:
    plain = [line for line in lines if not line.startswith("#")]
    return "".join(plain).partition(":")[2].strip()


def _stanza(part: str) -> Repository | None:
    values = {name: _value(lines) for name, lines in _fields(part) if name}
    listed = ("types", "uris", "suites", "components")
    if not values.get("uris") or values.get("enabled", "").lower() in _NO:
        return None
    words = {name: tuple(values.get(name, "").split()) for name in listed}
    options = {name: value for name, value in values.items() if name not in (*listed, "enabled")}
    return Repository(**words, options=options, text=part)


def only(name: str, repository: Repository, uri: str, suite: str, arch: str) -> str:
    """A text that names this repository and no other of its stanza."""
    if not name.endswith(".sources"):
        return repository.text
    text = _with_field(repository.text, "uris", _same(repository.uris, uri, arch))
    return _with_field(text, "suites", [x for x in repository.suites if _filled(x, arch) == suite])


def _same(uris: tuple[str, ...], uri: str, arch: str) -> list[str]:
    return [each for each in uris if plain_uri(each, arch) == plain_uri(uri, arch)]


def _with_field(stanza: str, name: str, words: list[str]) -> str:
    """The stanza with another value of a field, on one line."""
    text = []
    for field, lines in _fields(stanza):
        if field == name:
            end = "\n" if lines[-1].endswith("\n") else ""
            text.append(f"{lines[0].partition(':')[0]}: {' '.join(words)}{end}")
            text += [line for line in lines[1:] if line.startswith("#")]
        else:
            text += lines
    return "".join(text)


def _stanza_without(part: str, repository: Repository, uri: str, suite: str, arch: str) -> str:
    """The stanza for the other addresses, and for the other suites of this one."""
    same = _same(repository.uris, uri, arch)
    uris = [each for each in repository.uris if each not in same]
    suites = [each for each in repository.suites if _filled(each, arch) != suite]
    if not uris and not suites:
        return "".join(f"{ASIDE}{line}" for line in re.findall(r"[^\n]*\n|[^\n]+", part))
    rest = [_with_field(part, "uris", uris)] if uris else []
    if suites:
        rest.append(_with_field(_with_field(part, "uris", same), "suites", suites))
    return "\n".join(text if text.endswith("\n") else f"{text}\n" for text in rest)
