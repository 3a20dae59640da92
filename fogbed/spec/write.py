"""Writing specs: as YAML with every default written out, and as JSON Schema for editors."""

from __future__ import annotations

import io
from typing import Any

from pydantic import TypeAdapter
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from fogbed.errors import UsageError
from fogbed.spec.base import Spec
from fogbed.spec.network_profile import NetworkProfile
from fogbed.spec.testbed import Testbed
from fogbed.spec.vocabulary import Vocabulary
from fogbed.spec.wording import suggest

_UNICODE_BREAKS = frozenset("\x85\u2028\u2029")


def dump_yaml(model: Spec) -> str:
    """Return a spec as YAML: defaults written out, quantities as users write them.

    Loading the text gives an equal model; ranges stay expanded, and what is None is left out.
    """
    yaml = YAML()
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    written = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    yaml.dump(_with_breaks_escaped(written), text)
    return text.getvalue()


def _with_breaks_escaped(value: Any) -> Any:  # noqa: ANN401 - whatever YAML can hold
    # ruamel writes Unicode's line breaks as they stand and folds the line there, which adds blanks
    if isinstance(value, dict):
        return {
            _with_breaks_escaped(key): _with_breaks_escaped(each) for key, each in value.items()
        }
    if isinstance(value, list):
        return [_with_breaks_escaped(each) for each in value]
    is_broken = isinstance(value, str) and not _UNICODE_BREAKS.isdisjoint(value)
    return DoubleQuotedScalarString(value) if is_broken else value


def json_schema(kind: str, vocabulary: Vocabulary) -> dict[str, Any]:
    """Return the JSON Schema of a kind ("testbed", "networkprofile", "experiment").

    Quantities are text with a pattern and an example, defaults are spelled as users write them.

    Raises:
        UsageError: there is no such kind.
    """
    models: dict[str, type[Spec]] = {
        "testbed": Testbed,
        "networkprofile": NetworkProfile,
        "experiment": vocabulary.experiment,
    }
    if kind.lower() not in models:
        raise UsageError(f"there is no kind {kind}", hint=suggest(kind, models))
    model = models[kind.lower()]
    schema = model.model_json_schema(by_alias=True)
    specs = {each.__name__: each for each in _all_specs(Spec)}
    for name, part in (*schema["$defs"].items(), (model.__name__, schema)):
        if name in specs:
            _spell_defaults(specs[name], part["properties"])
    plain: dict[str, Any] = _without_null(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **plain}


def _all_specs(base: type[Spec]) -> list[type[Spec]]:
    return [each for sub in base.__subclasses__() for each in (sub, *_all_specs(sub))]


def _spell_defaults(model: type[Spec], properties: dict[str, Any]) -> None:
    """Write defaults as text with units where pydantic writes bare numbers."""
    for name, field in model.model_fields.items():
        key = properties[field.alias or name]
        if key.get("default") is None:
            key.pop("default", None)
            continue
        adapter: TypeAdapter[Any] = TypeAdapter(model)
        spelled = adapter.dump_python(
            model.model_construct(), mode="json", by_alias=True, exclude_none=True, warnings=False
        )
        key["default"] = spelled[field.alias or name]


def _without_null(schema: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Remove "or null": a key without a value is refused, it is left out instead."""
    if isinstance(schema, list):
        return [_without_null(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _without_null(value) for key, value in schema.items()}
    if "anyOf" not in plain:
        return plain
    choices = [each for each in plain.pop("anyOf") if each != {"type": "null"}]
    return {**choices[0], **plain} if len(choices) == 1 else {**plain, "anyOf": choices}
