"""node-exporter: the figures of every node of a cluster, temperatures and clocks among them."""

from __future__ import annotations

from typing import Any

from fogbed.plan.cluster import Cluster
from fogbed.plan.services.service import Port

METRICS = Port(name="metrics", number=9100)
MEMORY = 48 * 2**20  # bytes; 15 MB resident

_COLLECTORS = (
    "cpu",
    "cpufreq",
    "diskstats",
    "filesystem",
    "hwmon",
    "loadavg",
    "meminfo",
    "netdev",
    "netstat",
    "stat",
    "thermal_zone",
    "timex",
    "vmstat",
)
_NETSTAT = "Tcp_(OutSegs|RetransSegs)|TcpExt_ListenDrops|Udp_(InDatagrams|OutDatagrams|InErrors)"
_PODS = "lo|veth.*|cali.*|cni.*|flannel.*|docker.*|br-.*|ifb.*"
_DISKS = "btrfs|ext[234]|f2fs|overlay|vfat|xfs|zfs"
_NO_DISKS = "dev|proc|run|sys|var/lib/(containerd|docker|kubelet)/.+"
# The files of the node's /proc that those collectors read: what its programs were started with, in
# the rest of it, is nobody's business.
_PROC = {
    "stat": "/proc/stat",
    "meminfo": "/proc/meminfo",
    "loadavg": "/proc/loadavg",
    "diskstats": "/proc/diskstats",
    "vmstat": "/proc/vmstat",
    "mountinfo": "/proc/1/mountinfo",
}


def pod(cluster: Cluster) -> dict[str, Any]:
    """Return what node-exporter's manifests are rendered with."""
    return {
        "image": cluster.image("node-exporter"),
        "memory": MEMORY,
        "soft_memory": MEMORY * 7 // 8,
        "port": METRICS,
        "proc": _PROC,
        "arguments": _arguments(),
    }


def _arguments() -> list[str]:
    return [
        f"--web.listen-address=:{METRICS.number}",
        "--web.disable-exporter-metrics",
        "--path.procfs=/host/proc",
        "--path.sysfs=/host/sys",
        "--path.rootfs=/host/root",
        "--collector.disable-defaults",
        *(f"--collector.{name}" for name in _COLLECTORS),
        # the kernel would tell of the pod's own interfaces
        "--no-collector.netdev.netlink",
        f"--collector.netdev.device-exclude=^({_PODS})$",
        f"--collector.netstat.fields=^({_NETSTAT})$",
        f"--collector.filesystem.mount-points-exclude=^/({_NO_DISKS})($|/)",
        f"--collector.filesystem.fs-types-include=^({_DISKS})$",
    ]
