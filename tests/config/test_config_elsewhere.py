"""Configuration in archives and remote folders: as in a local folder, and never more than that."""

from __future__ import annotations

import gzip
import io
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import fsspec
import pytest

from incremental.config import ConfigError, MissingConfigError, OmegaConfigLoader, Origin, tree
from incremental.secrets import Secret

FILES = {
    "base/catalog.yml": "_csv: {type: c}\na: {type: '${_csv.type}'}\nb: {x: 1}\n",
    "base/parameters.yml": "n: 1\nm: {k: 2}\n",
    "base/deep/er/parameters_more.yml": "deep: true\n",
    "base/.hidden/parameters.yml": "hidden: 1\n",
    "base/globals.yml": "g: 3\n",
    "local/credentials.json": '{"dev": {"key": "hunter22"}}',
    "prod/parameters.yml": "n: '${globals:g}'\n",
    "README.md": "no configuration\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        file = tmp_path / "conf" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "conf"


def _packed(folder: Path, kind: str) -> str:
    """Return a place with the same files, of any kind."""
    if kind == "memory":
        fs = fsspec.filesystem("memory")
        fs.rm("/", recursive=True)
        fs.put(f"{folder}/", "/bucket/conf/", recursive=True)
        return "memory://bucket/conf"
    if kind == "file":
        return f"file://{folder}"
    name, form = kind.split()
    inside = {"inner": str(folder.parent), "outer": str(folder)}[name]
    return shutil.make_archive(
        str(folder.parent / "packed"), form, inside, "conf" if name == "inner" else None
    )


KINDS = ["memory", "file", "inner zip", "inner gztar", "outer zip"]


@pytest.mark.parametrize("kind", [*KINDS, "outer tar", "inner xztar", "inner bztar"])
@pytest.mark.parametrize("env", [None, "prod"])
def test_configuration_is_the_same_wherever_it_lies(folder: Path, kind: str, env: str | None) -> None:
    here, there = OmegaConfigLoader(folder, env), OmegaConfigLoader(_packed(folder, kind), env)
    for key in ("catalog", "parameters", "globals"):
        assert there[key] == here[key]
        assert there[key] == there[key]
    assert there.get("credentials") == here.get("credentials")
    assert there.get("logging") is None


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_files_elsewhere_are_read_when_asked_for(folder: Path, kind: str) -> None:
    loader = OmegaConfigLoader(_packed(folder, kind), "prod", ignore_hidden=False)
    assert loader["parameters"] == {"n": 3, "m": {"k": 2}, "deep": True, "hidden": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_credentials_from_elsewhere_are_secrets(folder: Path, kind: str) -> None:
    assert isinstance(OmegaConfigLoader(_packed(folder, kind))["credentials"]["dev"]["key"], Secret)


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("memory", "memory://bucket/conf/base/catalog.yml"),
        ("inner zip", "packed.zip/conf/base/catalog.yml"),
        ("outer tar", "packed.tar/base/catalog.yml"),
    ],
)
def test_an_entry_elsewhere_has_an_origin(folder: Path, kind: str, file: str) -> None:
    loader = OmegaConfigLoader(
        Path(_packed(folder, kind)).name if "memory" not in kind else _packed(folder, kind)
    )
    assert loader.origin("catalog", "b", "x") == Origin(file, 3)
    assert str(loader.origin("catalog", "b")) == f"{file}:3"


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_environment_elsewhere_is_refused_with_those_there_are(folder: Path, kind: str) -> None:
    loader = OmegaConfigLoader(_packed(folder, kind), "prodd")
    with pytest.raises(ConfigError, match=r"'base', 'local', 'prod'; did you mean 'prod'\?"):
        loader["parameters"]


def test_an_archive_without_environments_lies_at_the_top_or_in_a_folder(folder: Path) -> None:
    for name, inside in (("one.zip", ""), ("two.zip", "conf/")):
        with zipfile.ZipFile(name, "w") as archive:
            archive.writestr(f"{inside}parameters.yml", "a: 1")
        assert OmegaConfigLoader(name, base_env="", default_run_env="")["parameters"] == {"a": 1}


def test_what_a_mac_adds_to_an_archive_is_passed_over(folder: Path) -> None:
    with zipfile.ZipFile("conf.zip", "w") as archive:
        archive.writestr("__MACOSX/conf/base/._parameters.yml", "junk")
        archive.writestr("conf/base/parameters.yml", "a: 1")
    assert OmegaConfigLoader("conf.zip")["parameters"] == {"a": 1}


def test_a_remote_archive_is_read(folder: Path) -> None:
    fsspec.filesystem("memory").pipe("/store/conf.zip", Path(_packed(folder, "inner zip")).read_bytes())
    assert OmegaConfigLoader("memory://store/conf.zip")["parameters"]["n"] == 1


