"""Plain data as TOML: the standard library reads back what was written."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artpulse_core.data.toml_text import dumps

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALAR = TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
DOCUMENT: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.dictionaries(TEXT, SCALAR | st.lists(SCALAR, max_size=4), max_size=5),
    lambda inner: st.dictionaries(TEXT, SCALAR | inner | st.lists(inner, min_size=1, max_size=3), max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(DOCUMENT)
def test_every_document_is_read_back(document: dict[str, Any]) -> None:
    text = dumps(document)
    assert tomllib.loads(text) == document
    assert tomllib.loads(text.encode().decode()) == document


@pytest.mark.smoke
def test_what_is_none_is_left_out_and_odd_text_is_escaped() -> None:
    text = dumps(
        {"a": None, "b.c": 'q"\\\n\t\x00\x7f é 🎨', "d": {"e": [1, 2.0, "x"]}, "f": [{"g": {"h": True}}]}
    )
    assert "a = " not in text
    assert tomllib.loads(text) == {
        "b.c": 'q"\\\n\t\x00\x7f é 🎨', "d": {"e": [1, 2.0, "x"]}, "f": [{"g": {"h": True}}],
    }  # fmt: skip


def test_a_list_of_tables_and_other_things_is_written_inline() -> None:
    assert tomllib.loads(dumps({"a": [1, {"b": 2}]})) == {"a": [1, {"b": 2}]}


def test_what_has_no_form_in_toml_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        dumps({"a": "\udce9"})
    with pytest.raises(TypeError, match="object"):
        dumps({"a": [object()]})


def test_numbers_that_are_not_finite_keep_their_kind() -> None:
    assert dumps({"a": [float("inf"), float("-inf"), float("nan")]}) == "a = [inf, -inf, nan]\n"
