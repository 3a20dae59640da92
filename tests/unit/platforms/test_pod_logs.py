"""The logs of a testbed's pods on one node, and what is asked of the API server for them."""

from __future__ import annotations

from itertools import islice
from types import SimpleNamespace

import pytest

from fogbed.clients.kube_objects import KubeObjects
from fogbed.errors import PlatformError, ServiceError
from fogbed.platforms.kubernetes.logs import read_logs

TESTBED = SimpleNamespace(name="k")


def pod(name: str, host: str) -> dict:
    return {
        "metadata": {"name": name, "namespace": "fogbed-k"},
        "spec": {"nodeName": host, "containers": [{"name": "c"}]},
    }


def restarted(name: str, state: str) -> dict:
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    status = {"name": "c", "restartCount": 3, "state": {state: {}}, "lastState": ended}
    return {**pod(name, "w1"), "status": {"containerStatuses": [status]}}


class Kube:
    def __init__(self, *pods: dict, forgotten: bool = False) -> None:
        self._pods = pods
        self._forgotten = forgotten
        self.asked: list[tuple] = []

    def list(self, _version, _kind, namespace):
        return [each for each in self._pods if each["metadata"]["namespace"] == namespace]

    def log(self, name, namespace, container, *, lines, follow):
        self.asked.append((name, namespace, container, lines, follow))
        return iter([f"{name} new"] if follow else [f"{name} old"])

    def last_words(self, name, namespace, container, lines):
        if self._forgotten:
            raise ServiceError("previous terminated container c not found")
        self.asked.append((name, namespace, container, lines, "previous"))
        return iter([f"{name} last"])


def test_a_node_s_pods_are_read_one_after_the_other_under_their_names():
    kube = Kube(pod("jm", "w1"), pod("tm", "w1"), pod("other", "w2"))
    lines = list(read_logs(kube, TESTBED, "w1", lines=7, follow=False))
    assert [(line.source, line.text) for line in lines] == [("jm", "jm old"), ("tm", "tm old")]
    assert kube.asked == [("jm", "fogbed-k", "c", 7, False), ("tm", "fogbed-k", "c", 7, False)]


ENDED = "tm, which ended with exit code 137 (OOMKilled) and was started again"


def test_of_a_container_that_was_started_again_the_one_before_is_read_first():
    kube = Kube(restarted("tm", "running"), pod("jm", "w1"))
    lines = list(read_logs(kube, TESTBED, "w1", lines=7, follow=False))
    assert [(line.source, line.text) for line in lines] == [
        (ENDED, "tm last"),
        ("tm", "tm old"),
        ("jm", "jm old"),
    ]
    assert kube.asked[0] == ("tm", "fogbed-k", "c", 7, "previous")


def test_a_container_that_waits_for_its_next_start_is_read_once():
    # until then the API server gives the same log for both
    waits = restarted("tm", "waiting")
    lines = list(read_logs(Kube(waits), TESTBED, "w1", lines=7, follow=False))
    assert [(line.source, line.text) for line in lines] == [
        ("tm, which ended with exit code 137 (OOMKilled) and waits for its next start", "tm last")
    ]


def test_a_log_that_has_gone_with_its_container_does_not_hide_the_present_one():
    kube = Kube(restarted("tm", "running"), forgotten=True)
    lines = list(read_logs(kube, TESTBED, "w1", lines=7, follow=False))
    assert [(line.source, line.text) for line in lines] == [
        (ENDED, "(no log: previous terminated container c not found)"),
        ("tm", "tm old"),
    ]


def test_a_restart_without_its_end_is_told_all_the_same():
    odd = restarted("tm", "running")
    odd["status"]["containerStatuses"][0]["lastState"] = {}
    lines = list(islice(read_logs(Kube(odd), TESTBED, "w1", lines=7, follow=True), 2))
    assert [line.source for line in lines] == ["tm, which ended and was started again", "tm"]


def test_who_follows_sees_what_was_said_once_and_then_what_is_new():
    kube = Kube(pod("jm", "w1"))
    lines = list(islice(read_logs(kube, TESTBED, "w1", lines=7, follow=True), 3))
    assert [(line.text, line.is_new) for line in lines] == [
        ("jm old", False),
        ("jm new", True),
        ("its log has ended", True),
    ]
    assert kube.asked[1][3:] == (0, True)


def test_a_node_without_pods_is_told():
    with pytest.raises(PlatformError, match="no pod of testbed k is on that node"):
        list(read_logs(Kube(), TESTBED, "w1", lines=1, follow=False))


@pytest.mark.parametrize(("lines", "asked"), [(0, 0), (5, 5), (None, None)])
def test_no_line_of_the_past_is_asked_for_as_none(monkeypatch, lines, asked):
    queries = []

    class Connection:
        def ask(self, call, *words, about, **options):
            if call is next:
                return next(*words)
            queries.append(dict(options["query_params"]))
            body = SimpleNamespace(stream=lambda **_: iter([b"a\nb"]), close=lambda: None)
            return body if about else None

    objects = KubeObjects.__new__(KubeObjects)
    objects._connection = Connection()
    client = SimpleNamespace(request=None)
    resource = SimpleNamespace(path=lambda **_: "/pods/p")
    monkeypatch.setattr(KubeObjects, "_resource", lambda *_: resource)
    monkeypatch.setattr(KubeObjects, "_dynamic", client)
    assert list(objects.log("p", "n", "c", lines=lines, follow=True)) == ["a", "b"]
    assert queries[0].get("tailLines") == asked
