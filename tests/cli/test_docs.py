"""What docs/cli.md shows is what there is to see."""

from difflib import unified_diff

from tests.cli.captured import answers, shown, stable
from tests.server.harness import Server


def test_the_page_shows_what_a_terminal_shows(server: Server) -> None:
    page = shown()
    assert len(page) > 15
    commands = [each.command for each in page]
    for each, answer in zip(page, answers(server.target, commands), strict=True):
        on_page, now = (stable(text).splitlines() for text in (each.answer, answer))
        assert "\n".join(unified_diff(on_page, now, "page", "now")) == "", each.command
