"""The table of jobs, and how fields of an experiment say that they mean a job or its operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from fogbed.spec.job_description import JobDescription
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.spec.part import Part
from fogbed.spec.wording import suggest

JOBS: dict[str, JobDescription] = {job.name: job for job in (NEAREST_LANDMARK,)}


def job_of(workload: Part) -> JobDescription:
    """Return the job of a workload as far as it could be read; the default where it is unknown."""
    return JOBS.get(workload["job"].text or "", NEAREST_LANDMARK)


def _known(name: str) -> str:
    if name in JOBS:
        return name
    raise ValueError(f"{name!r} is not allowed here; {suggest(name, JOBS)}")


def _operator_names() -> list[str]:
    return list(dict.fromkeys(name for job in JOBS.values() for name in job.operator_names))


@dataclass(frozen=True, slots=True)
class _OneJob:
    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"enum": list(JOBS)}


@dataclass(frozen=True, slots=True)
class _OneOperator:
    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"enum": _operator_names()}


@dataclass(frozen=True, slots=True)
class PerOperator:
    """Marks a mapping as one from operators; ``more`` is said of each value in the JSON Schema.

    Which names a file may use depends on its job: ``checks_experiment.known_operators``.
    """

    more: tuple[tuple[str, Any], ...] = ()

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of a mapping with the operators of every job as its keys."""
        found = handler(schema)
        value = found["additionalProperties"] | dict(self.more)
        named = {"properties": dict.fromkeys(_operator_names(), value)}
        return found | named | {"additionalProperties": False}


JobName = Annotated[str, AfterValidator(_known), _OneJob()]
Operator = Annotated[str, _OneOperator()]
