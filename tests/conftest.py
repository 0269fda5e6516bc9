"""What holds for every test."""

import signal


def pytest_configure() -> None:
    """A shell that runs the tests in the background makes them ignore ctrl-c, and all that they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
