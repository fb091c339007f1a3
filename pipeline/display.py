"""What a person sees during a run, and the table at its end."""

import logging

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

PROGRESS_LOGGER = "steadyfeed.progress"
_COLOURS = {"ran": "green", "cached": "cyan", "failed": "red"}


class Display(logging.Handler):
    """An observer of the run, and the handler of the components' progress.

    It prints a line for each finished component, and messages of a running one that `stays` is
    set for. On a terminal, one more line moves while a component runs.
    """

    def __init__(self, screen):
        super().__init__()
        width = None if screen.isatty() else 120  # Wide enough for the table in a CI log.
        self._console = Console(file=screen, highlight=False, width=width)
        self.outcomes = []
        self._task = None
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            # Rich would print the libraries' output above the bar; it belongs in the log.
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not self._console.is_terminal,
        )

    def __enter__(self):
        logging.getLogger(PROGRESS_LOGGER).addHandler(self)
        self._bar.start()
        return self

    def __exit__(self, *_):
        self._bar.stop()
        logging.getLogger(PROGRESS_LOGGER).removeHandler(self)

    def started(self, component):
        self._replace_task(component)

    def emit(self, record):
        if getattr(record, "stays", False):
            self.say(f"    {record.getMessage()}")
        elif self._task is not None:
            completed = getattr(record, "completed", None)
            self._bar.update(
                self._task,
                total=None if completed is None else 1.0,
                completed=completed or 0.0,
                note=record.getMessage(),
            )

    def finished(self, outcome):
        self._replace_task(None)
        self.outcomes.append(outcome)
        colour = _COLOURS[outcome.status]
        self._console.print(
            f"  {outcome.component:<18} [{colour}]{outcome.status:<6}[/] {outcome.seconds:6.1f} s"
        )

    def say(self, line, style=None):
        self._console.print(escape(line), style=style, soft_wrap=True)

    def print_table(self, title):
        table = Table(title=title, title_justify="left")
        for name in ("component", "result", "seconds", "made"):
            table.add_column(name, justify="right" if name == "seconds" else "left")
        for outcome in self.outcomes:
            colour = _COLOURS[outcome.status]
            table.add_row(
                outcome.component,
                f"[{colour}]{outcome.status}[/]",
                f"{outcome.seconds:.1f}",
                escape(outcome.made.splitlines()[0] if outcome.made else ""),
            )
        self._console.print(table)

    def _replace_task(self, component):
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = component and self._bar.add_task(f"  {component}", total=None, note="")
