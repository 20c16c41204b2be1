"""Who is responsible where (domain.md rules 1 and 8)."""

import pytest

from services.routing.domain.directory import Directory
from shared.contracts.routing import DirectoryChanged
from shared.contracts.values import Category, Handler, Level, Officer, Topic, Unit

VILLAGE, TOWNSHIP, COUNTY = "330182104228", "330182104000", "330182000000"
OTHER_TOWNSHIP = "330182105000"


def unit(region: str, code: str) -> Unit:
    return Unit(unit_id=f"{region}/{code}", region=region, code=code, zh=code, en=code)


def officer(officer_id: str, role: str, region: str, *codes: str, on_duty: bool = True) -> Officer:
    units = tuple(f"{region}/{code}" for code in codes)
    return Officer(officer_id=officer_id, name=f"岗位 {officer_id}", role=role, regions=(region,), units=units, on_duty=on_duty)


ROAD = Topic(code="road", zh="道路", en="Roads", township_unit="construction", county_unit="transport", board="full")
UNITS = (
    unit(VILLAGE, "village_committee"),
    unit(TOWNSHIP, "construction"),
    unit(TOWNSHIP, "service_hall"),
    unit(TOWNSHIP, "discipline"),
    unit(COUNTY, "transport"),
    unit(COUNTY, "discipline"),
    unit(COUNTY, "administrative_service"),
    unit(OTHER_TOWNSHIP, "construction"),
    unit("330199000000", "transport"),
)
CADRE = officer("cadre", "cadre", VILLAGE, "village_committee")
BUILDER = officer("builder-b", "officer", TOWNSHIP, "construction")
ENGINEER = officer("engineer", "officer", COUNTY, "transport")
DESK = officer("desk-township", "dispatcher", TOWNSHIP, "service_hall")
COUNTY_DESK = officer("desk-county", "dispatcher", COUNTY, "administrative_service")
SUPERVISOR = officer("supervisor", "supervisor", COUNTY)
EVERYONE = (CADRE, BUILDER, ENGINEER, DESK, COUNTY_DESK, SUPERVISOR)


def directory(*officers: Officer) -> Directory:
    return Directory().with_changes(DirectoryChanged(topics=(ROAD,), units=UNITS, officers=officers, by=None))


def handler(of: Officer, unit_id: str) -> Handler:
    return Handler(officer_id=of.officer_id, name=of.name, unit=unit_id)


@pytest.mark.parametrize(
    ("level", "topic", "category", "expected"),
    [
        ("village", "road", "hardship", f"{VILLAGE}/village_committee"),
        ("township", "road", "hardship", f"{TOWNSHIP}/construction"),
        ("county", "road", "hardship", f"{COUNTY}/transport"),
        ("village", "road", "conduct", f"{TOWNSHIP}/discipline"),
        ("township", "road", "conduct", f"{TOWNSHIP}/discipline"),
        ("county", "road", "conduct", f"{COUNTY}/discipline"),
        ("village", "new_topic", "proposal", f"{VILLAGE}/village_committee"),
        ("township", "new_topic", "proposal", f"{TOWNSHIP}/service_hall"),
        ("county", "new_topic", "proposal", f"{COUNTY}/administrative_service"),
    ],
)
def test_the_unit_follows_from_level_topic_and_category(level: Level, topic: str, category: Category, expected: str) -> None:
    assert directory().unit_for(VILLAGE, level, topic, category) == expected


def test_the_officer_on_duty_of_the_unit_is_seated() -> None:
    everyone = directory(*EVERYONE)
    assert everyone.seat(VILLAGE, "village", "road", "hardship") == handler(CADRE, f"{VILLAGE}/village_committee")
    assert everyone.seat(VILLAGE, "township", "road", "hardship") == handler(BUILDER, f"{TOWNSHIP}/construction")
    assert everyone.seat(VILLAGE, "county", "road", "hardship") == handler(ENGINEER, f"{COUNTY}/transport")


def test_the_lowest_officer_on_duty_is_chosen_whatever_the_order() -> None:
    first, off_duty = (
        officer("builder-a", "officer", TOWNSHIP, "construction"),
        officer("a", "officer", TOWNSHIP, "construction", on_duty=False),
    )
    last_by_name = first.model_copy(update={"name": "龥"})
    for order in ((BUILDER, last_by_name, off_duty), (off_duty, last_by_name, BUILDER)):
        assert directory(*order).seat(VILLAGE, "township", "road", "hardship").officer_id == "builder-a"


@pytest.mark.parametrize("level", ["village", "township"])
def test_where_nobody_is_on_duty_the_townships_dispatcher_is_seated(level: Level) -> None:
    away = [person.model_copy(update={"on_duty": False}) for person in (CADRE, BUILDER)]
    assert directory(*away, DESK, COUNTY_DESK).seat(VILLAGE, level, "road", "hardship") == handler(DESK, f"{TOWNSHIP}/service_hall")


def test_the_countys_dispatcher_stands_in_at_the_county() -> None:
    seated = directory(DESK, COUNTY_DESK).seat(VILLAGE, "county", "road", "hardship")
    assert seated == handler(COUNTY_DESK, f"{COUNTY}/administrative_service")


