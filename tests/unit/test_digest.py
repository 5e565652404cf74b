import hashlib

from hypothesis import given
from hypothesis import strategies as st

from sidehook._digest import digest
from sidehook._types import Value, ValueKind

VALUES = st.builds(Value, st.sampled_from(ValueKind), st.binary())
FIELDS = st.dictionaries(st.text(min_size=1), VALUES, max_size=5)


def test_the_digest_of_three_fields_worked_out_by_hand() -> None:
    fields = {
        "ü": Value(ValueKind.JSON, b"1"),
        "b": Value(ValueKind.RAW, b"\x00\xff"),
        "ab": Value(ValueKind.JSON, b'""'),
    }
    # "ab" (61 62) comes before "b" (62), and "ü" (c3 bc in UTF-8) last.
    octets = bytes.fromhex(
        "0000000000000002"
        "6162"
        "01"
        "0000000000000002"
        "2222"
        "0000000000000001"
        "62"
        "02"
        "0000000000000002"
        "00ff"
        "0000000000000002"
        "c3bc"
        "01"
        "0000000000000001"
        "31"
    )
    assert digest(fields) == hashlib.sha256(octets).hexdigest()
    assert digest(fields) == "b8bdb55faafe68d7b085291ef9823ebb89366bee3182114efd0f035486822f6a"


def test_the_digest_of_no_fields_is_that_of_nothing() -> None:
    assert digest({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_names_sort_by_their_utf8_and_not_by_their_utf16() -> None:
    # U+FF5E sorts behind U+10000 in UTF-16, and before it in UTF-8.
    low, high = Value(ValueKind.JSON, b"1"), Value(ValueKind.JSON, b"2")
    total = hashlib.sha256()
    for name, octet in (("\uff5e", b"1"), ("\U00010000", b"2")):
        encoded = name.encode()
        total.update(len(encoded).to_bytes(8) + encoded + b"\x01" + (1).to_bytes(8) + octet)
    assert digest({"\U00010000": high, "\uff5e": low}) == total.hexdigest()


@given(FIELDS)
def test_the_order_of_fields_does_not_matter(fields: dict[str, Value]) -> None:
    assert digest(dict(reversed(fields.items()))) == digest(fields)


@given(FIELDS, FIELDS)
def test_different_fields_have_different_digests(
    one: dict[str, Value], other: dict[str, Value]
) -> None:
    assert (digest(one) == digest(other)) == (one == other)
