"""Rules for every test: nothing leaves the machine, and in CI a skipped test is a failed one."""

import os
import socket

import pytest

LOOPBACK = ("127.", "::1", "localhost")
IN_CI = os.environ.get("CI") == "true"


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch):
    """A test that reaches for another machine fails instead of passing only where there is one."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(LOOPBACK):
            raise AssertionError(f"a test reached for {address[0]}; tests stay on loopback")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _not_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    """With CI=true whatever a test needs has to be there."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} would be skipped: {reason}. In CI that is a failure."


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    _not_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    _not_in_ci(report)
    return report
