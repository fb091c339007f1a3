"""docs/configuration.md says of every key what the code says."""

from pathlib import Path

from settings.reference import reference

PAGE = Path("docs/configuration.md")


def test_the_page_of_all_keys_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        f"renew it: .venv/bin/python -m settings.reference > {PAGE}"
    )


def test_every_key_says_what_it_means():
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [row for row in rows if row.endswith("|  |")] == []
