"""How series are picked: by the labels that fogbed gives them, with the dashboards' variables."""

from __future__ import annotations

TESTBED = 'testbed="$testbed"'
RUN = f'{TESTBED},run="$run"'


def pushed(metric: str, *more: str) -> str:
    """Return the selector of what a run samples: ``fogbed_<metric>`` of the run that is shown."""
    return f"fogbed_{metric}{{{','.join((RUN, *more))}}}"


def of_operator(metric: str, *more: str) -> str:
    """Return the selector of a run's figure of the operators that are shown."""
    return pushed(metric, 'operator=~"$operator"', *more)


def of_link(metric: str) -> str:
    """Return the selector of a run's figure of the links that begin at the nodes shown."""
    return pushed(metric, 'source=~"$node"')


def scraped(name: str, *more: str) -> str:
    """Return the selector of a series of the testbed's, of whatever target."""
    return f"{name}{{{','.join((TESTBED, *more))}}}"


def of_nodes(name: str, *more: str) -> str:
    """Return the selector of a scraped series of the tiers that are shown."""
    return scraped(name, 'tier=~"$tier"', *more)


def either(name_pattern: str, *more: str) -> str:
    """Return the selector of scraped series whose names fit a regular expression."""
    return of_nodes("", f'__name__=~"{name_pattern}"', *more)


def rate(selector: str) -> str:
    """Return a counter's growth a second, over what a chart's resolution needs."""
    return f"rate({selector}[$__rate_interval])"


def shown(function: str, selector: str) -> str:
    """Return a function over all of the time that is shown."""
    return f"{function}({selector}[$__range])"


def placed(expr: str) -> str:
    """Return an expression whose series without a node, as of a laptop's fabric, get a place."""
    return f'label_replace({expr}, "node", "this computer", "node", "")'
