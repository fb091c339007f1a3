"""Beam is left out exactly where it would stay in this process."""

import pytest

from components.beam_executor import runs_in_process


@pytest.mark.parametrize(
    ("arguments", "here"),
    [
        ([], True),
        (["--runner=DirectRunner"], True),
        (["--direct_running_mode=in_memory", "--direct_num_workers=1"], True),
        (["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"], True),
        (["--runner=DataflowRunner", "--project=some-project"], False),
        (["--runner=FlinkRunner"], False),
        (["--direct_running_mode=multi_processing"], False),
    ],
)
def test_only_beams_in_memory_runner_is_replaced(arguments, here):
    assert runs_in_process(arguments) == here
