"""The JSON Schema for editors, and the example of the documentation."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import jsonschema
import pytest

from vietnam.datafiles import read_yaml
from vietnam.facilities import NETWORKS, load_network, write_schema
from vietnam.network_file import FacilityEntry, NetworkFile

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "network.md"


def plain(value):
    """Dates as the texts an editor sees."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def example() -> str:
    return re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]


def test_committed_schema_is_the_written_one():
    committed = json.loads((NETWORKS / "network.schema.json").read_text(encoding="utf-8"))
    assert committed == write_schema(), "write it again with: python -m vietnam.network_file"


def test_schema_accepts_the_shipped_network():
    jsonschema.Draft202012Validator.check_schema(write_schema())
    validator = jsonschema.Draft202012Validator(write_schema())
    assert not list(validator.iter_errors(plain(read_yaml(NETWORKS / "pilots.yaml").value)))


@pytest.mark.parametrize(
    "change", [{"tier": "provincal"}, {"beds": -1}, {"lattitude": 1.0}, {"code": "12"}]
)
def test_schema_refuses(change):
    entry = {
        **{"code": "99801", "name": "A", "tier": "provincial", "province": "27"},
        **{"latitude": 21.1, "longitude": 106.0},
    }
    validator = jsonschema.Draft202012Validator(write_schema())
    assert validator.is_valid({"name": "a", "facilities": [entry]})
    assert not validator.is_valid({"name": "a", "facilities": [entry | change]})


def test_the_example_of_the_page_loads(tmp_path):
    path = tmp_path / "example.yaml"
    path.write_text(example(), encoding="utf-8")
    network = load_network(path)
    hospital, centre, elsewhere = network.facilities
    assert hospital.names.at(dt.date(2025, 7, 1)) == "Bệnh viện Đa khoa Bắc Ninh số 2"
    assert hospital.provinces.at(dt.date(2025, 7, 1)) == "24"
    assert centre.parents.values == ("99801", None)
    assert elsewhere.code == "99999"
    assert network.flows("99802", "referral") == {"99801": 1.0}


def test_the_page_names_every_key():
    text = PAGE.read_text(encoding="utf-8")
    for model in (NetworkFile, FacilityEntry):
        for name, info in model.model_fields.items():
            assert f"`{info.alias or name}`" in text, f"{info.alias or name} is not documented"
