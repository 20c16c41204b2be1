"""What administrators are told about rows that cannot be taken, in both languages."""

from collections.abc import Sequence

from services.routing.domain.directory_rows import RowError
from shared.problem_texts import register_texts
from shared.problems import FieldError

MAX_ERRORS = 200
"""Whoever has as many mistakes in a file looks for their common cause first."""

register_texts(
    {
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
        "row_name_taken": ("此账号已停用或为其他角色", "is a disabled account, or one of another role"),
    }
)


def field_errors(errors: Sequence[RowError]) -> list[FieldError]:
    """The first errors as a problem shows them: `/rows/<row>/<column>`, row 1 being the header."""
    return [FieldError(f"/rows/{error.row}/{error.column}", f"row_{error.problem}") for error in errors[:MAX_ERRORS]]
