"""Prometheus's HTTP interface, through prometheus-api-client: queries, names, alerts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import requests
from prometheus_api_client import PrometheusConnect
from urllib3.util.retry import Retry

from fogbed.clients.prometheus_values import Alert, Window, parse_result, parts_of, step_for
from fogbed.clients.series import NAME, Series, joined
from fogbed.clients.sessions import HoldsSession
from fogbed.errors import FogbedError, ServiceAwayError, ServiceBusyError, ServiceError, UsageError

T = TypeVar("T")

_TIMEOUT_S = 30
_SAID = 500  # characters


class PrometheusClient(HoldsSession):
    """A Prometheus by its URL (``http://127.0.0.1:9090``).

    Every method raises ServiceAwayError where nobody listens, ServiceBusyError where no answer
    comes within ``timeout_s`` seconds, ServiceError where something else than Prometheus answers.
    """

    def __init__(self, url: str, *, timeout_s: int = _TIMEOUT_S) -> None:
        super().__init__()
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._session.hooks["response"].append(_judge)
        # whoever asks decides whether to ask again
        never = Retry(0, read=False)
        self._connect = PrometheusConnect(
            self.url, retry=never, session=self._session, timeout=timeout_s
        )

    def query(self, promql: str, *, at: float | None = None) -> list[Series]:
        """Return a query's series at one instant (epoch seconds), now where None.

        Raises:
            UsageError: the query cannot be answered; the error has Prometheus's own sentence.
        """
        params = {} if at is None else {"time": f"{at:.3f}"}
        return parse_result(self._ask(lambda: self._connect.custom_query(promql, params)))

    def query_range(self, promql: str, window: Window, step_s: float | None = None) -> list[Series]:
        """Return a query's series every ``step_s`` seconds of a window, in as many requests as due.

        Without a step one is chosen that suits the window.

        Raises:
            UsageError: the query cannot be answered; the error has Prometheus's own sentence. Or
                the window has too many points.
        """
        step_s = step_for(window) if step_s is None else step_s
        parts = [self._part(promql, part, step_s) for part in parts_of(window, step_s)]
        return joined(series for part in parts for series in part)

    def raw(self, selector: str, window: Window) -> list[Series]:
        """Return the samples of a window as they were taken, at their own times: gaps are gaps.

        Raises:
            UsageError: it is not a selector.
        """
        # a range takes what is later than its beginning, or what is at it, by the version
        length_ms = round(window.length_s * 1000) + 1
        found = self.query(f"{selector}[{length_ms}ms]", at=window.end)
        kept = (
            Series(each.labels, tuple(s for s in each.samples if _is_in(window, s[0])))
            for each in found
        )
        return [each for each in kept if each.samples]

    def names(self, window: Window | None = None, selector: str = "") -> list[str]:
        """Return the names of the metrics there are in a window, of all that is kept where None."""
        params: dict[str, str] = {"match[]": selector} if selector else {}
        if window is not None:
            params |= {"start": f"{window.start:.3f}", "end": f"{window.end:.3f}"}
        return sorted(self._ask(lambda: self._connect.get_label_values(NAME, params)))

    def meanings(self) -> dict[str, str]:
        """Return what the metrics that are scraped say of themselves, by name."""
        answer = self._get("/api/v1/metadata")
        return {name: entries[0].get("help", "") for name, entries in answer.items() if entries}

    def alerts(self) -> list[Alert]:
        """Return the alerts that are due now, by name."""
        found = [_alert(each) for each in self._get("/api/v1/alerts")["alerts"]]
        return sorted(found, key=lambda alert: (alert.name, sorted(alert.labels.items())))

    def _part(self, promql: str, part: Window, step_s: float) -> list[Series]:
        # the library rounds times to seconds: what is in params has the last word
        exact = {"start": f"{part.start:.3f}", "end": f"{part.end:.3f}"}
        start, end = (datetime.fromtimestamp(each, UTC) for each in (part.start, part.end))
        return parse_result(
            self._ask(
                lambda: self._connect.custom_query_range(promql, start, end, f"{step_s:g}", exact)
            )
        )

    def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON of any shape
        url = self.url + path
        return self._ask(lambda: self._session.get(url, timeout=self._timeout_s).json()["data"])

    def _ask(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except FogbedError:
            raise
        except requests.RequestException as error:
            kind = ServiceBusyError if isinstance(error, requests.Timeout) else ServiceAwayError
            raise kind(
                f"{self.url}: no answer from Prometheus",
                hint="`fogbed status` shows whether it runs",
                details=str(error)[:_SAID],
            ) from error


def _is_in(window: Window, time: float) -> bool:
    return window.start <= time <= window.end


def _judge(answer: requests.Response, **_: object) -> None:
    """Raise what Prometheus says went wrong, before the library makes a number of it."""
    try:
        body = answer.json()
        status = body["status"]
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError(
            f"{answer.url.partition('?')[0]} was answered with {answer.status_code}, and not by"
            " Prometheus",
            details=answer.text[:_SAID],
        ) from error
    if status == "success":
        return
    sentence = str(body.get("error", "it does not say why"))[:_SAID]
    if body.get("errorType") in ("bad_data", "execution"):
        raise UsageError(
            f"Prometheus cannot answer this query: {sentence}",
            hint="`fogbed metrics list` has the names there are",
        )
    raise ServiceBusyError(f"Prometheus gave no answer: {sentence}")


def _alert(row: dict[str, Any]) -> Alert:
    labels = dict(row["labels"])
    notes = row.get("annotations", {})
    since = row.get("activeAt")
    return Alert(
        name=labels.pop("alertname", ""),
        state=row["state"],
        labels=labels,
        text=notes.get("summary") or notes.get("description") or "",
        since=None if since is None else datetime.fromisoformat(since).timestamp(),
    )
