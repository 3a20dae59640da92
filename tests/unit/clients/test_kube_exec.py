"""What is started for a program in a pod, and what its end means."""

from __future__ import annotations

from pathlib import Path

import pytest

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_exec import exit_code, main, pod_channel
from fogbed.errors import ServiceError


def test_a_channel_needs_no_kubectl_and_names_all_it_needs():
    access = KubeAccess(kubeconfig=Path("/etc/k.conf"), context="here")
    channel = pod_channel("edge-1", access, "ns", "agent-x")
    assert (channel.node, channel.is_shell) == ("edge-1", False)
    assert channel.argv(["ls", "-l"])[1:] == [
        *("-P", "-m", "fogbed.clients.kube_exec", "--kubeconfig", "/etc/k.conf"),
        *("--context", "here", "-n", "ns", "agent-x", "--", "ls", "-l"),
    ]


def test_the_exit_code_is_the_programs():
    ended = {"status": "Failure", "reason": "NonZeroExitCode", "message": "exit status 7"}
    causes = {"details": {"causes": [{"reason": "ExitCode", "message": "7"}]}}
    assert exit_code({"status": "Success"}) == 0
    assert exit_code({**ended, **causes}) == 7
    with pytest.raises(ServiceError, match="no such file"):
        exit_code({"status": "Failure", "reason": "InternalError", "message": "no such file"})
    with pytest.raises(ServiceError, match="did not start"):
        exit_code({})


def test_a_program_has_to_be_named(capsys):
    with pytest.raises(SystemExit):
        main(["--kubeconfig", "k", "-n", "ns", "pod", "--"])
    assert "which program? Name it after --" in capsys.readouterr().err
