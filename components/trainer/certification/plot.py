"""Plots how well each strategy feeds an accelerator."""

from collections.abc import Sequence
from html import escape

from components.trainer.certification.accelerators import Accelerator
from components.trainer.certification.certify import Fed

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 720, 100, 190, 56, 40
_STYLE = """
svg{--ink:#1b1f24;--fed:#2563eb;--late:#c2410c;--line:#5b6470;--paper:#fff}
@media(prefers-color-scheme:dark){svg{--ink:#e8ebf0;--fed:#6ea8fe;--late:#fb923c;--line:#a9b2be;
--paper:#14171c}}
text{font:12px system-ui,sans-serif;fill:var(--ink)}.head{font-weight:600;font-size:13px}
"""


def draw(accelerator: Accelerator, found: Sequence[Fed]) -> str:
    """A self-contained SVG for light and dark pages: a bar of utilisation for each strategy."""
    room = _WIDTH - _LEFT - _RIGHT
    bottom = _TOP + _ROW * len(found)
    mark = _LEFT + room * accelerator.enough
    bars = "".join(_bar(one, _TOP + _ROW * row, room) for row, one in enumerate(found))
    title = f"Utilisation of {accelerator.name}, {accelerator.images_per_second:,.0f} images/s"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 16}" role="img">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f'<rect width="{_WIDTH}" height="{bottom + 16}" fill="var(--paper)"/>'
        f'<text class="head" x="{_LEFT}" y="22">{escape(title)}</text>{bars}'
        f'<path stroke="var(--line)" stroke-dasharray="3" d="M{mark:.1f} {_TOP - 8}V{bottom}"/>'
        f'<text x="{mark:.1f}" y="{_TOP - 12}" text-anchor="middle">{accelerator.enough:.0%}</text>'
        "</svg>\n"
    )


def _bar(fed: Fed, y: int, room: int) -> str:
    colour = "fed" if fed.enough else "late"
    return (
        f'<text x="{_LEFT - 8}" y="{y + 19}" text-anchor="end">{fed.strategy}</text>'
        f'<rect fill="var(--{colour})" x="{_LEFT}" y="{y + 2}" height="26" '
        f'width="{room * fed.utilisation:.1f}"/>'
        f'<text x="{_LEFT + room + 12}" y="{y + 19}">{fed.utilisation:.1%}, at most '
        f"{fed.images_per_second:,.0f}/s</text>"
    )
