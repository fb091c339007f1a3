"""Where reports lie, and how they get there."""

import shutil
from pathlib import Path

from components.failure import Failure
from pipeline.report import facts, page


def write_report(store, configuration, run_id=None):
    """Writes `<root>/reports/<run id>.html`, and report.html for the newest run.

    Args:
      store: ML Metadata's.
      configuration: of the pipeline.
      run_id: which run; None: the newest.

    Returns:
      The file's Path.

    Raises:
      Failure: there is no such run.
    """
    try:
        ids = facts.run_ids(store)
    except Exception as error:
        raise Failure(f"{configuration.root} has no runs. Run the pipeline first.") from error
    chosen = run_id or (ids[-1] if ids else None)
    if chosen not in ids:
        raise Failure(f"There is no run {chosen}. Known: {', '.join(ids[-5:]) or 'none'}.")
    place = ids.index(chosen)
    previous = facts.read_run(store, ids[place - 1]) if place else None
    text = page.render(facts.read_run(store, chosen), previous, configuration)
    folder = Path(configuration.root) / "reports"
    folder.mkdir(exist_ok=True)
    file = folder / f"{chosen.replace(':', '-')}.html"
    file.write_text(text, encoding="utf-8")
    if chosen == ids[-1]:
        shutil.copyfile(file, folder.parent / "report.html")
    return file
