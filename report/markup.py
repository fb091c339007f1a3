"""Parts of a page that every section is made of."""

from html import escape


class Safe(str):
    """Text that is HTML already."""

    __slots__ = ()


def html(cell):
    """A cell's text, escaped unless it is `Safe`."""
    return cell if isinstance(cell, Safe) else escape(str(cell))


def section(name, title, body):
    """A landmark of the page, to which the navigation leads; "" without a body."""
    if not body:
        return ""
    return (
        f"<section id={name} aria-labelledby=h-{name}><h2 id=h-{name}>{title}</h2>{body}</section>"
    )


def table(caption, head, rows, kind=""):
    """A table whose first column names the row; it scrolls by itself where it is too wide.

    Args:
      caption: what it shows, as text.
      head: names of the columns.
      rows: lists of cells; numbers stand to the right.
      kind: a class of the style.
    """
    columns = "".join(f"<th scope=col>{html(name)}</th>" for name in head)
    body = "".join(
        f"<tr><th scope=row>{html(row[0])}</th>{''.join(map(_cell, row[1:]))}</tr>" for row in rows
    )
    return (
        f'<div class=wide tabindex=0 role=group aria-label="{escape(caption)}">'
        f'<table class="{kind}">'
        f"<caption>{escape(caption)}</caption><thead><tr>{columns}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(cell):
    if isinstance(cell, Safe) and cell.startswith("<td"):
        return cell
    number = isinstance(cell, int | float)
    text = f"{cell:,}" if isinstance(cell, int) else (f"{cell:.4g}" if number else html(cell))
    return f"<td class=number>{text}</td>" if number else f"<td>{text}</td>"


def side(*parts):
    """Parts beside each other where there is room, and below each other where there is not."""
    return f"<div class=side>{''.join(parts)}</div>"


def details(summary, body):
    """What is there for whoever wants to know it all; closed at first."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def bar(value, most, tone="one"):
    """A cell with a horizontal bar beside its number, both of `value` of 0..most."""
    share = 100 * max(0.0, min(1.0, value / (most or 1)))
    text = f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
    return Safe(
        '<td class=bar><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class=track width="100" height="8"/><rect class={tone} width="{share:.1f}" '
        f'height="8"/></svg><span class=number>{text}</span></td>'
    )


def mark(held):
    """Held or not, in a word and a colour."""
    return Safe(
        f'<span class="mark {"good" if held else "bad"}">{"held" if held else "missed"}</span>'
    )


def badge(word, tone):
    return Safe(f'<span class="mark {tone}">{escape(word)}</span>')


def cards(facts):
    """The key figures: [(name, value, note)]."""
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(note)}</small></dd></div>"
        for name, value, note in facts
    )
    return f"<dl class=cards>{items}</dl>" if items else ""


def items(texts):
    """A list of sentences; "" where there are none."""
    lines = "".join(f"<li>{html(text)}</li>" for text in texts)
    return f"<ul>{lines}</ul>" if lines else ""
