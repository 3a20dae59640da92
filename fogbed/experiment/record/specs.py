"""The specs that a bundle holds, as models."""

from __future__ import annotations

from fogbed.experiment.record.bundle import Bundle
from fogbed.spec import load_testbed
from fogbed.spec.document import read_document
from fogbed.spec.job_description import JobDescription
from fogbed.spec.jobs import job_of
from fogbed.spec.part import Part
from fogbed.spec.testbed import Testbed


def job_of_run(bundle: Bundle) -> JobDescription:
    """Return what is known of the job that ran."""
    document = read_document(bundle.experiment_file)
    return job_of(Part(document, (), document.tree)["workload"])


def testbed_of_run(bundle: Bundle) -> Testbed:
    """Return the testbed of a run, as it was.

    Raises:
        SpecError, UsageError: its spec is not in the bundle, or wrong.
    """
    return load_testbed(bundle.folder / "testbed.yml")
