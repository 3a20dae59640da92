"""The logs of a testbed's pods on one node, and what is asked of the API server for them."""

from __future__ import annotations

from itertools import islice
from types import SimpleNamespace

import pytest

from fogbed.clients.kube_objects import KubeObjects
from fogbed.errors import PlatformError
from fogbed.platforms.kubernetes.logs import read_logs

TESTBED = SimpleNamespace(name="k")


def pod(name: str, host: str) -> dict:
    return {
        "metadata": {"name": name, "namespace": "fogbed-k"},
        "spec": {"nodeName": host, "containers": [{"name": "c"}]},
    }


class Kube:
    def __init__(self, *pods: dict) -> None:
        self._pods = pods
        self.asked: list[tuple] = []

    def list(self, _version, _kind, namespace):
        return [each for each in self._pods if each["metadata"]["namespace"] == namespace]

    def log(self, name, namespace, container, *, lines, follow):
        self.asked.append((name, namespace, container, lines, follow))
        return iter([f"{name} new"] if follow else [f"{name} old"])


def test_a_node_s_pods_are_read_one_after_the_other_under_their_names():
    kube = Kube(pod("jm", "w1"), pod("tm", "w1"), pod("other", "w2"))
    lines = list(read_logs(kube, TESTBED, "w1", lines=7, follow=False))
    assert [(line.source, line.text) for line in lines] == [("jm", "jm old"), ("tm", "tm old")]
    assert kube.asked == [("jm", "fogbed-k", "c", 7, False), ("tm", "fogbed-k", "c", 7, False)]


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
