"""Routing's refusals in both languages: title and, where it helps, what to do."""

from shared.problem_texts import register_texts

register_texts(
    {
        "issue_not_yet_known": (
            "事项刚刚登记,正在派单",
            "The issue was just raised and is being assigned",
            "请稍后再试。",
            "Try again in a moment.",
        ),
        "not_in_charge": (
            "这件事不由您办理",
            "You are not in charge of this issue",
            "只有主办责任人或规定的人员可以这样做。",
            "Only the handler, or whom the rules name, can do this.",
        ),
        "deadline_lapsed": (
            "期限已过,系统已按规定处理",
            "The deadline has passed and has taken effect",
            "您的操作没有执行;请看事项现在的状态。",
            "Your command was not carried out; look at how the issue stands now.",
        ),
        "not_possible_in_state": (
            "事项目前的状态不能这样做",
            "Not possible as the issue stands now",
            "可以做的见 allowed。",
            "What is possible is listed in allowed.",
        ),
        "invalid_command": ("内容不符合要求", "The command does not hold what it needs"),
        "suspensions_used_up": ("本层级的挂起次数已用完", "This level may not suspend the issue again"),
        "extensions_used_up": ("本层级的延期次数已用完", "This level may not be granted another extension"),
        "extension_too_long": ("超过规则允许的最长延期", "is further than the policy lets a deadline be moved"),
        "supervised_lately": ("刚刚已作过同一督办,请稍后再试", "was given a moment ago"),
        "evidence_required": ("“已解决”需要照片或文件作证明", "Solved needs a photo or document as evidence"),
        "evidence_invalid": ("附件回执无效或已过期", "The attachment's receipt is not valid or has expired"),
        "promised_date_required": ("需要写明承诺日期", "A promised date is needed"),
        "reason_required": ("需要写明理由", "A reason is needed"),
        "not_in_future": ("必须是将来的时间", "Must be in the future"),
        "rejection_needs_township": ("不予受理须由镇级以上决定", "Only the township or above can reject"),
        "unknown_unit": ("没有这个承办单位,或它不属于这一层级", "No such unit, or it is not of this level"),
        "officer_not_in_unit": ("这位工作人员不在该单位", "This officer is not a member of the unit"),
        "nothing_to_change": ("没有要更改的内容", "Nothing to change"),
        "unknown_task": ("没有这项联办任务", "No such task"),
        "suspension_too_long": ("挂起时间超过规定上限", "Longer than a suspension may be"),
        "not_after_deadline": ("延期须晚于现在的期限", "An extension must end after the present deadline"),
        "visit_not_due": ("还没有到回访阶段", "No return visit is due yet"),
        "not_dissatisfied_again": ("只有第三次办结仍不满意时才能终结", "Only after the third resolution left the reporter dissatisfied"),
        "cursor_invalid": ("翻页位置无效", "Not the place of a page"),
        "text_empty": ("不能为空", "Must not be empty"),
    }
)
