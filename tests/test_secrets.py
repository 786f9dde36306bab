"""Secrets do not show; what is no secret stays as it is."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental.privacy import mask_argv
from incremental.secrets import Redactor, Secret, conceal, looks_secret, mask, reveal, strip_url

CANARY = "hunter2/+=ä'x"


def test_a_secret_is_the_string_itself_for_a_library_that_uses_it():
    secret = Secret(CANARY)
    assert secret == CANARY
    assert hash(secret) == hash(CANARY)
    assert f"AWS4{secret}".encode() == f"AWS4{CANARY}".encode()
    assert json.loads(json.dumps({"k": secret})) == {"k": CANARY}


def test_a_secret_does_not_show_in_the_repr_of_anything_that_holds_it():
    @dataclass
    class Client:
        password: str

    shown = [
        repr(Secret(CANARY)),
        repr({"a": [Secret(CANARY)]}),
        repr(Client(Secret(CANARY))),
        f"{Secret(CANARY)!r}",
    ]
    assert not any(CANARY in text for text in shown)
    assert shown[1] == "{'a': ['***']}"


def test_a_revealed_secret_is_a_plain_string():
    assert type(Secret(CANARY).reveal()) is str
    assert type(reveal({"a": [Secret(CANARY), 1]})["a"][0]) is str


@pytest.mark.parametrize("travel", [lambda s: pickle.loads(pickle.dumps(s)), copy.copy, copy.deepcopy])
def test_a_secret_stays_a_secret_when_it_travels(travel):
    arrived = travel(Secret(CANARY))
    assert arrived == CANARY
    assert isinstance(arrived, Secret)


def test_conceal_wraps_every_string_and_nothing_else():
    concealed = conceal({"s3": {"key": "abc", "port": 1, "hosts": ["h"], "pair": ("a", None)}})
    assert concealed == {"s3": {"key": "abc", "port": 1, "hosts": ["h"], "pair": ("a", None)}}
    assert repr(concealed) == "{'s3': {'key': '***', 'port': 1, 'hosts': ['***'], 'pair': ('***', None)}}"


SECRET_KEYS = [
    "password",
    "db_password",
    "PGPASSWORD",
    "mysqlPasswd",
    "api_key",
    "apiKey",
    "API-KEY",
    "x-api-key",
    "aws_access_key_id",
    "AWSAccessKeyId",
    "private_key",
    "privateKey",
    "token",
    "access_token",
    "accessToken",
    "TOKEN",
    "sas_token",
    "connection_string",
    "conn_str",
    "connectionString",
    "con",
    "conn",
    "credentials",
    "credential",
    "authorization",
    "Authorization",
    "client_secret",
    "clientSecret",
    "http_auth",
    "auth",
    "X-Amz-Security-Token",
    "pwd",
    "db.pwd",
    "account_key",
    "sqlalchemy_conn",
    "jwt",
    "bearer_token",
    "passphrase",
    "secret_access_key",
    "dbPass",
    "cookie",
]
PLAIN_KEYS = [
    "tokenizer",
    "monkey",
    "keyboard",
    "primary_key",
    "key",
    "keys",
    "foreign_key",
    "max_tokens",
    "token_count",
    "min_token_length",
    "author",
    "authority",
    "auth_type",
    "secretary",
    "compass",
    "low_pass",
    "passengers",
    "cache",
    "connections",
    "session_id",
    "asset",
    "keyed",
    "partition_key",
    "accuracy",
    "constant",
    "icon",
    "second",
    "filepath",
    "sassy",
    "n_tokens",
    "path",
    "content",
]


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_key_that_names_a_secret_is_one(key):
    assert looks_secret(key)


@pytest.mark.parametrize("key", [*PLAIN_KEYS, 5, None, ("token",)])
def test_a_key_that_only_looks_like_one_is_none(key):
    assert not looks_secret(key)


def test_mask_replaces_values_under_secret_keys_secrets_and_passwords_in_urls():
    value = {
        "type": "pandas.SQLTableDataset",
        "credentials": {"con": "x"},
        "load_args": [{"api_key": "abc"}, ("a", Secret("b"))],
        "url": "postgresql://user:pw@host/db",
        "max_tokens": 100,
        "token": None,
        "seen": {1, 2},
    }
    assert mask(value) == {
        "type": "pandas.SQLTableDataset",
        "credentials": "***",
        "load_args": [{"api_key": "***"}, ("a", "***")],
        "url": "postgresql://host/db",
        "max_tokens": 100,
        "token": None,
        "seen": {1, 2},
    }


def test_mask_copies_and_leaves_its_argument_alone():
    value = OrderedDict(a=[1, {"password": "x"}], f=frozenset({"y"}))
    masked = mask(value)
    masked["a"].append(2)
    assert value == {"a": [1, {"password": "x"}], "f": frozenset({"y"})}


def test_mask_ends_on_a_value_that_contains_itself():
    value: list[object] = []
    value.append(value)
    assert "***" in repr(mask(value))


STRIPPED = [
    ("s3://key:secret@bucket/x.csv", "s3://bucket/x.csv"),
    ("s3://bucket/x@2.csv", "s3://bucket/x@2.csv"),
    ("https://ghp_token@github.com/a/b", "https://github.com/a/b"),
    ("https://h/x?sig=abc&z=1&X-Amz-Signature=d", "https://h/x?sig=***&z=1&X-Amz-Signature=***"),
    ("https://h/x?page=1#frag", "https://h/x?page=1#frag"),
    ("postgresql://u:p@ss/w?rd@h:5432/db", "postgresql://h:5432/db"),
    ("postgresql://u:pa/ss@h/db", "postgresql://h/db"),
    ("abfs://container@account.dfs.core.windows.net/p", "abfs://container@account.dfs.core.windows.net/p"),
    ("abfs://container:key@account/p", "abfs://account/p"),
    ("simplecache::s3://k:s@b/x", "simplecache::s3://b/x"),
    ("http://[::1]:80/x", "http://[::1]:80/x"),
    ("http://u:p@[::1]:80/x", "http://[::1]:80/x"),
    ("failed: http://u:p@h/x, again http://u:p@h", "failed: http://h/x, again http://h"),
    ("Server=h;Uid=u;Password=a,b;Port=1", "Server=h;Uid=u;Password=***;Port=1"),
    ("connect(password='a b', port=1)", "connect(password=***, port=1)"),
    ("s3://bucket/key=1/part=2", "s3://bucket/key=1/part=2"),
    ("data/01_raw/x.csv", "data/01_raw/x.csv"),
    ("", ""),
]


@pytest.mark.parametrize(("url", "stripped"), STRIPPED)
def test_strip_url_removes_what_must_not_be_shown(url, stripped):
    assert strip_url(url) == stripped


@pytest.mark.parametrize(("url", "stripped"), STRIPPED)
def test_strip_url_changes_nothing_the_second_time(url, stripped):
    assert strip_url(stripped) == stripped


COMMAND_LINES = [
    (["--params", "token=abc"], ["--params", "token=***"]),
    (["--params", "a=1,token=abc,b=2"], ["--params", "a=1,token=***,b=2"]),
    (["--params", "token=a,b,c=1"], ["--params", "token=***,***,c=1"]),
    (["--params=db.password=x,b=2"], ["--params=db.password=***,b=2"]),
    (["--params=lr=1"], ["--params=lr=1"]),
    (["--params", "db={password: x}"], ["--params", "db=***"]),
    (["--api-key", "x", "--tags", "y"], ["--api-key", "***", "--tags", "y"]),
    (["--api-key=x=y"], ["--api-key=***"]),
    (["--token", "--tags", "y"], ["--token", "--tags", "y"]),
    (["--conf-source", "s3://k:s@b/conf"], ["--conf-source", "s3://b/conf"]),
    (["--params", "url=http://u:p@h/x?a=1"], ["--params", "url=http://h/x?a=1"]),
    (["run", "--nodes", "a,b", "-v"], ["run", "--nodes", "a,b", "-v"]),
]


@pytest.mark.parametrize(("arguments", "masked"), COMMAND_LINES)
def test_mask_argv_gives_a_command_line_fit_for_a_record(arguments, masked):
    assert mask_argv(arguments) == masked


def test_a_redactor_takes_out_every_form_of_a_value():
    redactor = Redactor([CANARY])
    raw = CANARY.encode()
    forms = [CANARY, quote(CANARY), quote(CANARY, safe=""), quote_plus(CANARY), quote(CANARY).lower()]
    forms += [repr(CANARY), json.dumps(CANARY), json.dumps(CANARY, ensure_ascii=False)]
    forms += [base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()]
    for form in forms:
        scrubbed = redactor.scrub(f"before {form} after")
        assert "hunter2" not in scrubbed
        assert form not in scrubbed
        assert scrubbed.startswith("before ")
        assert scrubbed.endswith(" after")


@given(st.text(min_size=4, max_size=12), st.text(max_size=5))
def test_a_redactor_finds_a_value_in_base64_wherever_it_begins(value, user):
    header = base64.b64encode(f"{user}:{value}".encode("utf-8", "surrogatepass")).decode()
    assert Redactor([value]).scrub(header) != header


@given(st.text(min_size=4), st.text(), st.text())
def test_a_scrubbed_text_never_holds_the_value(value, before, after):
    scrubbed = Redactor([value]).scrub(f"{before}{value}{after}")
    assert value not in scrubbed or value in "***"


def test_a_redactor_ignores_values_that_are_too_short_to_be_secrets():
    redactor = Redactor(["abc", ""])
    assert len(redactor) == 0
    assert redactor.scrub("abc") == "abc"


def test_a_redactor_collects_secrets_and_values_under_secret_keys():
    redactor = Redactor.of(
        conceal({"s3": {"anything": "first-value", "port": 5432}}),
        {"api_key": "second-value", "nested": [{"token": 987654, "name": "plain"}], "password": True},
        {"con": "postgresql://u:third%20value@h/db"},
    )
    text = "first-value second-value 987654 plain True 5432 third value third%20value"
    assert redactor.scrub(text) == "*** *** *** plain True 5432 *** ***"
    assert "first" not in repr(redactor)


def test_a_redactor_can_be_extended_without_changing_it():
    one = Redactor(["first-value"])
    both = one.including({"token": "second-value"})
    assert both.scrub("first-value second-value") == "*** ***"
    assert one.scrub("first-value second-value") == "*** second-value"


def test_a_redactor_without_values_still_strips_urls():
    assert Redactor().scrub("http://u:p@h") == "http://h"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{'password': 'hunter22', 'user': 'me'}", "{'password': '***', 'user': 'me'}"),
        ('{"api_key": "hunter22"}', '{"api_key": "***"}'),
        ('{"api_key":"hun\\"ter"}', '{"api_key":"***"}'),
        ("{'primary_key': 'id'}", "{'primary_key': 'id'}"),
        ("{'password': ''}", "{'password': ''}"),
        ("Authorization: Bearer eyJhbGciOi.J9", "Authorization: Bearer ***"),
        ("Basic aHVudGVyOjIy", "Basic ***"),
        ("a basic idea", "a basic idea"),
        ("Driver={x};PWD={a;b}}c};Encrypt=yes", "Driver={x};PWD=***;Encrypt=yes"),
        ("https://h/?hmac=abcdef", "https://h/?hmac=***"),
    ],
)
def test_what_stands_where_a_secret_stands_is_scrubbed_though_nobody_knows_it(text: str, shown: str) -> None:
    assert Redactor().scrub(text) == shown


@pytest.mark.parametrize(
    ("address", "secret"),
    [
        ("https://h/p?X-Amz-Signature=abcd1234&x=1", "abcd1234"),
        ("https://h/p?sig=ab%2Fcd", "ab/cd"),
        ("https://me:hunter22@h/p", "hunter22"),
        ("Server=db;Pwd=hunter22;Encrypt=yes", "hunter22"),
        ("Server=db;Pwd={hun;ter};Encrypt=yes", "hun;ter"),
    ],
)
def test_a_secret_within_an_address_of_the_catalog_is_known_by_itself(address: str, secret: str) -> None:
    assert Redactor.of({"x": {"address": address}}).scrub(f"refused: {secret}!") == "refused: ***!"


def test_a_part_of_a_path_that_looks_like_a_pair_is_no_secret() -> None:
    assert len(Redactor.of({"x": {"filepath": "data/token=2024/part"}})) == 0


@pytest.mark.parametrize("part", ["x", "x.", "9x", "é"])
def test_a_word_of_any_length_is_looked_through_once(part: str) -> None:
    word = part * 200_000  # looked at from each of its characters, this would take minutes
    text = f"{word} 9token=hunter22 https://me:hunter22@host a={{{word}}}"
    assert Redactor().scrub(text) == f"{word} 9token=*** https://host a={{{word}}}"


def test_pairs_inside_pairs_without_end_are_masked_at_last() -> None:
    assert Redactor().scrub("a=" * 5000 + "b").endswith("a=***")
    assert Redactor().scrub("a=b=token=hunter22") == "a=b=token=***"


@given(st.text(max_size=60))
def test_law_scrubbing_twice_changes_nothing_more(text: str) -> None:
    once = Redactor(["hunter22"]).scrub(text)
    assert Redactor(["hunter22"]).scrub(once) == once
