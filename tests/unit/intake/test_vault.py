import stat
from dataclasses import replace
from pathlib import Path

import pytest

from services.intake.attachment_files import AttachmentFiles
from services.intake.keys import KEY_FILE, FixedKeys, KeyFile, KeyRing, KeysMissing
from services.intake.vault import Place, Sealed, Tampered, Vault
from shared.ids import new_id

PLACE = Place("reporter", "row-1", "issue-1")
CONTENT = "张三丰 13800001234".encode()


def test_what_is_sealed_opens_in_its_place_only():
    vault = Vault(FixedKeys(KeyRing.new()))
    sealed = vault.seal(PLACE, CONTENT)
    assert vault.open(PLACE, sealed) == CONTENT
    assert CONTENT not in sealed.box
    for other in (replace(PLACE, kind="words"), replace(PLACE, row_id="row-2"), replace(PLACE, issue_id="issue-2")):
        with pytest.raises(Tampered):
            vault.open(other, sealed)


def test_an_altered_box_does_not_open():
    vault = Vault(FixedKeys(KeyRing.new()))
    sealed = vault.seal(PLACE, CONTENT)
    for position in (0, 12, len(sealed.box) - 1):
        box = bytearray(sealed.box)
        box[position] ^= 1
        with pytest.raises(Tampered):
            vault.open(PLACE, Sealed(sealed.key_id, bytes(box)))


def test_the_same_content_never_looks_the_same():
    vault = Vault(FixedKeys(KeyRing.new()))
    assert len({vault.seal(PLACE, CONTENT).box[:12] for _ in range(100)}) == 100


def test_a_rotated_ring_opens_what_older_keys_sealed():
    first = KeyRing.new()
    sealed = Vault(FixedKeys(first)).seal(PLACE, CONTENT)
    second = first.rotated()
    vault = Vault(FixedKeys(second))
    assert vault.open(PLACE, sealed) == CONTENT
    assert vault.seal(PLACE, CONTENT).key_id == second.current != first.current
    with pytest.raises(KeysMissing):
        Vault(FixedKeys(second.pruned())).open(PLACE, sealed)


def test_the_look_up_index_survives_rotation_and_needs_its_key():
    ring = KeyRing.new()
    index = Vault(FixedKeys(ring)).lookup_index("330182-20260302-0001", "1234")
    assert Vault(FixedKeys(ring.rotated().pruned())).lookup_index("330182-20260302-0001", "1234") == index
    assert Vault(FixedKeys(KeyRing.new())).lookup_index("330182-20260302-0001", "1234") != index


def test_the_key_file_is_its_owners_alone_and_a_rotation_is_seen(tmp_path: Path):
    path = tmp_path / "secrets" / KEY_FILE
    keys = KeyFile(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other_process = KeyFile(path)
    assert other_process.ring() == keys.ring()
    other_process.save(other_process.ring().rotated())
    assert keys.ring().current == "k2"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_are_never_printed():
    ring = KeyRing.new()
    assert repr(ring) == "KeyRing(current='k1', keys=['k1'])"


@pytest.mark.parametrize("content", ["{}", "no json", '{"current": "k2", "keys": {}, "index": ""}'])
def test_a_broken_key_file_is_refused(content: str):
    with pytest.raises(ValueError, match=r"."):
        KeyRing.parse(content)


def file_of(folder: Path, attachment_id: str) -> Path:
    (path,) = folder.glob(f"attachments/*/{attachment_id}")
    return path


async def test_files_are_sealed_and_resealed(tmp_path: Path):
    keys = KeyFile(tmp_path / KEY_FILE)
    files = AttachmentFiles(tmp_path / "attachments", Vault(keys))
    attachment_id, other = new_id(), new_id()
    await files.write(attachment_id, CONTENT)
    await files.write(other, b"other")
    stored, of_other = file_of(tmp_path, attachment_id), file_of(tmp_path, other)
    assert CONTENT not in stored.read_bytes()
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    keys.save(keys.ring().rotated())
    assert files.reseal(attachment_id)
    assert not files.reseal(attachment_id)
    assert await files.read(attachment_id) == CONTENT
    assert stored.read_bytes().startswith(b"k2\n")
    stored.write_bytes(of_other.read_bytes())
    with pytest.raises(Tampered):
        await files.read(attachment_id)


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "a/b", "", "\x00"])
async def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str):
    files = AttachmentFiles(tmp_path / "attachments", Vault(FixedKeys(KeyRing.new())))
    with pytest.raises(ValueError, match="id"):
        await files.write(name, b"x")
    with pytest.raises(ValueError, match="id"):
        await files.read(name)
