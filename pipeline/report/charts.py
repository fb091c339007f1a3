"""Charts as inline SVG, and tables; every one says in words what it shows."""

from html import escape


def lines(title, series, width=560, height=200):
    """A line chart of {name: [values]}, one point an epoch."""
    points = [value for values in series.values() for value in values if value is not None]
    if not points:
        return ""
    low, high = min(points), max(points)
    span = (high - low) or 1.0
    drawn = []
    for number, values in enumerate(series.values()):
        step = (width - 60) / max(len(values) - 1, 1)
        at = [
            f"{45 + i * step:.1f},{height - 25 - (v - low) / span * (height - 45):.1f}"
            for i, v in enumerate(values)
            if v is not None
        ]
        drawn.append(f'<polyline class="line{number % 2}" points="{" ".join(at)}"/>')
    told = "; ".join(f"{name} from {v[0]:.4g} to {v[-1]:.4g}" for name, v in series.items() if v)
    keys = " · ".join(
        f'<span class="key{n % 2}">{"━" if n % 2 == 0 else "┅"} {escape(name)}</span>'
        for n, name in enumerate(series)
    )
    return (
        f"<figure><figcaption>{escape(title)}: {keys}</figcaption>"
        f'<svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(title)}: {escape(told)}">'
        f'<path class="axis" d="M45 10V{height - 25}H{width - 10}"/>'
        f'<text x="40" y="22" text-anchor="end">{high:.2g}</text>'
        f'<text x="40" y="{height - 25}" text-anchor="end">{low:.2g}</text>'
        f'<text x="{width - 10}" y="{height - 6}" text-anchor="end">epochs</text>'
        f"{''.join(drawn)}</svg></figure>"
    )


def bars(title, counts):
    """Horizontal bars of {name: number}, 30 at most."""
    shown = list(counts.items())[:30]
    most = max((value for _, value in shown), default=1) or 1
    rows = [
        f"<tr><th scope=row>{escape(str(name))}</th><td class=bar>"
        f'<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * value / most:.1f}" height="8"/></svg></td>'
        f"<td class=number>{value:,}</td></tr>"
        for name, value in shown
    ]
    head = "<tr><th scope=col>class</th><th scope=col>share</th><th scope=col>examples</th></tr>"
    return f"<table><caption>{escape(title)}</caption>{head}{''.join(rows)}</table>"


def table(title, head, rows):
    """A table whose first column names the row."""
    columns = "".join(f"<th scope=col>{escape(str(name))}</th>" for name in head)
    body = "".join(
        f"<tr><th scope=row>{escape(str(row[0]))}</th>"
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class=wide tabindex=0 role=region aria-label="{escape(title)}"><table>'
        f"<caption>{escape(title)}</caption><tr>{columns}</tr>{body}</table></div>"
    )