def test_with_no_dispatcher_on_duty_the_bare_unit_is_seated() -> None:
    away = DESK.model_copy(update={"on_duty": False})
    bare = directory(away, COUNTY_DESK).seat(VILLAGE, "township", "road", "hardship")
    assert bare == Handler(officer_id=None, name=None, unit=f"{TOWNSHIP}/construction")


def test_a_supervisor_or_a_dispatcher_in_a_unit_is_not_its_officer() -> None:
    stray = officer("a-dispatcher", "dispatcher", TOWNSHIP, "construction")
    watching = officer("a-supervisor", "supervisor", TOWNSHIP, "construction")
    assert directory(stray, watching, BUILDER).seat(VILLAGE, "township", "road", "hardship").officer_id == BUILDER.officer_id


def test_conduct_is_seated_at_the_discipline_office_and_never_with_the_village() -> None:
    inspector = officer("inspector", "officer", TOWNSHIP, "discipline")
    seated = directory(*EVERYONE, inspector).seat(VILLAGE, "village", "road", "conduct")
    assert seated == handler(inspector, f"{TOWNSHIP}/discipline")


def test_above_the_village_stands_the_township_and_above_the_county_the_supervisor() -> None:
    everyone = directory(*EVERYONE)
    assert (
        everyone.dispatcher_above(VILLAGE, "village")
        == everyone.dispatcher(VILLAGE, "township")
        == handler(DESK, f"{TOWNSHIP}/service_hall")
    )
    assert everyone.dispatcher_above(VILLAGE, "township") == handler(COUNTY_DESK, f"{COUNTY}/administrative_service")
    assert everyone.dispatcher_above(VILLAGE, "county") == everyone.supervisor(VILLAGE)
    assert everyone.dispatcher(VILLAGE, "village") == everyone.dispatcher(VILLAGE, "township")


def test_a_supervisor_on_duty_goes_first_but_somebody_is_always_told() -> None:
    away = officer("a", "supervisor", COUNTY, on_duty=False)
    both, one = directory(SUPERVISOR, away).supervisor(VILLAGE), directory(away).supervisor(VILLAGE)
    assert both == handler(SUPERVISOR, f"{COUNTY}/administrative_service")
    assert one is not None
    assert one.officer_id == "a"
    assert directory().supervisor(VILLAGE) is None


def test_a_dispatcher_of_the_next_township_never_stands_in() -> None:
    neighbour = officer("desk-neighbour", "dispatcher", OTHER_TOWNSHIP, "service_hall")
    assert directory(neighbour).dispatcher(VILLAGE, "township") is None


def test_a_handler_is_a_known_unit_with_one_of_its_members() -> None:
    everyone = directory(*EVERYONE)
    construction = f"{TOWNSHIP}/construction"
    assert everyone.handler_of(construction) == everyone.handler_of(construction, "builder-b") == handler(BUILDER, construction)
    assert everyone.handler_of(construction, "engineer") is None
    assert everyone.handler_of(construction, "nobody") is None
    assert everyone.handler_of(f"{TOWNSHIP}/no_such_unit") is None
    assert everyone.handler_of(f"{TOWNSHIP}/service_hall") == handler(DESK, f"{TOWNSHIP}/service_hall")
    assert directory().handler_of(construction) == Handler(officer_id=None, name=None, unit=construction)


@pytest.mark.parametrize(
    ("text", "level", "expected"),
    [
        (f"{OTHER_TOWNSHIP}/construction", "village", f"{OTHER_TOWNSHIP}/construction"),
        ("330199000000/transport", "county", None),
        (f"{TOWNSHIP}/no_such_unit", "township", None),
        ("construction", "township", f"{TOWNSHIP}/construction"),
        ("discipline", "township", f"{TOWNSHIP}/discipline"),
        ("discipline", "village", f"{TOWNSHIP}/discipline"),
        ("discipline", "county", f"{COUNTY}/discipline"),
        ("transport", "township", f"{COUNTY}/transport"),
        ("construction", "county", f"{TOWNSHIP}/construction"),
        ("village_committee", "county", f"{VILLAGE}/village_committee"),
        ("no_such_unit", "county", None),
    ],
)
def test_a_unit_is_found_by_its_identity_or_by_the_nearest_of_its_code(text: str, level: Level, expected: str | None) -> None:
    assert directory().find_unit(text, VILLAGE, level) == expected


def test_changes_add_replace_and_remove_and_leave_the_former_directory_alone() -> None:
    former = directory(*EVERYONE)
    busy = BUILDER.model_copy(update={"on_duty": False})
    changed = former.with_changes(
        DirectoryChanged(officers=(busy,), removed=("topic:road", f"unit:{COUNTY}/transport", "officer:cadre"), by="admin")
    )
    assert changed.officers["builder-b"].on_duty is False
    assert "cadre" not in changed.officers
    assert "road" not in changed.topics
    assert f"{COUNTY}/transport" not in changed.units
    assert former.seat(VILLAGE, "township", "road", "hardship").officer_id == "builder-b"
    assert former.officers["cadre"] == CADRE


def test_a_removed_topic_leaves_an_officer_of_the_same_name() -> None:
    namesake = officer("road", "officer", TOWNSHIP, "construction")
    assert directory(namesake).with_changes(DirectoryChanged(removed=("topic:road",), by=None)).officers == {"road": namesake}
