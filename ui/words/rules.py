"""Words of the rules on the Library tab."""

from ui.words.word import Translation


class RulesWords:
    """Writing rules, and what they found. A rule itself is written in English whatever the page speaks."""

    rules = Translation("Rules", "规则")
    rules_label = Translation("Rules, one a line", "规则,每行一条")
    rules_hint = Translation(
        "Conditions: exist(cup), count(cup) > 2, near(cup, laptop) and the like, joined by and; not denies one. "
        "Checked are the photos of the collection that is chosen below, or all. The rules stay in {file}.",
        "条件:exist(cup)、count(cup) > 2、near(cup, laptop) 等,用 and 连接;not 表示否定。名称用英文。"
        "检查的是下面所选合集中的照片,或全部照片。规则保存在 {file}。",
    )
    rules_example = Translation(
        'near(person, camera) -> warn "somebody is near a camera"\n'
        'count(person) > 1 -> warn "more than one person"\n'
        'exist(shirt) and not exist(person) -> note "a shirt that nobody wears"',
        'near(person, camera) -> warn "有人在相机旁"\n'
        'count(person) > 1 -> warn "不止一个人"\n'
        'exist(shirt) and not exist(person) -> note "没有人穿的衬衫"',
    )
    rules_check = Translation("Check the photos", "检查照片")
    rules_photos = Translation(("{count} photo", "{count} photos"), ("{count} 张照片", "{count} 张照片"))
    rules_done = Translation("{photos} checked.", "已检查 {photos}。")
    rules_done_in = Translation("{photos} of {collection} checked.", "已检查“{collection}”中的 {photos}。")
    rules_far = Translation("{done} of {photos} checked.", "已检查 {done} / {photos}。")
    rules_none = Translation("No rule holds, as far as boxes tell.", "仅就方框而言,没有规则成立。")
    rules_warn = Translation("warning", "警告")
    rules_note = Translation("note", "提示")
    rules_boxes = Translation("as far as boxes tell", "仅就方框而言")
    rules_caveat = Translation(
        "As far as boxes tell: a rule knows a photo by its boxes, and what has no box may be there all the same.",
        "仅就方框而言:规则只根据方框判断,没有方框的东西仍可能在照片里。",
    )
    rules_first = Translation(
        "The first {most} are shown; on the command line, rules names all.",
        "只显示前 {most} 张;命令行的 rules 会列出全部。",
    )
