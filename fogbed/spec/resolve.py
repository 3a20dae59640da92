"""An experiment with everything it refers to, and what must fit together between the files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from fogbed import paths
from fogbed.errors import Problem, SpecError, UsageError
from fogbed.spec.base import Spec
from fogbed.spec.checks_emulation import EMULATION_CHECKS, OWN
from fogbed.spec.checks_joint import JOINT_CHECKS
from fogbed.spec.checks_network import check_ends
from fogbed.spec.document import Document, read_document
from fogbed.spec.experiment import Experiment
from fogbed.spec.load import Reading, read_experiment, read_profile, read_testbed
from fogbed.spec.network_profile import NetworkProfile
from fogbed.spec.part import Part
from fogbed.spec.testbed import Testbed
from fogbed.spec.trace_file import TraceContent
from fogbed.spec.traces import read_traces, with_traces
from fogbed.spec.vocabulary import Vocabulary
from fogbed.spec.wording import did_you_mean

S = TypeVar("S", bound=Spec)
# Folders of what is shipped.
_TESTBEDS = "inventory"
_PROFILES = "experiments/profiles"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedExperiment:
    """An experiment, its testbed and profile, and the files they came from.

    ``action_profiles`` holds the profile of each network action that names one, by the action's
    index in the scenario. Rides and landmarks that are paths are absolute.
    """

    experiment: Experiment
    testbed: Testbed
    profile: NetworkProfile
    path: Path
    testbed_path: Path
    profile_path: Path
    action_profiles: Mapping[int, NetworkProfile] = field(default_factory=dict)


def resolve_experiment(
    path: Path,
    vocabulary: Vocabulary,
    *,
    testbed: Path | None = None,
    profile: Path | None = None,
) -> ResolvedExperiment:
    """Read an experiment and what it refers to; ``testbed`` and ``profile`` win over the file's.

    References are relative to the experiment's file, and those given here to the folder one is in;
    where nothing is there, the shipped inventory and profiles are looked at. ``vocabulary``: the
    actions and assertions there are.

    Raises:
        SpecError: every problem of every file.
    """
    return resolve_document(read_document(path), path, vocabulary, testbed=testbed, profile=profile)


def resolve_document(
    document: Document,
    path: Path,
    vocabulary: Vocabulary,
    *,
    testbed: Path | None = None,
    profile: Path | None = None,
) -> ResolvedExperiment:
    """As ``resolve_experiment``, of a file that has been read."""
    reading = read_experiment(document, vocabulary)
    files = _Files(path, list(reading.problems))
    root = reading.root
    testbed_path = _given(testbed, _TESTBEDS) or files.find(root["testbed"], _TESTBEDS)
    profile_path = _given(profile, _PROFILES) or files.find(root["profile"], _PROFILES)
    read_bed = files.read(testbed_path, read_testbed)
    profiles = {OWN: files.read(profile_path, read_profile)}
    for index, action in enumerate(root["scenario"].items()):
        if action["profile"].text is not None:
            found = files.find(action["profile"], _PROFILES)
            profiles[index] = files.read(found, read_profile)
    traces = {
        index: files.read_traces(action["links"])
        for index, action in enumerate(root["scenario"].items())
    }
    rides = {key: files.find_data(root["workload"][key]) for key in ("rides", "landmarks")}
    if read_bed is not None and read_bed.view is not None:
        for check in (*JOINT_CHECKS, *vocabulary.joint_checks):
            files.problems.extend(check(root, read_bed.view))
        parts = {index: each.root for index, each in profiles.items() if each is not None}
        for each in parts.values():
            files.problems.extend(check_ends(each["links"], read_bed.view))
        for emulated in EMULATION_CHECKS:
            files.problems.extend(emulated(root, parts, read_bed.view))
    if files.problems:
        raise SpecError(list(dict.fromkeys(files.problems)))
    resolved = _resolved(reading, read_bed, profiles, (path, testbed_path, profile_path), rides)
    return replace(resolved, experiment=_holding(resolved.experiment, traces))


def _holding(
    experiment: Experiment, traces: Mapping[int, Mapping[int, TraceContent]]
) -> Experiment:
    """Return the experiment with what the traces of its actions' links hold."""
    scenario = tuple(
        action.model_copy(update={"links": with_traces(dict(action)["links"], contents)})
        if (contents := traces[index])
        else action
        for index, action in enumerate(experiment.scenario)
    )
    return experiment.model_copy(update={"scenario": scenario})


