"""The words and sentences of explanations, each as (zh-CN, en)."""

from collections.abc import Mapping

Words = Mapping[str, tuple[str, str]]

STATES: Words = {
    "raised": ("已登记", "received"),
    "assigned": ("待签收", "assigned"),
    "in_progress": ("办理中", "in progress"),
    "suspended": ("挂起", "suspended"),
    "in_arbitration": ("待裁定", "in arbitration"),
    "referred": ("上报协调", "referred upward"),
    "resolved": ("已办结待回音", "resolved, to be answered"),
    "answered": ("已回音待评价", "answered, to be rated"),
    "visit_due": ("待回访", "return visit due"),
    "closed": ("已销号", "closed"),
}
LEVELS: Words = {"village": ("村", "village"), "township": ("镇(乡)", "township"), "county": ("县", "county")}

KINDS: Words = {
    "accept": ("签收期限", "To be accepted by"),
    "handle": ("办理期限", "To be settled by"),
    "arbitration": ("裁定期限", "To be arbitrated by"),
    "suspension": ("挂起截止", "Suspended until"),
    "task": ("联办任务期限", "Task of an invited unit, due"),
    "promise": ("承诺日期", "Promised for"),
    "extension": ("延期审批期限", "Extension to be decided by"),
    "interim": ("阶段答复", "Interim answer due"),
    "answer": ("回音期限", "To be answered by"),
    "rating": ("评价截止", "To be rated by"),
    "visit": ("回访期限", "Return visit by"),
    "supervise_notice": ("督办通报", "Notice of supervision on"),
    "supervise_criticism": ("督办批评", "Criticism of supervision on"),
}

UNITS: Words = {
    "seconds": ("秒", "seconds"),
    "minutes": ("分钟", "minutes"),
    "hours": ("小时", "hours"),
    "working_hours": ("个工作小时", "working hours"),
    "working_days": ("个工作日", "working days"),
    "days": ("天", "days"),
}
"""English ones lose their s for one of it."""

CRITERIA: Words = {
    "label": ("标签", "label"),
    "topic": ("事项类型", "topic"),
    "category": ("类别", "category"),
    "priority": ("紧急程度", "priority"),
    "channel": ("渠道", "channel"),
    "region": ("地区代码", "region code"),
    "level": ("层级", "level"),
}

VALUES: Mapping[str, Words] = {
    "level": LEVELS,
    "category": {
        "conduct": ("干部作风", "conduct of officials"),
        "hardship": ("实际困难", "hardship"),
        "shortcoming": ("工作不足", "shortcoming"),
        "proposal": ("发展建议", "proposal"),
    },
    "priority": {"routine": ("一般", "routine"), "urgent": ("紧急", "urgent"), "emergency": ("特急", "emergency")},
    "channel": {
        "home_visit": ("入户走访", "home visit"),
        "duty_desk": ("值班坐访", "duty desk"),
        "forum": ("民情恳谈会", "forum"),
        "mailbox": ("书记信箱", "mailbox"),
        "hotline": ("专线电话", "hotline"),
        "letter": ("来信", "letter"),
        "web": ("网上", "web"),
        "enterprise_visit": ("企业走访", "enterprise visit"),
        "system": ("系统转入", "another system"),
    },
}

DAYS: Words = {
    "holiday": ("放假,不计时", "Holidays, not counted"),
    "working_day": ("调休上班,计时", "Make-up working days, counted"),
    "closed": ("当地不办公,不计时", "Offices closed here, not counted"),
    "open": ("当地办公,计时", "Offices open here, counted"),
    "stopped": ("当地停止计时", "All clocks stop here"),
}

SENTENCES: Words = {
    "comma": (",", ", "),
    "list_comma": ("、", ", "),
    "none": ("没有在走的期限。", " No deadline runs."),
    "standing": ("事项 {number},{at} 时:{state}{level}。", "Issue {number} at {at}: {state}{level}."),
    "due": ("{kind} {due}:", "{kind} {due}: "),
    "stopped": ("{kind}已停止计时,还剩 {left}:", "{kind}: the clock stands still with {left} left; "),
    "ruled": (
        "规则“{rule}”(第 {version} 版)给 {allowance},自 {start} 起算。",
        "rule “{rule}” (version {version}) gives {allowance}, counted from {start}.",
    ),
    "recurring": (
        "规则“{rule}”(第 {version} 版)定为每 {allowance}一次,自 {start} 起算。",
        "rule “{rule}” (version {version}) asks for one every {allowance}, counted from {start}.",
    ),
    "grace": ("按新规则已经到期,给予宽限:", "by the new rules it would be past, so it has grace: "),
    "rule_before": (
        "规则“{rule}”原给 {allowance},自 {start} 起算,后经批准延期。",
        "rule “{rule}” gave {allowance}, counted from {start}; then it was extended.",
    ),
    "chosen": ("日期由工作人员于 {start} 确定。", "staff chose the date on {start}."),
    "extended": ("{at} 批准延期至 {until},理由:{reason}。", "Extended on {at} until {until}; reason: {reason}."),
    "pause": (
        "{since} 至 {until} 挂起,不计时,条件:{condition}。",
        "Suspended from {since} until {until}, not counted; condition: {condition}.",
    ),
    "pausing": ("{since} 起挂起,不计时,条件:{condition}。", "Suspended since {since}, not counted; condition: {condition}."),
    "moved": ("{at} 期限由 {former} 改为 {due},原因:{reason}。", "Moved on {at} from {former} to {due}; reason: {reason}."),
    "moved_with_grace": ("其中含宽限。", " This includes grace."),
    "counted": ("自 {start} 继续计时,当时还剩 {left}。", "The clock went on at {start} with {left} left."),
    "days": ("{what}:{days}。", "{what}: {days}."),
    "day": ("{day}{note}", "{day}{note}"),
    "note": ("({note})", " ({note})"),
    "used": ("已用 {used},还剩 {left}。", "{used} used, {left} left."),
    "lapsed": ("已到期,用了 {used}。", "It has passed; {used} used."),
    "warned": ("{at} 提醒主办人{share}。", "The handler is warned on {at}{share}."),
    "share": (",即用去 {share}% 时", ", when {share}% is used"),
    "unannounced": (
        "这段时间的调休安排还没有全部公布,日期可能会变。",
        "Not all make-up days are announced yet: the date may move.",
    ),
    "unknown_calendar": (
        "第 {version} 版日历已查不到,无法重算。",
        "Version {version} of the calendar is not known: it cannot be computed again.",
    ),
    "unknown_policy": ("第 {version} 版规则已查不到。", "Version {version} of the rules is not known."),
    "differs": ("注意:重算的结果是 {recomputed}。", "Mind: computed again it falls on {recomputed}."),
    "less_specific": ("规则“{rule}”也适用,但“{winner}”更具体。", "Rule “{rule}” fits too, but “{winner}” is more specific."),
    "does_not_fit": ("规则“{rule}”不适用:{criteria}。", "Rule “{rule}” does not fit: {criteria}."),
    "criterion": ("{criterion}须为{wanted}(本事项:{found})", "{criterion} must be {wanted} (here: {found})"),
    "no_label": ("无", "none"),
}
