"""What people call the levels of an issue's own place: 市, 县 or 区; 镇, 乡 or 街道; 村 or 社区."""

from collections.abc import Mapping

from shared.contracts.values import Level
from shared.problem_texts import Language
from shared.regions import LADDER, Regions, at_level

_ENDINGS: Mapping[Level, tuple[str, ...]] = {
    "village": ("村", "社区"),
    "township": ("镇", "乡", "街道"),
    "county": ("县", "市", "区", "旗"),
}
"""The first where a name ends in none of them."""
_ENGLISH: Mapping[str, str] = {"village": "Village", "township": "Township", "county": "County"}


def level_names(regions: Regions, village: str, language: Language) -> dict[str, str]:
    """Each level's name by its code, for the place of an issue."""
    if language == "en":
        return dict(_ENGLISH)
    return {level: _ending(level, regions.name(at_level(village, level))) for level in LADDER}


def _ending(level: Level, name: str) -> str:
    return next((ending for ending in _ENDINGS[level] if name.endswith(ending)), _ENDINGS[level][0])
