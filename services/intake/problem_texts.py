"""What intake's refusals say."""

TEXTS: dict[str, tuple[str, str] | tuple[str, str, str, str]] = {
    "unknown_village": ("没有这个村(社区)", "is no village of this deployment"),
    "unknown_officer": ("没有这名工作人员", "is no known officer"),
    "officer_elsewhere": ("该工作人员不负责此地", "is not in charge of this village"),
    "officer_without_unit": ("该工作人员没有所属单位", "belongs to no unit"),
    "not_a_discipline_officer": (
        "干部作风事项的首访人须为纪检工作人员",
        "must be a discipline officer for a conduct matter",
    ),
    "needs_first_receiver": ("当场办结须有首访人", "needs a first receiver, who answered on the spot"),
    "reporter_or_anonymous": ("请填写反映人,或选择匿名,二者择一", "give either the reporter or anonymous: true"),
    "reporter_named": ("不得包含反映人姓名", "must not contain the reporter's name"),
    "in_the_future": ("不得晚于当前时间", "must not be in the future"),
    "staff_only": ("仅限工作人员填写", "may be given by staff only"),
    "receipt_not_valid": ("附件回执无效或已过期", "is not a valid receipt, or has expired"),
    "receipt_used": ("附件已被使用", "is in use already"),
    "directory_not_loaded": ("系统正在启动", "The directory of topics is still being loaded", "请稍后重试。", "Try again shortly."),
    "forbidden_by_state": (
        "当前状态不允许此操作",
        "The issue's state does not allow this",
        "可进行的操作见 allowed。",
        "See allowed for what it allows.",
    ),
    "window_over": (
        "已超过30天期限",
        "The 30 days after closing are over",
        "可进行的操作见 allowed。",
        "See allowed for what is still possible.",
    ),
    "consequence_pending": (
        "您的上一条意见正在处理",
        "Your last word is still being acted on",
        "请稍后再试。",
        "Try again shortly.",
    ),
    "reporter_anonymous": ("反映人匿名", "The reporter is anonymous"),
    "reporter_erased": ("反映人信息已删除", "The reporter's data were erased"),
    "media_not_supported": (
        "不支持的文件类型",
        "This kind of file is not accepted",
        "请上传 JPEG、PNG、WebP 图片或 PDF 文件。",
        "Send a JPEG, PNG or WebP picture, or a PDF.",
    ),
    "image_too_large": ("图片像素过多", "The picture has too many pixels", "最多4000万像素。", "At most 40 million pixels."),
    "image_broken": ("图片已损坏", "The picture is damaged"),
    "pdf_broken": ("PDF 文件已损坏", "The PDF is damaged"),
    "pdf_active": ("不接受含脚本或内嵌文件的 PDF", "A PDF with scripts or embedded files is not accepted"),
    "file_missing": ("没有文件", "There is no file in the request"),
}
"""Code → (zh, en) or (zh, en, zh detail, en detail)."""
