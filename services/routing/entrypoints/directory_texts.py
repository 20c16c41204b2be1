"""What administrators are told about a file that they bring in: what it changes, and its rows that cannot be taken, in both languages."""

from collections.abc import Mapping, Sequence

from services.routing.directory_imports import Imported
from services.routing.domain.directory_rows import Difference, Entry, Kind, RowError, key_of, known
from services.routing.domain.directory_tables import cells_of
from shared.problem_texts import Language, register_texts
from shared.problems import FieldError, pointer_to

MAX_ERRORS = 200
"""Whoever has as many mistakes in a file looks for their common cause first."""

MAX_CHANGES = 200
"""Changed rows that a table lists; the counts are of all."""

COUNTS = ("added", "changed", "removed", "unchanged")

register_texts(
    {
        "kind_unknown": (
            "认不出是哪张表:第一行应是 topics、units 或 officers 的列名",
            "is no table of topics, units or officers by its first row",
        ),
        "table_twice": ("文件里有两张同样的表", "holds the same table twice"),
        "workbook_too_large": (
            "表格文件太大",
            "The workbook is too large",
            "最多 20,000 行、64 列;展开后不超过 64 MB。请拆成几个文件。",
            "At most 20,000 rows and 64 columns, 64 MB unpacked. Split it.",
        ),
        "workbook_unreadable": (
            "不是能读的 xlsx 文件",
            "This is no workbook (xlsx) that can be read",
            "旧的 .xls 文件和加了密码的文件,请另存为不加密的 .xlsx。",
            "Save old .xls files, and those with a password, as plain .xlsx.",
        ),
        "row_column_missing": ("缺少此列", "is a column that is missing"),
        "row_required": ("必填", "is required"),
        "row_malformed": ("格式不正确", "does not have the right form"),
        "row_too_long": ("最多 80 个字符", "has at most 80 characters"),
        "row_duplicate": ("文件中已有同一项", "stands in the file twice"),
        "row_unknown_region": ("没有这个地区", "is no region of this deployment"),
        "row_unknown_unit": ("没有这个单位", "is no unit of the directory"),
        "row_unknown_role": ("没有这个岗位角色", "is no role of the directory"),
        "row_unknown_board": ("应为 full、category 或 none", "must be full, category or none"),
        "row_not_a_boolean": ("应为 true 或 false", "must be true or false"),
        "row_outside_regions": ("单位不在此人辖区内", "has a unit outside of the officer's regions"),
        "row_several_counties": ("辖区须在同一个县", "must all be in one county"),
        "row_level_of_role": ("此角色不设在这一层级", "has a region at whose level there is no such role"),
        "row_unit_of_village": ("村只设村民委员会,且村民委员会只设在村", "must be village_committee in a village, and nowhere else"),
        "row_still_used": ("要删掉的单位还有人员或事项在用", "cannot be removed: officers or topics still name it"),
        "row_in_charge": ("要删掉的人员手上还有没办结的事项,请先转办", "cannot be removed: has open matters; reassign them first"),
        "row_name_taken": ("此账号已停用或为其他角色", "is a disabled account, or one of another role"),
    }
)


def errors_of(imported: Mapping[Kind, Imported]) -> list[FieldError]:
    """The first errors as a problem shows them: `/rows/<row>/<column>`, row 1 being the header.

    What would be removed has no row and reads `/removed/<entry>`. Where there are several tables, the table's name stands before that.
    """
    several = len(imported) > 1
    found = [((kind,) if several else (), error) for kind, each in imported.items() for error in each.errors]
    return [FieldError(pointer_to(*table, *_place(error)), f"row_{error.problem}") for table, error in found[:MAX_ERRORS]]


def summary(imported: Mapping[Kind, Imported], errors: Sequence[FieldError], *, dry_run: bool, language: Language) -> dict[str, object]:
    """What an import changes, as JSON: in all, and table by table with the first rows that change anything."""
    differences = [each.difference for each in imported.values()]
    return {
        "kind": next(iter(imported)) if len(imported) == 1 else None,
        "dry_run": dry_run,
        **{name: sum(_count(difference, name) for difference in differences) for name in COUNTS},
        "errors": [error.render(language) for error in errors],
        "tables": [
            {"kind": kind, **{name: _count(each.difference, name) for name in COUNTS}, "rows": _changes(each)}
            for kind, each in imported.items()
        ],
    }


def _count(difference: Difference, name: str) -> int:
    found: int | tuple[Entry, ...] = getattr(difference, name)
    return found if isinstance(found, int) else len(found)


def _changes(imported: Imported) -> list[dict[str, object]]:
    """Each changed entry with its row (null for what is removed) and, by column, what was there and what will be."""
    found = imported.difference
    changes = [("added", entry) for entry in found.added] + [("changed", entry) for entry in found.changed]
    changes = sorted(changes, key=lambda change: imported.lines[key_of(change[1])]) + [("removed", entry) for entry in found.removed]
    return [
        {
            "row": imported.lines.get(key_of(entry)),
            "entry": key_of(entry),
            "change": change,
            "cells": _cells(None if change == "added" else known(entry, imported.former), None if change == "removed" else entry),
        }
        for change, entry in changes[:MAX_CHANGES]
    ]


def _cells(before: Entry | None, after: Entry | None) -> dict[str, dict[str, str | None]]:
    old, new = cells_of(before) if before else {}, cells_of(after) if after else {}
    return {
        column: {"before": old.get(column), "after": new.get(column)}
        for column in (new or old)
        if old.get(column) != new.get(column)
    }  # fmt: skip


def _place(error: RowError) -> tuple[str | int, ...]:
    return ("rows", error.row, error.column) if error.row else ("removed", error.column)
