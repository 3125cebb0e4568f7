from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from flows.inboxes.folder.inboxes import Inbox, inboxes_of
from flows.installation.areas import StrayInInbox
from flows.installation.current_settings import CurrentSettings
from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_stores
from preservation.errors import ConfigurationError
from preservation.model.identifiers import CollectionName
from preservation.model.paths import StoreKey


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_installation(tmp_path / "archive")
    return tmp_path / "archive"


def edit(home: Path, old: str, new: str) -> None:
    file = home / "muniment.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_a_new_installation_has_two_stores_on_two_sites_and_three_collections(home: Path):
    settings = load_settings(home)
    assert [(store.name, store.site) for store in settings.store] == [
        ("first", "first-site"),
        ("second", "second-site"),
    ]
    assert [collection.name for collection in settings.collection] == ["images", "documents", "files"]


def test_every_fault_is_reported_at_once_with_its_line(home: Path):
    edit(home, "port = 4200", "port = 80")
    edit(home, 'name = "documents"', 'name = "Docu ments"')
    edit(home, "threads = 0", "thread = 0")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(home)
    lines = (home / "muniment.toml").read_text().splitlines()
    faults = "\n".join(caught.value.faults)
    assert len(caught.value.faults) == 3
    for text, said in (
        ("port = 80", "prefect.port"),
        ("Docu ments", "collection.1.name"),
        ("thread = 0", "work.thread"),
    ):
        line = next(number for number, content in enumerate(lines, 1) if text in content)
        assert f"line {line}: {said}" in faults


def test_a_fault_in_the_only_store_is_not_also_told_as_there_being_no_store(home: Path):
    file = home / "muniment.toml"
    before, _, _ = file.read_text().partition('[[store]]\nname = "second"')
    file.write_text(before.replace('name = "first"', 'name = "The First"'))
    with pytest.raises(ConfigurationError) as caught:
        load_settings(home)
    (fault,) = caught.value.faults
    assert "store.0.name" in fault


def test_a_setting_that_names_no_store_at_all_is_a_fault(home: Path):
    file = home / "muniment.toml"
    file.write_text(f"store = []\n{file.read_text().partition('[[store]]')[0]}")
    with pytest.raises(ConfigurationError, match="line 1: store: at least one is required"):
        load_settings(home)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("port = 4200", "port = 80", "prefect.port: it must be greater than or equal to 1024"),
        ('site = "first-site"', "", "store.0.site: it is required and missing"),
        ('site = "first-site"', 'site = ""', "store.0.site: it must not be empty"),
        ('path = "stores/first"', "path = 3", "store.0.path: it must be a path, in quotes"),
        ('kind = "folder"', "", "store.0: its kind is required and missing"),
        ('name = "documents"', 'name = "Docu ments"', "collection.1.name: 'Docu ments' cannot name a coll"),
    ],
)
def test_faults_are_told_in_plain_words(home: Path, old: str, new: str, said: str):
    edit(home, old, new)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(home)
    (fault,) = caught.value.faults
    assert said in fault


def test_a_setting_of_an_earlier_version_is_ignored_with_a_warning(
    home: Path, caplog: pytest.LogCaptureFixture
):
    edit(home, "threads = 0", 'threads = 3\ntask_runner = "threads"')
    assert load_settings(home).work.threads == 3
    assert [record.message for record in caplog.records] == [
        f"{home / 'muniment.toml'}: [work] task_runner is ignored, as it always was; take the line out"
    ]


def test_what_is_not_toml_is_named_with_its_place(home: Path):
    edit(home, "[work]", "[work")
    with pytest.raises(ConfigurationError, match=r"not TOML: .*line \d+"):
        load_settings(home)


