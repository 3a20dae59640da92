"""Writes what ran into its bundle, so that it runs again from there and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path

from fogbed.experiment.record.bundle import Bundle
from fogbed.spec import ResolvedExperiment, dump_yaml
from fogbed.spec.experiment import Action
from fogbed.spec.network_profile import LinkRule, NetworkProfile, TraceRef
from fogbed.spec.trace_file import TraceContent

TRACES = "traces"


def write_specs(resolved: ResolvedExperiment, bundle: Bundle) -> None:
    """Write experiment, testbed, profiles and the traces they name, referring to each other."""
    traces = _Traces(bundle.folder)
    experiment = resolved.experiment
    named = {index: f"profile-{index + 1}.yml" for index in resolved.action_profiles}
    scenario = tuple(
        traces.beside(
            action.model_copy(update={"profile": named[index]}) if index in named else action
        )
        for index, action in enumerate(experiment.scenario)
    )
    beside = {"testbed": "testbed.yml", "profile": "profile.yml", "scenario": scenario}
    specs = {
        "experiment.yml": experiment.model_copy(update=beside),
        "testbed.yml": resolved.testbed,
        "profile.yml": traces.of_profile(resolved.profile),
        **{
            named[index]: traces.of_profile(profile)
            for index, profile in resolved.action_profiles.items()
        },
    }
    for name, spec in specs.items():
        (bundle.folder / name).write_text(dump_yaml(spec), encoding="utf-8")


class _Traces:
    """The traces of a run in the folder beside its specs, each content once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[TraceContent, str] = {}

    def of_profile(self, profile: NetworkProfile) -> NetworkProfile:
        return profile.model_copy(update={"links": self._of_links(profile.links)})

    def beside(self, action: Action) -> Action:
        links = dict(action).get("links")
        return action.model_copy(update={"links": self._of_links(links)}) if links else action

    def _of_links(self, links: Sequence[LinkRule]) -> tuple[LinkRule, ...]:
        return tuple(self._of_link(rule) for rule in links)

    def _of_link(self, rule: LinkRule) -> LinkRule:
        if rule.trace is None:
            return rule
        kept = rule.trace.model_copy(update={"file": self._write(rule.trace)})
        return rule.model_copy(update={"trace": kept})

    def _write(self, trace: TraceRef) -> str:
        """Return where a trace stands; what is written first takes the name it had."""
        content = trace.content
        if content not in self._names:
            stem, taken = f"{TRACES}/{Path(trace.file).stem}", set(self._names.values())
            others = (f"{stem}-{number}.csv" for number in count(2))
            name = next(each for each in chain([f"{stem}.csv"], others) if each not in taken)
            self._names[content] = name
            (self._folder / TRACES).mkdir(exist_ok=True)
            (self._folder / name).write_text(content.as_csv(), encoding="utf-8")
        return self._names[content]
