"""The generated JSON Schemas describe what is on the wire, and drift is found."""

import json
from pathlib import Path

import pytest
from jsonschema import ValidationError

from shared.contracts import EVENTS, schemas
from shared.contracts.examples import EXAMPLES, on_the_wire
from shared.contracts.json_schemas import envelope_schema, event_schema
from tests.contract.json_documents import Json, validate


@pytest.mark.parametrize("name", EVENTS)
def test_an_example_fits_its_schema_and_its_envelope(name: str) -> None:
    wire: Json = json.loads(on_the_wire(EXAMPLES[name]))
    schema = event_schema(EVENTS[name])
    validate(schema, wire["data"])
    validate(envelope_schema(), wire)
    assert schema["$id"] == wire["dataschema"]


@pytest.mark.parametrize("name", EVENTS)
def test_a_schema_refuses_data_without_a_required_field(name: str) -> None:
    schema = event_schema(EVENTS[name])
    data = EXAMPLES[name].model_dump(mode="json")
    for field in schema.get("required", []):
        without = {key: value for key, value in data.items() if key != field}
        with pytest.raises(ValidationError):
            validate(schema, without)


def test_the_repositorys_copy_is_what_the_contracts_say() -> None:
    assert schemas.drift(schemas.FOLDER) == []


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    schemas.write(tmp_path / "one")
    schemas.write(tmp_path / "two")
    assert _contents(tmp_path / "one") == _contents(tmp_path / "two") == _contents(schemas.FOLDER)


def test_every_kind_of_drift_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    schemas.write(tmp_path)
    (tmp_path / "envelope.json").unlink()
    (tmp_path / "huiyin.issue.Vanished.v1.json").write_text("{}", encoding="utf-8")
    (tmp_path / "asyncapi.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)

    assert schemas.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "envelope.json is missing" in said
    assert "huiyin.issue.Vanished.v1.json belongs to no event" in said
    assert "asyncapi.json differs from its contract" in said
    assert "python -m shared.contracts.schemas" in said

    assert schemas.main([]) == 0
    assert schemas.main(["--check"]) == 0


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
