"""Settings: what wins over what, and what is refused, with which words."""

import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

import deploy.settings
from deploy.errors import SettingsError
from deploy.settings import SETTINGS, Settings, load

EXAMPLE = Path(deploy.settings.__file__).parent / "nextup.example.toml"


def written(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text)
    return file


def test_without_file_and_variables_all_is_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}) == Settings()


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    file = written(tmp_path, '[kafka]\nbootstrap_servers = "kafka:9092"\ntopic_prefix = "shop."\n')
    settings = load(file, {"NEXTUP_KAFKA_BOOTSTRAP_SERVERS": "other:9092"})
    assert settings.kafka.bootstrap_servers == "other:9092"
    assert settings.kafka.topic_prefix == "shop."
    assert settings.kafka.security_protocol == "PLAINTEXT"


def test_the_working_directorys_file_is_read_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nextup.toml").write_text("[topics]\npartitions = 12\n")
    assert load(None, {}).topics.partitions == 12


def test_a_variable_holds_a_number_as_text() -> None:
    settings = load(None, {"NEXTUP_TOPICS_PARTITIONS": "8", "NEXTUP_WORKER_COMMIT_INTERVAL_S": "0.5"})
    assert settings.topics.partitions == 8
    assert settings.worker.commit_interval_s == 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[kafak]", r"unknown section \[kafak\]; did you mean kafka\?"),
        ("[zzz]", r"unknown section \[zzz\]; known are .*kafka, models, "),
        ("kafka = 1", r"kafka is a value; expected a section \[kafka\]"),
        ('[kafka]\nbootstrap_server = "a:1"', r"unknown setting bootstrap_server .* did you mean bootstrap_servers\?"),
        ('[topics]\npartitions = "4"', r"topics\.partitions is '4'; expected an integer"),
        ("[worker]\nk = 33", r"worker\.k is 33; expected an integer at least 1 and at most 32"),
        ("[worker]\npopularity_half_life_days = 0", r"is 0; expected a number above 0"),
        ('[kafka]\nsecurity_protocol = "TLS"', r"is 'TLS'; expected one of PLAINTEXT, SASL_PLAINTEXT, SASL_SSL, SSL"),
        ("[models]\nname = true", r"models\.name is True; expected a string"),
        ("[kafka", r"is not TOML"),
    ],
)
def test_what_the_file_may_not_hold(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        load(written(tmp_path, text), {})
    assert "settings.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_named_and_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.toml: cannot be read"):
        load(tmp_path / "nothing.toml", {})


def test_an_unknown_variable_is_an_error_that_suggests_the_right_one() -> None:
    with pytest.raises(SettingsError, match=r"NEXTUP_TOPIC_PARTITIONS; did you mean NEXTUP_TOPICS_PARTITIONS\?"):
        load(None, {"NEXTUP_TOPIC_PARTITIONS": "4"})


def test_a_variable_of_the_wrong_type_is_an_error() -> None:
    with pytest.raises(SettingsError, match="NEXTUP_TOPICS_PARTITIONS is 'four'; expected an integer"):
        load(None, {"NEXTUP_TOPICS_PARTITIONS": "four"})


def test_variables_of_others_are_left_alone() -> None:
    assert load(None, {"NEXTUP_DEBUG": "1", "PATH": "/bin", "NEXT_PAGE": "2"}) == Settings()


def test_a_password_is_shown_neither_in_errors_nor_in_repr(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(written(tmp_path, "[kafka]\nsasl_password = 4711"), {})
    assert "4711" not in str(caught.value)
    settings = load(None, {"NEXTUP_KAFKA_SASL_PASSWORD": "geheim"})
    assert "geheim" not in repr(settings)


def test_sasl_without_a_name_or_password_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"expected kafka\.sasl_username and kafka\.sasl_password"):
        load(None, {"NEXTUP_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})


def test_a_certificate_that_is_not_there_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"kafka\.ssl_ca_file is '/no/such\.pem'; expected the path of a file"):
        load(None, {"NEXTUP_KAFKA_SSL_CA_FILE": "/no/such.pem"})


def test_the_example_holds_every_setting_with_its_default() -> None:
    example = tomllib.loads(EXAMPLE.read_text())
    assert example == msgspec.to_builtins(Settings())
    assert load(EXAMPLE, {}) == Settings()


def test_every_setting_has_a_variable_of_its_own() -> None:
    variables = [setting.variable for setting in SETTINGS.values()]
    assert len(set(variables)) == len(variables)
    assert "NEXTUP_KAFKA_BOOTSTRAP_SERVERS" in variables


def test_reading_settings_imports_neither_tensorflow_nor_faust() -> None:
    script = "import sys, deploy.settings; print({'tensorflow', 'keras', 'faust', 'onnxruntime'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
