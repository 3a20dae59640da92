"""What is known of nodes, from node-exporter on clusters and from the keeper on a laptop.

What both know is one query of both, so that the same charts serve every platform.
"""

from __future__ import annotations

from boards.selectors import of_nodes, rate, scraped

_BY_NODE = "node, tier"
NODE = "{{node}} ({{tier}})"
COMPONENT = "{{component}} on {{node}} ({{tier}})"
PROCESS = "{{process}} on {{node}} ({{tier}})"


def cpu(by: str = _BY_NODE, *more: str) -> str:
    """Return the cores that are at work: of the whole machine, or of a laptop node's processes."""
    machine = rate(of_nodes("node_cpu_seconds_total", 'mode!~"idle|iowait"', *more))
    keeper = rate(of_nodes("fogbed_node_cpu_seconds_total", *more))
    return f"sum by ({by}) ({machine}) or sum by ({by}) ({keeper})"


def memory(by: str = _BY_NODE, *more: str) -> str:
    """Return the bytes that are in use: of the whole machine, or by a laptop node's processes."""
    there = of_nodes("node_memory_MemTotal_bytes", *more)
    free = of_nodes("node_memory_MemAvailable_bytes", *more)
    keeper = of_nodes("fogbed_node_memory_bytes", *more)
    return f"sum by ({by}) ({there} - {free}) or sum by ({by}) ({keeper})"


def up() -> str:
    """Return 1 for each node all of whose targets answer, 0 for the others."""
    answers = of_nodes("up", 'node!=""')
    return f"min by ({_BY_NODE}) ({answers})"


def silent() -> str:
    """Return how many targets do not answer."""
    return f"count({scraped('up')} == 0) or 0 * count({scraped('up')})"


# -- clusters: what manifests/prometheus/rules/recording.yml makes, and node-exporter -------------


def recorded(name: str, by: str = _BY_NODE) -> str:
    """Return a figure that Prometheus keeps of each node, or component of one.

    cAdvisor is asked less often than Flink: over what a chart's resolution needs it has no rate.
    """
    return f"max by ({by}) ({of_nodes(name)})"


def disk_traffic(way: str) -> str:
    """Return the bytes per second that a node has ``read`` or ``written``."""
    return f"sum by ({_BY_NODE}) ({rate(of_nodes(f'node_disk_{way}_bytes_total'))})"


def load() -> str:
    """Return how many programs run or want to, over five minutes."""
    return f"max by ({_BY_NODE}) ({of_nodes('node_load5')})"


CPU_SHARE = recorded("node:cpu_used:ratio")
MEMORY_SHARE = recorded("node:memory_used:ratio")
DISK_SHARE = recorded("node:disk_used:ratio")
RECEIVED = recorded("node:network_received_bits_per_second:rate")
SENT = recorded("node:network_sent_bits_per_second:rate")
PODS_CPU = recorded("component:cpu_used_cores:rate", f"component, {_BY_NODE}")
PODS_MEMORY = recorded("component:memory_bytes:sum", f"component, {_BY_NODE}")
TEMPERATURE = recorded("node:temperature_celsius:max")


# -- machines with sensors, as Raspberry Pis -----------------------------------------------------


def throttled() -> str:
    """Return 1 for a node whose heat has its processor slowed down, 0 for others."""
    cooling = of_nodes("node_cooling_device_cur_state", 'type=~"Processor|.*cpufreq.*"')
    zone = of_nodes("node_thermal_zone_temp", 'type="cpu-thermal"')
    return f"max by ({_BY_NODE}) ({cooling} > bool 0 or {zone} >= bool 80)"


def under_voltage() -> str:
    """Return 1 for a node whose power supply gives too little, 0 for others."""
    return f"max by ({_BY_NODE}) ({of_nodes('node_hwmon_in_lcrit_alarm_volts')})"


# -- the laptop: the keeper ----------------------------------------------------------------------


def processes_cpu() -> str:
    """Return the cores of each process of a node."""
    used = rate(of_nodes("fogbed_process_cpu_seconds_total", 'node!=""'))
    return f"sum by (process, {_BY_NODE}) ({used})"


def processes_memory() -> str:
    """Return the resident bytes of each process of a node."""
    used = of_nodes("fogbed_process_resident_memory_bytes", 'node!=""')
    return f"sum by (process, {_BY_NODE}) ({used})"


def links_traffic(end: str) -> str:
    """Return the bits per second over emulated links, by their ``source`` or ``target``."""
    return f"8 * sum by ({end}) ({rate(scraped('fogbed_link_bytes_total'))})"
