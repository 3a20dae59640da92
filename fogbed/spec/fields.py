"""Each field by itself: unknown and missing keys, wrong kinds of value, wrong units, bounds.

pydantic finds them; here they become problems in the user's words, at the user's lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fogbed.errors import Problem
from fogbed.spec.base import Spec
from fogbed.spec.document import Document, Place, kind_of
from fogbed.spec.vocabulary import Vocabulary
from fogbed.spec.wording import suggest, write_one_of

S = TypeVar("S", bound=Spec)
Loc = tuple[str | int, ...]

LATER = "not in this version"
_NO_WORDS = Vocabulary()


def read_fields(
    model: type[S],
    document: Document,
    tree: object,
    where: Callable[[Loc], Loc],
    *,
    vocabulary: Vocabulary = _NO_WORDS,
) -> tuple[S | None, list[Problem]]:
    """Return the model of a tree, or None with every problem of its fields.

    ``where`` leads from a place in ``tree`` (ranges expanded) to the place in the file;
    ``vocabulary`` says which actions and assertions an experiment may have.
    """
    try:
        # JSON mode is the one in which strict pydantic takes lists for tuples.
        found = model.model_validate_json(
            json.dumps(tree), strict=True, by_alias=True, by_name=False
        )
    except ValidationError as error:
        problems = (
            _problem(each, model, document, where, vocabulary)
            for each in error.errors(include_url=False)
        )
        return None, [each for each in problems if each is not None]
    return found, []


def known_keys(models: tuple[type[Spec], ...]) -> list[str]:
    """Return the keys that any of the models takes, as files spell them."""
    return [_alias(name, m) for m in models for name in m.model_fields]


def models_at(model: type[Spec], loc: Loc) -> tuple[type[Spec], ...]:
    """Return the models that may stand at a pydantic location of a document."""
    found: tuple[type[Spec], ...] = (model,)
    is_any_key = False  # of a mapping: which one changes nothing
    for step in loc:
        if isinstance(step, int) or is_any_key:
            is_any_key = False
            continue
        tagged = tuple(m for m in found if _answers_to(m, step))
        if len(found) > 1 and tagged:
            found = tagged
        else:
            annotations = [_annotation(m, step) for m in found]
            is_any_key = any(map(_is_mapping, annotations))
            found = tuple(s for each in annotations for s in _specs_in(each))
    return found


def _alias(name: str, model: type[Spec]) -> str:
    return model.model_fields[name].alias or name


def _annotation(model: type[Spec], key: str) -> object:
    for name, field in model.model_fields.items():
        if (field.alias or name) == key:
            return field.annotation
    return None


def _answers_to(model: type[Spec], tag: str) -> bool:
    tagged = model.model_fields.get("do")
    return tag == model.__name__ or (tagged is not None and tag in get_args(tagged.annotation))


def _is_mapping(annotation: object) -> bool:
    return get_origin(annotation) is dict or any(map(_is_mapping, get_args(annotation)))


def _specs_in(annotation: object) -> Iterator[type[Spec]]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
    elif get_origin(annotation) not in (None, Literal):
        for part in get_args(annotation):
            yield from _specs_in(part)


def _place(document: Document, loc: Loc) -> Place:
    """Return a pydantic location without the tags that pydantic adds for unions."""
    place: Place = ()
    loc = loc[:-1] if loc[-1:] == ("[key]",) else loc  # a wrong key of a mapping like labels
    for number, step in enumerate(loc):
        last = number == len(loc) - 1
        value = document.value(place)
        if isinstance(step, int) or last or (isinstance(value, dict) and step in value):
            place = (*place, step)
    return place


def _problem(
    error: ErrorDetails,
    model: type[Spec],
    document: Document,
    where: Callable[[Loc], Loc],
    vocabulary: Vocabulary,
) -> Problem | None:
    kind, loc = error["type"], where(error["loc"])
    place = _place(document, loc)
    value = document.value(place)
    if value is None and place in document.lines:
        return None  # the document has said already that it has no value
    if kind.startswith("union_tag"):
        return _wrong_tag(document, place, value, vocabulary)
    if kind == "extra_forbidden":
        return unknown_key(document, place, known_keys(models_at(model, loc[:-1])))
    context, shown = error.get("ctx", {}), document.texts.get(place, "")
    if kind == "too_short" and isinstance(value, list) and len(value) >= context["min_length"]:
        return None  # pydantic counts the sound items only; what is wrong in the others is said
    if kind == "missing":
        what, way_out = "is missing", _example(place, models_at(model, loc[:-1]))
    elif kind == "value_error":
        what, _, way_out = str(context["error"]).partition("; ")
    elif kind == "literal_error":
        what, way_out = _not_one_of(shown or kind_of(value), context)
    else:
        what, way_out = _wrong_kind(kind, value, shown, context)
    return document.problem(place, what or error["msg"], way_out)


def unknown_key(document: Document, place: Place, known: Iterable[str]) -> Problem:
    """Return what is wrong with a key that nothing reads, and the nearest that something does."""
    key = str(place[-1])
    if key == "when":
        return document.problem(place, f"conditions (when) are {LATER}", "write at: 20s")
    if key == "<<":
        return document.problem(place, "merge keys are not YAML 1.2", "write the keys out")
    return document.problem(place, "unknown key", suggest(key, known))


def _wrong_tag(document: Document, place: Place, value: object, vocabulary: Vocabulary) -> Problem:
    """Say what is wrong with an action's ``do`` or an assertion's first key."""
    if place[:1] == ("assert",):
        kinds = (f"{each.key}: {each.example}" for each in vocabulary.assertions)
        return document.problem(place, "is not an assertion", write_one_of(kinds))
    names = vocabulary.names
    if not isinstance(value, dict) or "do" not in value:
        way_out = write_one_of(f"do: {name}" for name in names)
        return document.problem(place, "has no action", way_out)
    do = value["do"]
    if do in vocabulary.later:
        what = f"the action {do} is {LATER}"
        return document.problem((*place, "do"), what, write_one_of(names))
    what = f"{do!r} is not an action"
    return document.problem((*place, "do"), what, suggest(str(do), names))


def _not_one_of(shown: str, context: Mapping[str, Any]) -> tuple[str, str]:
    # pydantic writes the choices as text only: "'cloud', 'fog' or 'edge'"
    choices = context["expected"].replace(" or ", ", ").replace("'", "").split(", ")
    return f"{shown!r} is not allowed here", suggest(shown, choices)


_EXAMPLES = {
    "apiVersion": "fogbed/v1",
    "name": "NAME",
    "platform": "local",
    "nodes": "[{name: cloud-1, tier: cloud}]",
    "tier": "cloud, fog or edge",
    "user": "USER",
    "key": "~/.ssh/id_ed25519",
    "testbed": "PATH",
    "profile": "PATH",
    "rides": "nyc-sample",
    "replay": "{rate: 5000/s}",
    "workload": "{rides: nyc-sample, replay: {rate: 5000/s}}",
}


def _example(place: Place, models: tuple[type[Spec], ...]) -> str:
    key = str(place[-1])
    if isinstance(place[-1], int):
        return "write one value more"
    if key == "kind":
        return f"write kind: {' or '.join(m.__name__ for m in models)}"
    own = (model.EXAMPLES[key] for model in models if key in model.EXAMPLES)
    return f"write {key}: {next(own, _EXAMPLES.get(key, '...'))}"


# pydantic's kind of error -> what is wrong, the way out; {value} is the text in the file,
# {kind} the kind of value, the others come from pydantic's context.
_WRONG: dict[str, tuple[str, str]] = {
    "int_type": ("{value} is not a whole number", "write one like 2"),
    "int_from_float": ("{value} is not a whole number", "write one like 2"),
    "int_parsing_size": ("{value} is too large", "write a smaller one"),
    "float_type": ("{value} is not a number", "write one like 1.5"),
    "bool_type": ("{value} is neither true nor false", "write true or false"),
    "tuple_type": ("is {kind}, not a list", "write [a, b], or a line with - for each"),
    "model_type": ("is {kind}, not a mapping", "write keys with values, as in {{a: 1}}"),
    "dict_type": ("is {kind}, not a mapping", "write keys with values, as in {{a: 1}}"),
    "greater_than_equal": ("{value} is too small", "write {ge} or more"),
    "greater_than": ("{value} is too small", "write more than {gt:g}"),
    "less_than_equal": ("{value} is too large", "write {le} or less"),
    "less_than": ("{value} is too large", "write less than {lt}"),
    "too_short": ("has {actual_length} values", "write {min_length} at least"),
    "too_long": ("has {actual_length} values", "write {max_length} at most"),
    "string_too_short": ("is empty", "write something"),
}


# pydantic's kind of error -> the texts that would be right without their quotation marks.
_NEVER = re.compile(r"(?!)")
_QUOTED = {
    "int_type": re.compile(r"-?[0-9]+"),
    "float_type": re.compile(r"-?[0-9]+(\.[0-9]+)?"),
    "bool_type": re.compile("true|false"),
}


def _wrong_kind(
    kind: str, value: object, shown: str, context: Mapping[str, Any]
) -> tuple[str, str]:
    """Return what is wrong and the way out for pydantic's plain kinds of error."""
    if kind == "string_type":
        way_out = f'write "{shown}" in quotes' if shown else "write text"
        return f"is {kind_of(value)}, not text", way_out
    if isinstance(value, str) and _QUOTED.get(kind, _NEVER).fullmatch(value):
        return "is text, for it stands in quotes", f"write {value} without them"
    what, way_out = _WRONG.get(kind, ("", ""))
    words = {"value": shown or kind_of(value), "kind": kind_of(value), **context}
    return what.format(**words), way_out.format(**words)
