"""The benchmark's job without its search is a jar of its own; the product's has no trace of it."""

from __future__ import annotations

import shutil
import zipfile

import pytest

from benchmarks.identity_job import build_identity_job
from fogbed.clients import process
from fogbed.errors import JobError
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK
from fogbed.stream_job.flink import build


def entries(jar):
    with zipfile.ZipFile(jar) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    if shutil.which("javac") is None or shutil.which("java") is None:
        # building alone needs one, and `make test` says how many tests were skipped for it
        pytest.skip("needs a JDK 17")
    return build_identity_job(tmp_path_factory.mktemp("identity"))


def test_it_is_the_products_jar_and_one_class_more(identity):
    product, whole = entries(build.jar_path()), entries(build.jar_path(identity))
    assert product.items() <= whole.items()
    assert {name.partition("$")[0].partition(".")[0] for name in whole.keys() - product.keys()} == {
        "fogbed/IdentityJob"
    }


def test_it_is_asked_for_as_the_product_is(identity):
    assert identity.operators == NEAREST_LANDMARK.operators
    class_path = ":".join(map(str, [build.jar_path(identity), *build.flink_jars()]))
    done = process.run(["java", "-cp", class_path, identity.entry_class], timeout_s=60)
    assert "No data for required key 'rides'" in done.stderr


def test_the_product_has_no_trace_of_it():
    found = [name for name, content in entries(build.jar_path()).items() if b"dentity" in content]
    assert not found


def test_without_a_jdk_the_benchmark_can_say_why(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JobError, match="needs a JDK"):
        build_identity_job(tmp_path)