def test_a_folder_with_the_name_of_an_archive_is_a_folder(folder: Path) -> None:
    folder.rename("conf.zip")
    assert OmegaConfigLoader("conf.zip")["parameters"]["n"] == 1


def test_a_remote_folder_is_listed_once_and_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = _packed(folder, "memory")
    memory = type(fsspec.filesystem("memory"))
    asked: list[str] = []
    for name in ("find", "cat_file"):
        real = getattr(memory, name)
        monkeypatch.setattr(
            memory,
            name,
            lambda self, path, *a, _n=name, _r=real, **k: asked.append(_n) or _r(self, path, *a, **k),
        )
    loader = OmegaConfigLoader(place)
    for _ in range(2):
        loader["catalog"], loader["parameters"]
    assert asked.count("find") == 1
    assert asked.count("cat_file") == 4  # globals, catalog and two of parameters


# --- what cannot be read


def message(place: str, key: str = "parameters") -> str:
    with pytest.raises(ConfigError) as caught:
        OmegaConfigLoader(place)[key]
    return str(caught.value)


def test_a_missing_archive_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingConfigError):
        OmegaConfigLoader("conf.zip")["catalog"]
    assert message("conf.zip") == (
        "archive 'conf.zip' does not exist; correct CONF_SOURCE in settings.py or --conf-source"
    )


def test_a_missing_remote_folder_is_missing_configuration():
    with pytest.raises(MissingConfigError, match="'memory://nowhere/conf' does not exist, or is empty"):
        OmegaConfigLoader("memory://nowhere/conf")["catalog"]


def test_a_protocol_that_nobody_knows_is_told():
    assert "conf_source 'nobody://bucket/conf' cannot be listed: Protocol not known: nobody" in message(
        "nobody://user:hunter22@bucket/conf"
    )


@pytest.mark.parametrize("name", ["conf.zip", "conf.tar.gz", "conf.tar"])
@pytest.mark.parametrize("data", [b"", bytes(range(256)) * 9, "cut", "flipped"])
def test_a_damaged_archive_is_an_error_of_one_line(folder: Path, name: str, data: bytes | str) -> None:
    if isinstance(data, str):
        form = {"zip": "zip", "gz": "gztar", "tar": "tar"}[name.rpartition(".")[2]]
        whole = bytearray(Path(_packed(folder, f"inner {form}")).read_bytes())
        if data == "flipped":
            for place in range(20, len(whole), 40):
                whole[place] ^= 255
        data = bytes(whole if data == "flipped" else whole[: len(whole) // 2])
    Path(name).write_bytes(data)
    assert len(message(name).splitlines()) == 1


def _tar(members: list[tuple[tarfile.TarInfo, bytes]], name: str = "conf.tar") -> str:
    with tarfile.open(name, "w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return name


def test_links_and_paths_that_lead_out_of_an_archive_are_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.yml").write_text("secret: 1")
    link = tarfile.TarInfo("conf/base/parameters_link.yml")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret.yml")
    hard = tarfile.TarInfo("conf/base/parameters_hard.yml")
    hard.type, hard.linkname = tarfile.LNKTYPE, "../../secret.yml"
    names = ["conf/base/parameters.yml", "conf/base/../../../parameters_up.yml", "/etc/parameters_root.yml"]
    plain = [(tarfile.TarInfo(name), f"f{n}: 1".encode()) for n, name in enumerate(names)]
    place = _tar([*plain, (link, b""), (hard, b"")])
    assert OmegaConfigLoader(place)["parameters"] == {"f0": 1}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["conf.tar", "secret.yml"]


def test_a_link_in_a_zip_is_a_text_of_its_target_and_no_more(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    info = zipfile.ZipInfo("base/parameters.yml")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile("conf.zip", "w") as archive:
        archive.writestr(info, "/etc/hostname")
    assert "the top level is a single value" in message("conf.zip")


@pytest.mark.parametrize("name", ["conf.zip", "conf.tar.gz"])
def test_an_archive_that_unpacks_to_more_than_is_sensible_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tree, "_MOST_BYTES", 1_000_000)
    content = b"a: 1\n" + b"#" * 400_000
    if name.endswith("zip"):
        with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
            for n in range(4):
                archive.writestr(f"base/parameters{n}.yml", content)
    else:
        _tar([(tarfile.TarInfo(f"base/parameters{n}.yml"), content) for n in range(4)])
        Path(name).write_bytes(gzip.compress(Path("conf.tar").read_bytes()))
    assert "when it is unpacked; configuration is meant to be small" in message(name)


def test_an_encrypted_archive_is_an_error_of_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("conf.zip", "w") as archive:
        archive.writestr("base/parameters.yml", "a: 1")
    data = bytearray(Path("conf.zip").read_bytes())
    data[6] |= 1  # the flag of encryption, in the file's header and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    Path("conf.zip").write_bytes(data)
    assert message("conf.zip").startswith("archive 'conf.zip' cannot be unpacked: ")
