import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.contracts.values import Evidence
from shared.keyfile import read_or_create, replace
from shared.receipts import LIFETIME, BadReceipt, Receipts

NOW = datetime(2025, 11, 21, 8, 0, tzinfo=UTC)
PHOTO = Evidence(attachment_id="0197f4a0-0000-7000-8000-000000000001", sha256="ab" * 32, media_type="image/jpeg")


def test_a_receipt_verifies_to_the_evidence_it_was_issued_for():
    receipts = Receipts(b"k" * 32)
    assert receipts.verify(receipts.issue(PHOTO, now=NOW), now=NOW + LIFETIME - timedelta(seconds=1)) == PHOTO


def test_a_receipt_expires():
    receipts = Receipts(b"k" * 32)
    with pytest.raises(BadReceipt, match="expired"):
        receipts.verify(receipts.issue(PHOTO, now=NOW), now=NOW + LIFETIME)


def test_another_key_or_an_altered_receipt_is_refused():
    receipt = Receipts(b"k" * 32).issue(PHOTO, now=NOW)
    with pytest.raises(BadReceipt):
        Receipts(b"x" * 32).verify(receipt, now=NOW)
    payload, signature = receipt.split(".")
    for altered in (
        payload[:-2] + "AA." + signature,
        payload + "." + signature[:-2] + "AA",
        payload,
        "",
        ".",
        "照片",
        "a.b.c",
        receipt + "=",
    ):
        with pytest.raises(BadReceipt):
            Receipts(b"k" * 32).verify(altered, now=NOW)


def test_the_key_is_made_once_even_by_processes_that_start_together(tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        receipts = [
            started.result().issue(PHOTO, now=NOW) for started in [pool.submit(Receipts.of, tmp_path / "secrets") for _ in range(16)]
        ]
    assert len(set(receipts)) == 1
    files = list((tmp_path / "secrets").iterdir())
    assert [file.name for file in files] == ["receipts.key"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_replacing_a_key_file_keeps_its_mode(tmp_path: Path):
    path = tmp_path / "some.key"
    assert read_or_create(path, lambda: b"one") == b"one"
    replace(path, b"two")
    assert read_or_create(path, lambda: b"three") == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
