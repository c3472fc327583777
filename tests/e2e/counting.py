"""What a task costs a person: clicks, and keys beside the words themselves."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page


@dataclass
class Hands:
    """A person's hands on a page, counted. A double click is two; what is typed into a text is not counted,
    for it is the same everywhere."""

    page: Page
    clicks: int = 0
    keys: int = 0

    def click(self, target: Locator) -> None:
        target.click()
        self.clicks += 1

    def double_click(self, target: Locator) -> None:
        target.dblclick()
        self.clicks += 2

    def press(self, keys: str) -> None:
        """One key, or several held together, which are one."""
        self.page.keyboard.press(keys)
        self.keys += 1

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def total(self) -> int:
        """Since the last time that it was asked for."""
        total = self.clicks + self.keys
        self.clicks = self.keys = 0
        return total
