"""Settings of the command line from files and the environment."""

import dataclasses
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from deepsound.cli import config
from deepsound.cli.config import configure
from deepsound.cli.main import build_parser, main
from deepsound.cli.parser import subcommands
from deepsound.errors import InputError
from deepsound.runtime import endpoints
from deepsound.runtime.environment import PREFIX, SERVER_PREFIX, VARIABLES
from deepsound.runtime.settings_file import has_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def user(monkeypatch, tmp_path):
    """The user's file, in a working folder without a project's."""
    file = tmp_path / "config.toml"
    file.write_text("")
    monkeypatch.setenv("DEEPSOUND_CONFIG", str(file))
    monkeypatch.chdir(tmp_path)
    return file


def test_servers_have_the_table_that_their_module_reads():
    assert config.ENDPOINTS == endpoints.TABLE


def parsed(*arguments):
    parser = build_parser()
    configure(parser)
    return parser.parse_args(arguments)


def test_later_sources_win_and_flags_win_over_all(user, monkeypatch):
    user.write_text('seed = 1\nprompt = "rain"\ntakes = 2\n[run]\nloudness = -16')
    (user.parent / "deepsound.toml").write_text('[run]\nprompt = "wind"\ntakes = 3')
    monkeypatch.setenv("DEEPSOUND_TAKES", "4")
    run, batch = parsed("run", "a.mp4"), parsed("batch", "clips", "--out", "o")
    assert (run.seed, run.prompt, run.takes, run.loudness) == (1, "wind", 4, -16.0)
    assert (batch.seed, batch.prompt, batch.takes, batch.loudness) == (1, "rain", 4, None)
    assert parsed("run", "a.mp4", "--takes", "9").takes == 9


def test_switches_and_lists(user):
    user.write_text('pictures = true\nmodels = ["a", "b"]')
    run = parsed("run", "a.mp4", "--models", "c")
    assert run.pictures is True and run.models == ["a", "b", "c"]
    assert parsed("run", "a.mp4").models == ["a", "b"]


def test_every_setting_is_shown_with_its_source(user, monkeypatch, capsys):
    user.write_text("[run]\nseed = 3")
    monkeypatch.setenv("DEEPSOUND_FALLBACK", "rep")
    assert main(["config", "show", "--json"]) == 0
    settings = {f"{one['command']} {one['name']}": one for one in json.loads(capsys.readouterr().out)}
    assert settings["run seed"]["source"] == str(user)
    assert settings["batch fallback"] == {
        "schema_version": 1,
        "command": "batch",
        "name": "fallback",
        "value": "rep",
        "source": "DEEPSOUND_FALLBACK",
    }


def test_configured_servers_are_shown_by_name_and_model_without_address_and_key(user, monkeypatch, capsys):
    """They are settings of the same file, and were not shown."""
    user.write_text('[endpoints.lab]\nurl = "http://gpu1:8000/v1"\nmodel = "qwen"\nkey = "sk-0123456789"')
    monkeypatch.setenv("DEEPSOUND_SERVER_URL", "http://gpu2:8000/v1")
    assert main(["config", "show"]) == 0
    page = capsys.readouterr().out
    assert f"endpoints lab = 'qwen'  ({user})" in page and "endpoints default = ''  (DEEPSOUND_SERVER_*)" in page
    assert "gpu" not in page and "sk-" not in page


