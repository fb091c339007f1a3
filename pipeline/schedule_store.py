"""What a schedule on this machine owes and what it did, kept through any kill.

One SQLite file. Each step is one transaction, so a killed process leaves the state before
the step or after it.
"""

import contextlib
import dataclasses
import datetime
import sqlite3
from pathlib import Path

_KEPT_RUNS = 1000
_TABLES = """
CREATE TABLE IF NOT EXISTS schedule (
  one INTEGER PRIMARY KEY CHECK (one = 1), cron TEXT, time_zone TEXT, accounted_until TEXT);
CREATE TABLE IF NOT EXISTS stop (asked INTEGER);
CREATE TABLE IF NOT EXISTS run (
  scheduled TEXT PRIMARY KEY, firings INTEGER, state TEXT, attempt INTEGER, open INTEGER,
  failures INTEGER, not_before TEXT, ended TEXT, note TEXT, killed INTEGER NOT NULL DEFAULT 0);
"""
# As they fell due. By when they were scheduled, a run of a clock that was years ahead would be the
# newest one for years.
_NEWEST_FIRST = "ORDER BY rowid DESC"
# Of a store that was made before runs had it.
_NEW_COLUMN = "ALTER TABLE run ADD COLUMN killed INTEGER NOT NULL DEFAULT 0"


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that fell due. It stands for `firings` firings, of which `scheduled` is the last.

    The fields are the columns of the table.
    """

    scheduled: datetime.datetime  # UTC
    firings: int
    state: str  # "owed", "done" or "failed"
    attempt: int  # the number of the last attempt; 0 before the first
    open: bool  # whether that attempt's outcome is still to be read
    failures: int  # attempts that failed, without those that were cut off with the schedule
    not_before: datetime.datetime  # UTC; of the next attempt
    ended: datetime.datetime | None
    note: str
    killed: int = 0  # attempts that were killed together with the schedule


class ScheduleStore:
    def __init__(self, file):
        """Opens or makes the store.

        Raises:
          OSError: its folder cannot be written.
        """
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(file, timeout=10)
        self._file.row_factory = sqlite3.Row
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.executescript(_TABLES)
        with contextlib.suppress(sqlite3.OperationalError):  # It has the column.
            self._write(_NEW_COLUMN)

    def close(self):
        self._file.close()

    def accounted_until(self):
        """Every firing up to this instant has become a run; None before the first start."""
        row = self._file.execute("SELECT accounted_until FROM schedule").fetchone()
        return row and _instant(row[0])

    def account_until(self, instant):
        """Sets the instant up to which every firing has become a run."""
        self._write("UPDATE schedule SET accounted_until = ?", _text(instant))

    def last_due(self, instant):
        """For when the last run up to `instant` was scheduled; None if there is none."""
        found = "SELECT MAX(scheduled) FROM run WHERE scheduled <= ?"
        [moment] = self._file.execute(found, (_text(instant),)).fetchone()
        return moment and _instant(moment)

    def follow(self, cron, time_zone, now):
        """Adopts the schedule; a new or changed one owes nothing from before `now`.

        Returns:
          Whether it replaces another schedule.
        """
        before = self.followed()
        if before == (cron, time_zone):
            return False
        self._write(
            "INSERT OR REPLACE INTO schedule VALUES (1, ?, ?, ?)", cron, time_zone, _text(now)
        )
        return before is not None

    def followed(self):
        """The (cron, time zone) that was adopted last; None before the first start."""
        row = self._file.execute("SELECT cron, time_zone FROM schedule").fetchone()
        return row and tuple(row)

    def fall_due(self, scheduled, firings):
        """Owes a run for the firings up to `scheduled`, and accounts for them, in one step.

        A moment that came before, by a clock that was set back since, is not run again.
        """
        moment = _text(scheduled)
        with self._file:
            self._file.execute("UPDATE schedule SET accounted_until = ?", (moment,))
            self._file.execute(
                "INSERT OR IGNORE INTO run VALUES (?, ?, 'owed', 0, 0, 0, ?, NULL, '', 0)",
                (moment, firings, moment),
            )

    def owed(self):
        """The oldest run that is not settled, or None."""
        runs = self._select("WHERE state = 'owed' ORDER BY scheduled LIMIT 1")
        return runs[0] if runs else None

    def begin_attempt(self, run):
        """Notes, before its process starts, that an attempt begins; returns the run with it."""
        self._update(run, "attempt = attempt + 1, open = 1")
        return dataclasses.replace(run, attempt=run.attempt + 1, open=True)

    def abandon_attempt(self, run, killed):
        """The attempt was cut off with the schedule, which is not a failure of the run."""
        self._update(run, "open = 0, killed = killed + ?", killed)

    def retry_later(self, run, not_before, note):
        self._update(
            run,
            "open = 0, failures = failures + 1, not_before = ?, note = ?",
            _text(not_before),
            note,
        )

    def settle(self, run, state, ended, note):
        """The run is over, "done" or "failed"; those that fell due first are forgotten."""
        self._update(
            run,
            "open = 0, failures = failures + ?, state = ?, ended = ?, note = ?",
            state == "failed",
            state,
            _text(ended),
            note,
        )
        self._write(
            "DELETE FROM run WHERE state != 'owed' AND rowid NOT IN "
            f"(SELECT rowid FROM run {_NEWEST_FIRST} LIMIT ?)",
            _KEPT_RUNS,
        )

    def history(self, limit):
        """The runs that fell due last, the last one first."""
        return self._select(f"{_NEWEST_FIRST} LIMIT {int(limit)}")

    def ask_to_stop(self, asked):
        with self._file:
            self._file.execute("DELETE FROM stop")
            if asked:
                self._file.execute("INSERT INTO stop VALUES (1)")

    def is_asked_to_stop(self):
        return self._file.execute("SELECT 1 FROM stop").fetchone() is not None

    def _select(self, rest):
        return [_run(row) for row in self._file.execute(f"SELECT * FROM run {rest}")]

    def _update(self, run, changes, *values):
        self._write(f"UPDATE run SET {changes} WHERE scheduled = ?", *values, _text(run.scheduled))

    def _write(self, statement, *values):
        with self._file:
            self._file.execute(statement, values)


def _run(row):
    columns = dict(row)
    for name in ("scheduled", "not_before", "ended"):
        columns[name] = columns[name] and _instant(columns[name])
    return Run(**columns | {"open": bool(columns["open"])})


def _text(instant):
    return instant.astimezone(datetime.UTC).isoformat()


def _instant(text):
    return datetime.datetime.fromisoformat(text)
