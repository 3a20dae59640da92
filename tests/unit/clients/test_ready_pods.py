"""Which pods answer for a service, from its EndpointSlices."""

from __future__ import annotations

import pytest

from fogbed.clients.ready_pods import PodPort, port_name, ready_pods
from fogbed.errors import ServiceError


def endpoint(pod, **conditions):
    return {"conditions": conditions, "targetRef": {"kind": "Pod", "name": pod}}


def test_those_that_are_ready_with_the_port_of_that_name():
    one = {
        "ports": [{"name": "rest", "port": 8081}, {"name": "rpc", "port": 6123}],
        "endpoints": [
            endpoint("a", ready=True),
            endpoint("b", ready=False),
            endpoint("c", ready=True, terminating=True),
            endpoint("unknown"),
            {"conditions": {"ready": True}, "targetRef": {"kind": "Node", "name": "n"}},
            {"conditions": {"ready": True}},
        ],
    }
    two = {"ports": [{"name": "rest", "port": 9999}], "endpoints": [endpoint("d", ready=True)]}
    found = ready_pods({"items": [two, one, one, {"ports": None, "endpoints": None}]}, "rest")
    assert found == (PodPort("a", 8081), PodPort("d", 9999), PodPort("unknown", 8081))


def test_a_port_without_a_name():
    service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    assert port_name(service, 80) == ""
    found = {"items": [{"ports": [{"port": 8080}], "endpoints": [endpoint("a", ready=True)]}]}
    assert ready_pods(found, "") == (PodPort("a", 8080),)
    with pytest.raises(ServiceError, match="service s has no port 81") as error:
        port_name(service, 81)
    assert error.value.hint == "its ports: 80"