def test_a_command_says_which_settings_it_took_from_where(user, capsys):
    user.write_text('[run]\ngenerator = "draft"')
    assert main(["run", "gone.mp4"]) == 3
    assert f"generator as set in {user}, where no flag says otherwise" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('generatr = "draft"', "expected an option of some command, got 'generatr'; did you mean generator?"),
        ("[rnu]", r"expected a command, got \[rnu\]; did you mean run?"),
        ('[run]\nmode = "s5"', "expected one of: s4, s3"),
        ("seed = [1]", "expected text or a number"),
        ('takes = "many"', "which --takes does not take"),
        ('seed = "many"', "seed: expected a seed from 0 to 18446744073709551615, got 'many'; correct it"),
        ("loudness = 5", "loudness: expected a loudness from -70 to 0 LUFS, got '5'; correct it"),
        ("loudness = nan", "loudness: expected a loudness from -70 to 0 LUFS, got 'nan'"),
        ("pictures = 3", "expected true or false"),
        ("seed = ", "cannot be read as settings"),
        ("a = " + "[" * 5000, "cannot be read as settings"),
        ("command = 1", "expected an option of some command, got 'command'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(user, text, problem):
    user.write_text(text)
    with pytest.raises(InputError, match=problem):
        configure(build_parser())


def test_a_folder_s_own_settings_cannot_ask_for_downloads(user):
    user.write_text("download = true")
    assert parsed("run", "a.mp4").download is True
    (user.parent / "deepsound.toml").write_text("download = true")
    with pytest.raises(InputError, match="cannot ask for downloads"):
        configure(build_parser())


def test_a_file_that_is_named_and_not_there_is_an_error_and_none_reads_none(user, monkeypatch):
    monkeypatch.setenv("DEEPSOUND_CONFIG", "gone.toml")
    with pytest.raises(InputError, match="which is not a file"):
        configure(build_parser())
    (user.parent / "deepsound.toml").write_text("seed = 5")
    monkeypatch.setenv("DEEPSOUND_CONFIG", "none")
    assert configure(build_parser()) == []


def test_doctor_answers_whatever_the_settings_are(user, capsys):
    user.write_text("nonsense")
    assert main(["doctor"]) == 0


def test_a_seed_out_of_range_is_refused_in_settings_and_on_the_command_line(user, capsys):
    expected = "expected a seed from 0 to 18446744073709551615, got '18446744073709551616'"
    with pytest.raises(SystemExit, match="2"):
        main(["run", "a.mp4", "--seed", str(2**64)])
    assert expected in capsys.readouterr().err
    user.write_text(f"[run]\nseed = {2**64}")
    assert main(["run", "a.mp4"]) == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("HOMES", "did you mean DEEPSOUND_HOME (where weights are downloaded to"),
        ("home", "did you mean DEEPSOUND_HOME ("),
        ("CACHDIR", "did you mean DEEPSOUND_CACHE (`deepsound evaluate --cache`)?"),
        ("FALBACK", "did you mean DEEPSOUND_FALLBACK (`deepsound run --fallback`)?"),
        ("SERVER_MODL", "did you mean DEEPSOUND_SERVER_MODEL ("),
        ("QQQQ", "correct its name, or unset it."),
    ],
)
@pytest.mark.parametrize("command", ["prompts", "config show", "cache size"])
def test_a_misspelt_variable_is_said_to_be_ignored(name, advice, command, user, monkeypatch, capsys):
    """Another name than the right one had no effect, and nobody said so."""
    name = PREFIX + name.upper() if name.isupper() or os.name == "nt" else (PREFIX + name).lower()
    monkeypatch.setenv(name, "1")
    assert main(command.split()) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"deepsound: the environment sets {name}, which is no setting and is ignored; {advice}")


def test_variables_that_are_read_are_not_said_to_be_ignored(user, monkeypatch, capsys):
    user.write_text('[endpoints.lab]\nurl = "http://gpu1:8000/v1"\nkey_env = "' + PREFIX + 'LAB_KEY"')
    for name in (*(set(VARIABLES) - {"DEEPSOUND_CONFIG"}), "DEEPSOUND_TAKES", f"{PREFIX}LAB_KEY"):
        monkeypatch.setenv(name, "1")
    assert main(["prompts"]) == 0
    assert capsys.readouterr().err == ""


def test_quiet_says_nothing_of_variables(user, monkeypatch, capsys):
    monkeypatch.setenv(f"{PREFIX}HOMES", "1")
    assert main(["run", "gone.mp4", "--quiet"]) == 3
    assert f"{PREFIX}HOMES" not in capsys.readouterr().err


def test_every_variable_of_the_source_is_in_the_table():
    """One that is read or shown anywhere and is not in the table would be said to be ignored."""
    options = {name for command in subcommands(build_parser()).values() for name in config._options(command)}
    assert not {f"{PREFIX}{name.upper()}" for name in options} & set(VARIABLES)
    known = {*VARIABLES, *(f"{PREFIX}{name.upper()}" for name in options), SERVER_PREFIX}
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    unknown = {}
    for name in files.split("\0"):
        if name.endswith((".py", ".js", ".mjs", ".md", ".toml", ".sh", ".bat", ".ps1", ".yml", ".yaml")) or (
            name.startswith("scripts/") and "." not in name
        ):
            text = (ROOT / name).read_text(encoding="utf-8")
            unknown[name] = set(re.findall(r"\bDEEPSOUND_[A-Z0-9_]+", text)) - known
    assert len(unknown) > 500
    assert {name: found for name, found in unknown.items() if found} == {}


def test_the_table_has_the_fields_of_a_server():
    fields = {f"{SERVER_PREFIX}{field.name.upper()}" for field in dataclasses.fields(endpoints.Endpoint)}
    assert fields - {f"{SERVER_PREFIX}NAME"} == {name for name in VARIABLES if name.startswith(SERVER_PREFIX)}


def test_the_commands_of_a_line_are_all_that_is_built_where_the_environment_sets_no_option(user, monkeypatch):
    """DEEPSOUND_HOME alone made every command line build the options of eighteen commands."""
    monkeypatch.setenv("DEEPSOUND_CONFIG", "none")
    assert set(VARIABLES) & set(os.environ) and not has_settings()
