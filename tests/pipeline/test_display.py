"""What a run shows of its components' messages."""

import io
import logging

from pipeline.display import PROGRESS_LOGGER, Display


def test_only_messages_that_stay_are_printed(caplog):
    caplog.set_level(logging.INFO, logger=PROGRESS_LOGGER)
    screen = io.StringIO()
    with Display(screen) as display:
        display.started("Trainer")
        progress = logging.getLogger(PROGRESS_LOGGER)
        progress.info("epoch 1 of 5", extra={"completed": 0.2})
        progress.info("input plan: [memory]", extra={"completed": 0.0, "stays": True})
    assert screen.getvalue() == "    input plan: [memory]\n"
