"""Who answers: the testbed's Prometheus, or what a run has kept when that is gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Protocol

from fogbed.clients.prometheus import PrometheusClient
from fogbed.clients.prometheus_values import Window
from fogbed.clients.series import Series, joined
from fogbed.errors import FogbedError, UsageError
from fogbed.experiment.pushing.run_series import PREFIX, RunSeries, metric_name
from fogbed.experiment.querying.when import When
from fogbed.experiment.record.bundle import Bundle
from fogbed.experiment.record.scraped import names_kept, read_scraped
from fogbed.experiment.record.selector import Selector, parse_selector
from fogbed.experiment.record.specs import job_of_run, testbed_of_run
from fogbed.platforms import state, table
from fogbed.platforms.measuring import Sample
from fogbed.spec.testbed import Testbed

# as Prometheus does it by default: a sample counts for so long unless a newer one comes, in seconds
_LOOKBACK_S = 300.0


class Answers(Protocol):
    """Something that has figures; ``place`` says in words for a user where they are from."""

    @property
    def place(self) -> str:
        """Where the figures are from."""

    def query(self, promql: str, when: When) -> list[Series]:
        """Return a query's series.

        Raises:
            UsageError: it cannot be answered here, and why.
            ServiceError: nobody answers.
        """

    def names(self, window: Window) -> Mapping[str, str]:
        """Return the names there are in a window, with what each says of itself."""


class FromPrometheus:
    """The testbed's own, while it runs."""

    def __init__(self, client: PrometheusClient, testbed: str) -> None:
        self._client = client
        self._testbed = testbed
        self.place = f"Prometheus of testbed {testbed}"

    def query(self, promql: str, when: When) -> list[Series]:
        """Return a query's series, at an instant or over a window."""
        if when.window is not None:
            return self._client.query_range(promql, when.window, when.step_s)
        return self._client.query(promql, at=when.at)

    def names(self, window: Window) -> Mapping[str, str]:
        """Return the testbed's metrics with the help that their programs give."""
        selector = f'{{testbed="{self._testbed}"}}'
        meanings = self._client.meanings()
        return {name: meanings.get(name, "") for name in self._client.names(window, selector)}


class FromBundle:
    """What a run has kept: its own samples, and what Prometheus had scraped.

    Only plain selectors are answered, with the samples as they were taken. ``why``: Prometheus
    itself cannot be asked.
    """

    def __init__(self, bundle: Bundle, why: str) -> None:
        self._bundle = bundle
        self._why = why
        self.place = f"the bundle of run {bundle.name}"

    def query(self, promql: str, when: When) -> list[Series]:
        """Return the samples of what is selected; for an instant the latest one before it."""
        selector = parse_selector(promql)
        if selector is None:
            raise UsageError(
                f"only Prometheus can compute {promql!r}, and it cannot be asked: {self._why}",
                hint=f"{self.place} answers a metric with label matchers, as in"
                ' fogbed_rtt_ms{source="fog-1"}; `fogbed metrics export` gives all of it',
            )
        if when.window is not None:
            return self.select(selector, when.window)
        at = when.whole.end
        found = self.select(selector, Window(at - _LOOKBACK_S, at))
        return [Series(each.labels, each.samples[-1:]) for each in found]

    def select(self, selector: Selector, window: Window) -> list[Series]:
        """Return the samples of a window of every series that is selected."""
        own = [each for each in self._own(window, selector) if selector.matches(each.labels)]
        return [*own, *read_scraped(self._bundle.metrics_folder, selector, window)]

    def names(self, window: Window) -> Mapping[str, str]:
        """Return the names of what was scraped; the run's own are known by their table."""
        del window
        return dict.fromkeys(names_kept(self._bundle.metrics_folder), "")

    def _own(self, window: Window, selector: Selector) -> list[Series]:
        name = selector.name
        if name is not None and not name.startswith(PREFIX):
            return []
        frame = self._bundle.samples()
        frame = frame[frame["time"].between(window.start, window.end)]
        if name is not None:
            frame = frame[frame["name"].map(metric_name) == name]
        rows = map(Sample._make, frame.itertuples(index=False, name=None))
        experiment = str(self._bundle.verdict().get("name", self._bundle.name))
        testbed, job = testbed_of_run(self._bundle), job_of_run(self._bundle)
        series = RunSeries(testbed, self._bundle.name, experiment, job)
        # one at a time: two samples of one series are not of one instant here
        return joined(each for row in rows for each in series.of_samples([row]))


@contextmanager
def open_answers(testbed: Testbed, bundle: Bundle | None) -> Iterator[Answers]:
    """Give who answers: the testbed's Prometheus; for a run that it does not know, the bundle.

    Raises:
        UsageError: the testbed is not up, or has no Prometheus, and no run was named.
        PlatformError, ServiceError: it cannot be reached, and no run was named.
    """
    try:
        client = _client(testbed, bundle)
    except FogbedError as error:
        if bundle is None:
            raise
        yield FromBundle(bundle, error.message)
        return
    with client:
        yield FromPrometheus(client, testbed.name)


def all_of_run(bundle: Bundle, window: Window) -> list[Series]:
    """Return everything that a run's bundle has: its own samples, and what was scraped."""
    everything = Selector(())
    return FromBundle(bundle, "").select(everything, window)


def all_of_now(testbed: Testbed, window: Window) -> list[Series]:
    """Return everything that a testbed's Prometheus has of a window, as it was taken.

    Raises:
        UsageError: the testbed is not up, or has no Prometheus.
        PlatformError, ServiceError: it cannot be reached.
    """
    with _client(testbed, None) as client:
        return client.raw(f'{{testbed="{testbed.name}"}}', window)


def _client(testbed: Testbed, bundle: Bundle | None) -> PrometheusClient:
    with ExitStack() as undo:
        client = undo.enter_context(PrometheusClient(_url_of(testbed)))
        place = FromPrometheus(client, testbed.name).place
        # a question costs less than an empty answer that nobody can explain
        if bundle is not None and not client.names(selector=f'{{run="{bundle.name}"}}'):
            raise UsageError(f"{place} knows nothing of run {bundle.name}")
        undo.pop_all()
    return client


def _url_of(testbed: Testbed) -> str:
    if testbed.name not in state.names_up():
        raise UsageError(f"testbed {testbed.name} is not up", hint="`fogbed up` brings it up")
    url = table.open_platform(testbed).endpoints().prometheus
    if url is None:
        raise UsageError(
            f"testbed {testbed.name} has no Prometheus",
            hint="services.prometheus: {enabled: true} in its file, then `fogbed up`",
        )
    return url
