"""Tests of the API endpoint with gradio_client: open with `--api`, guarded otherwise."""

import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from deepsound.app.middleware import is_open
from tests.app.conftest import serving

DEMO = Path(__file__).parents[2] / "demo" / "silent_impacts.mp4"


def test_the_description_for_programs_is_closed_unless_they_are_let_in():
    assert not is_open("GET", "/gradio_api/info")
    assert is_open("GET", "/gradio_api/info", for_programs=True)
    assert not is_open("GET", "/gradio_api/proxy=http://a", for_programs=True)


@pytest.mark.slow
def test_gradio_client_runs_a_video_and_gets_its_files(tmp_path):
    """0.3.0 answered it with "There is no such address"."""
    client_library = pytest.importorskip("gradio_client", reason="it comes with gradio")
    clip = tmp_path / "clip.mp4"
    shutil.copyfile(DEMO, clip)
    (tmp_path / "app").mkdir()
    with serving(tmp_path / "app", "--api") as running:
        client = client_library.Client(running.address, verbose=False)
        file = client_library.handle_file(str(clip))
        record = client.predict(file, "rain", duration=1, seed=3, api_name="/run")
        assert (record["verdict"], record["request"]["seed"], record["request"]["prompt"]) == ("no", 3, "rain")
        with urllib.request.urlopen(record["results"]["deepsound.result.json"]) as answer:
            assert json.load(answer)["request"]["seed"] == 3
        with urllib.request.urlopen(record["results"]["deepsound.mp4"]) as answer:
            assert answer.status == 200 and len(answer.read()) > 1000
        assert str(tmp_path) not in json.dumps(record)
        takes = client.predict(file, duration=1, seed=3, takes=2, api_name="/run")
        assert [take["request"]["seed"] for take in takes] == [3, 4]
        with urllib.request.urlopen(takes[1]["results"]["deepsound.take2.mp4"]) as answer:
            assert answer.headers["content-type"] == "video/mp4"
        narrated = client_library.handle_file(str(DEMO.with_name("narrated_landscape.mp4")))
        record = client.predict(narrated, generator="source", duration=2, api_name="/run")
        # A row with a `path` is a file to gradio_client, which asked the server for it and was refused.
        assert record["verdict"] == "yes" and record["weights"][0]["file"].endswith(".safetensors")
        with pytest.raises(Exception, match="nonsense is not in the list"):
            client.predict(file, generator="nonsense", api_name="/run")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{running.address}/gradio_api/file=/etc/hostname")
        assert refused.value.code == 403