def test_the_environment_overrides_the_file(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MUNIMENT_WORK__THREADS", "7")
    monkeypatch.setenv("MUNIMENT_DATABASE__URL", "sqlite:////elsewhere/kept.db")
    settings = load_settings(home)
    assert settings.work.threads == 7
    assert settings.database_url == "sqlite:////elsewhere/kept.db"


def test_how_long_is_waited_before_each_further_try_is_a_setting(home: Path, monkeypatch: pytest.MonkeyPatch):
    assert load_settings(home).retries.stores == (2, 10, 30)
    edit(home, "stores = [2, 10, 30]", "stores = [0.5]")
    assert load_settings(home).retries.stores == (0.5,)
    monkeypatch.setenv("MUNIMENT_RETRIES__STORES", "1, 60, 600")
    assert load_settings(home).retries.stores == (1, 60, 600)
    monkeypatch.setenv("MUNIMENT_RETRIES__STORES", "")
    assert load_settings(home).retries.stores == ()
    monkeypatch.setenv("MUNIMENT_RETRIES__STORES", "soon")
    with pytest.raises(ConfigurationError, match=r"retries\.stores"):
        load_settings(home)


def test_the_installation_is_found_upwards_from_the_current_directory(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("MUNIMENT_HOME", raising=False)
    monkeypatch.chdir(home / "inbox" / "images")
    assert load_settings().directory == home


def test_the_only_installation_in_the_current_directory_is_the_one_meant_and_of_two_none_is(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("MUNIMENT_HOME", raising=False)
    monkeypatch.chdir(home.parent)
    assert load_settings().directory == home
    make_installation(home.parent / "other")
    with pytest.raises(ConfigurationError, match=f"{home.name}, other.*-C DIR"):
        load_settings()


def test_settings_without_a_state_beside_them_are_no_installation(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("MUNIMENT_HOME", raising=False)
    sample = home.parent / "docker"
    sample.mkdir()
    shutil.copy(home / "muniment.toml", sample)
    monkeypatch.chdir(home.parent)
    assert load_settings().directory == home
    monkeypatch.chdir(sample)
    with pytest.raises(ConfigurationError, match="not in a Muniment installation"):
        load_settings()
    assert load_settings(sample).directory == sample


def test_outside_an_installation_the_next_step_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MUNIMENT_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="muniment init DIR"):
        load_settings()


def test_a_default_policy_that_an_older_file_has_is_still_honoured(home: Path):
    edit(home, "[database]", 'default_policy = "policies/digitized-images.toml"\n\n[database]')
    settings = load_settings(home)
    assert settings.policy_of(CollectionName("maps")) == home / "policies" / "digitized-images.toml"
    assert not settings.refusal_of(CollectionName("maps"))


def test_an_unknown_collection_is_an_error_that_names_the_nearest_first_and_what_to_add(home: Path):
    settings = load_settings(home)
    with pytest.raises(ConfigurationError) as raised:
        settings.policy_of(CollectionName("imags"))
    told = str(raised.value)
    assert "there is no collection imags; did you mean images? Known are: images, documents, files;" in told
    assert '[[collection]] name = "imags" policy = "policies/FILE.toml"' in told
    assert f"{home / 'muniment.toml'}" in told
    assert settings.refusal_of(CollectionName("zz")) == (
        "there is no collection zz. Known are: documents, files, images"
    )
    assert not settings.refusal_of(CollectionName("files"))


def test_a_collection_that_is_added_counts_without_a_new_start_and_a_faulty_file_changes_nothing(home: Path):
    current = CurrentSettings(load_settings(home))
    assert current.now().refusal_of(CollectionName("maps"))
    edit(
        home,
        '[[collection]]\nname = "images"',
        '[[collection]]\nname = "maps"\n[[nonsense]]\nname = "images"',
    )
    assert current.now().refusal_of(CollectionName("maps"))
    edit(home, "[[nonsense]]", 'policy = "policies/bit-level.toml"\n\n[[collection]]')
    assert not current.now().refusal_of(CollectionName("maps"))
    inboxes = [one for one in inboxes_of(current.now()) if isinstance(one, Inbox)]
    assert "maps" in {inbox.collection for inbox in inboxes}
    assert (home / "inbox" / "maps").is_dir()


def test_a_drop_one_level_too_high_is_shown_with_what_to_do_and_is_not_taken(home: Path):
    (home / "inbox" / "imagse" / "page").mkdir(parents=True)
    [stray] = [one for one in inboxes_of(load_settings(home)) if isinstance(one, StrayInInbox)]
    assert stray.path == home / "inbox" / "imagse"
    assert "did you mean images?" in stray.sentence
    assert "if it is a drop, move it into one of these" in stray.sentence


def test_two_stores_of_one_name_are_an_error(home: Path):
    edit(home, 'name = "second"', 'name = "first"')
    with pytest.raises(ConfigurationError, match="more than one store is called first"):
        load_settings(home)


def test_an_installation_is_never_made_over_something(home: Path):
    with pytest.raises(ConfigurationError, match="nothing is overwritten"):
        make_installation(home)


def test_what_must_be_secret_is_for_its_owner_alone(home: Path):
    assert (home / "state").stat().st_mode & 0o077 == 0
    assert (home / "quarantine").stat().st_mode & 0o077 == 0


def test_what_is_made_of_drops_is_not_for_other_accounts_to_read(tmp_path: Path):
    before = os.umask(0)
    try:
        home = tmp_path / "made"
        make_installation(home)
    finally:
        os.umask(before)
    for folder in ("processing", "accepted", "rejected", "receipts", "access", "waiting", "stores"):
        assert (home / folder).stat().st_mode & 0o027 == 0, folder
    assert (home / "inbox").stat().st_mode & 0o777 == 0o755


def with_bucket(home: Path, more: str = "") -> None:
    file = home / "muniment.toml"
    file.write_text(
        f'{file.read_text()}\n[[store]]\nname = "cloud"\nkind = "s3"\nbucket = "archive"\n'
        f'prefix = "town/archive"\nendpoint_url = "https://s3.example.org"\nsite = "there"\n{more}'
    )


def test_a_store_may_be_a_bucket_and_is_not_asked_before_it_is_needed(home: Path):
    with_bucket(home)
    [*_, cloud] = open_stores(load_settings(home))
    assert cloud.name == "cloud"
    assert cloud.location(StoreKey("maps/a/v1")) == "s3://archive/town/archive/maps/a/v1"


def test_credentials_are_no_setting(home: Path):
    with_bucket(home, 'secret_access_key = "x"\n')
    with pytest.raises(ConfigurationError, match=r"line \d+: store.2.secret_access_key: there is no such"):
        load_settings(home)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('bucket = "archive"', 'bucket = "no/bucket"', r"line \d+: store.2.bucket"),
        ('prefix = "town/archive"', 'prefix = "/town/"', r"line \d+: store.2.prefix"),
        ("https://s3.example.org", "s3.example.org", r"line \d+: store.2.endpoint_url"),
        ('kind = "s3"', 'kind = "tape"', "store.2: .*'folder', 's3'"),
    ],
)
def test_faults_of_a_bucket_are_named_with_their_place(home: Path, old: str, new: str, said: str):
    with_bucket(home)
    edit(home, old, new)
    with pytest.raises(ConfigurationError, match=said):
        load_settings(home)
