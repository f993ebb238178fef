"""Ray that is not installed, or not there: said at once, by one sentence."""

import sys

import pytest

from deepsound.cli.main import main


def test_without_ray_the_error_says_how_to_get_it(clips, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["batch", str(clips("a.mp4")), "--out", str(tmp_path / "out"), "--ray"]) == 4
    assert "-m pip install ray" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:x", "127.0.0.1:99999"])
def test_a_cluster_that_is_not_there_is_told_at_once(clips, tmp_path, capsys, address):
    pytest.importorskip("ray", reason="Ray is in the [scale] extra: pip install -e '.[scale]'")
    assert main(["batch", str(clips("a.mp4")), "--out", str(tmp_path / "out"), "--ray", address]) == 2
    assert f"Ray cannot be reached at {address}" in capsys.readouterr().err