def _resolved(
    reading: Reading[Experiment],
    testbed: Reading[Testbed] | None,
    profiles: Mapping[int, Reading[NetworkProfile] | None],
    files: tuple[Path, Path | None, Path | None],
    data: Mapping[str, str],
) -> ResolvedExperiment:
    models = {i: each.model for i, each in profiles.items() if each is not None and each.model}
    path, testbed_path, profile_path = files
    experiment, bed = reading.model, testbed.model if testbed else None
    if experiment is None or bed is None or testbed_path is None or profile_path is None:
        raise AssertionError(f"{path} was read without problems and without a model")
    workload = experiment.workload.model_copy(update=dict(data))
    return ResolvedExperiment(
        experiment=experiment.model_copy(update={"workload": workload}),
        testbed=bed,
        profile=models.pop(OWN),
        path=path,
        testbed_path=testbed_path,
        profile_path=profile_path,
        action_profiles=models,
    )


def _given(path: Path | None, room: str) -> Path | None:
    """Return the file that was given in the place of the experiment's, or the shipped one meant."""
    if path is None or path.is_file():
        return path
    return _shipped(str(path), room) or path


def data_path(reference: str, experiment: Path) -> Path | None:
    """Return where an experiment says its rides or landmarks are; None if it gives their name."""
    if os.sep not in reference and not reference.startswith(("~", ".")):
        return None
    return Path(os.path.normpath(experiment.parent / Path(reference).expanduser()))


@dataclass(slots=True)
class _Files:
    """Finds and reads what an experiment refers to, and collects what is wrong on the way."""

    experiment: Path
    problems: list[Problem]

    def find(self, reference: Part, room: str) -> Path | None:
        """Return the file that a reference means; None, with a problem, if there is none."""
        if not reference.text:
            return None
        text = reference.text
        own = Path(os.path.normpath(self.experiment.parent / Path(text).expanduser()))
        if own.is_file():
            return own
        shipped = _shipped(text, room)
        if shipped is not None:
            return shipped
        way_out = did_you_mean(own.name, _names(own.parent, room)) or "paths start at this file"
        self.problems.append(reference.problem(f"there is no file {own}", way_out))
        return None

    def find_data(self, reference: Part) -> str:
        """Return a dataset's name as it is, a path made absolute; a missing one is a problem."""
        own = data_path(reference.text or "nyc-famous", self.experiment)
        if own is None:
            return reference.text or "nyc-famous"
        if not own.exists():
            way_out = "paths start at this file; a name is looked up among the datasets"
            self.problems.append(reference.problem(f"there is no file or folder {own}", way_out))
        return str(own.absolute())

    def read_traces(self, links: Part) -> Mapping[int, TraceContent]:
        """Read the traces of an action's links; what is wrong with them is collected."""
        contents, problems = read_traces(links, self.experiment.parent)
        self.problems.extend(problems)
        return contents

    def read(self, path: Path | None, read: Callable[[Document], Reading[S]]) -> Reading[S] | None:
        """Read a file as far as it goes; its problems are collected."""
        if path is None:
            return None
        try:
            reading = read(read_document(path))
        except SpecError as error:
            self.problems.extend(error.problems)
            return None
        self.problems.extend(reading.problems)
        return reading


def _shipped(text: str, room: str) -> Path | None:
    """Return the shipped file for ``laptop``, ``laptop.yml`` or ``../inventory/laptop.yml``."""
    parts = [part for part in Path(text).parts if part not in ("..", ".")]
    if not parts or not f"/{room}".endswith("/".join(["", *parts[:-1]])):
        return None
    name = parts[-1] if parts[-1].endswith((".yml", ".yaml")) else f"{parts[-1]}.yml"
    try:
        return paths.asset(room, name)
    except UsageError:
        return None


def _names(folder: Path, room: str) -> list[str]:
    folders = [folder]
    with contextlib.suppress(UsageError):
        folders.append(paths.asset(room))
    return [f.name for each in folders if each.is_dir() for f in each.glob("*.y*ml")]
