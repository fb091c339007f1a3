"""A package that somebody changed by hand."""

import pytest

from kfp.package_rules import PackageRefused
from kfp.submit_upload import open_package


@pytest.mark.parametrize(
    ("whole", "edited"),
    [
        ("pipelineInfo: {name: digits}", "pipelineInfo: {name: null}"),
        ("  comp-Trainer: {executorLabel: exec}", "  comp-Trainer: []"),
        ('image: "steadyfeed:1"', "image: null"),
        ("{parameterType: STRING, defaultValue: digits}", "digits"),
        ("componentRef: {name: comp-Trainer}, ", ""),
        ("sdkVersion: tfx-1.21.0", "---\nplatforms: {kubernetes: {deploymentSpec: []}}"),
        ("sdkVersion: tfx-1.21.0", "sdkVersion: 2026-13-45"),
    ],
)
def test_a_package_that_was_edited_wrong_is_refused_in_one_line(package, whole, edited):
    text = package.read_text()
    assert whole in text
    package.write_text(text.replace(whole, edited))
    with pytest.raises(PackageRefused) as refusal:
        open_package(package)
    assert "\n" not in str(refusal.value)
