"""Fixtures of a notebook without one."""

from notebooks import browser, kernel, multi, open_page, single  # noqa: F401  fixtures
