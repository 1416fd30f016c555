"""Texts of the Models part of the Settings tab."""

from ui.words.translation import Translation


class ModelWords:
    """Models that can take the place of those that come along."""

    models_title = Translation("More models", "更多模型")
    models_hint = Translation(
        "They can take the place of those that come with it. Nothing is fetched until you press Download: then this "
        "machine asks {host} for the files, and nothing of yours is sent. “Not run here”: this project has not tried "
        "these weights itself, and figures are those that their makers publish.",
        "它们可以替换自带的模型。在你点击“下载”之前不会获取任何内容：下载时本机会向 {host} 请求文件，"
        "不会发送你的任何数据。“未在此运行”表示本项目尚未亲自试用这些权重，所列结果由其开发者公布。",
    )
    models_kinds = Translation("What for", "用途")
    models_vlm = Translation("Look at pictures and answer", "看图回答")
    models_lm = Translation("Phrase answers", "组织语言")
    models_space = Translation("Find pictures by words", "按文字找图")
    models_order = Translation("Order passages and code", "排列段落和代码")
    models_better = Translation("Better answers: {size}", "更好的回答：{size}")
    models_for_here = Translation("Recommended for this machine", "推荐用于本机")
    models_none_here = Translation(
        "None of them is recommended for this machine: those that come with it suit it best.",
        "没有推荐用于本机的模型：自带的模型最适合本机。",
    )

    offer_title = Translation("Better answers", "更好的回答")
    offer_hint = Translation(
        "{title}: {good_for} It is fetched once from {host}, and then works without the internet.",
        "{title}：{good_for}只需从 {host} 下载一次，之后无需联网。",
    )
    offer_ready = Translation("{title} is on this machine.", "{title} 已在本机。")
    offer_done = Translation("{title} answers from the next question on.", "从下一个问题起由 {title} 回答。")
    offer_license = Translation("See its licence", "查看许可证")
    offer_more = Translation("More in Settings", "在设置中了解更多")
    offer_not_now = Translation("Not now", "以后再说")

    model_fits = Translation("Fits this machine: ", "适合本机：")
    model_too_large = Translation("Too large for this machine: ", "本机无法运行：")
    model_disk = Translation("Download", "下载大小")
    model_disk_all = Translation("{size}, {all} once it is unpacked", "{size}，解包后共 {all}")
    model_memory = Translation("Memory at work", "运行内存")
    model_license = Translation("Licence", "许可证")
    model_languages = Translation("Languages", "语言")
    model_many = Translation("many others", "其他多种语言")
    model_english = Translation("English", "英语")
    model_chinese = Translation("Chinese", "中文")
    model_published = Translation("Published", "公布的结果")
    model_source = Translation("source", "来源")
    model_not_run = Translation("Not run here.", "未在此运行。")
    model_page = Translation("Its page", "模型主页")
    model_server_only = Translation(
        "It brings code of its own along, which is never run here. Run it in a local server such as Ollama, and choose "
        "that server below.",
        "它自带代码，这里从不运行。请在本地服务器（如 Ollama）中运行它，然后在下方选择该服务器。",
    )

    model_download = Translation("Download", "下载")
    model_accept = Translation("Accept the licence and download", "接受许可证并下载")
    model_pause = Translation("Pause", "暂停")
    model_resume = Translation("Resume", "继续")
    model_cancel = Translation("Cancel", "取消")
    model_again = Translation("Try again", "重试")
    model_use = Translation("Use", "使用")
    model_try = Translation("Try on my library", "在我的图库上试用")
    model_try_stop = Translation("Stop the trial", "停止试用")
    model_remove = Translation("Remove", "删除")
    model_remove_sure = Translation("Press again to remove", "再按一次确认删除")

    model_back = Translation("Use the one that comes with it", "改用自带的模型")
    model_opening = Translation(
        "It is opened beside the model that answers now …", "正在打开，期间由原来的模型继续回答……"
    )
    model_trying = Translation("It is asked a first question …", "正在试问第一个问题……")
    model_tried = Translation(
        "It answers from the next question on. Tried: {said}", "从下一个问题起由它回答。试问：{said}"
    )
    model_order_back = Translation("Back to the packaged order", "恢复自带的顺序")
    model_space_back = Translation("Search with the one that comes with it", "改用自带的搜索模型")
    model_space_returns = Translation(
        "All files are brought up to date for the search model that comes with it; then searches use it.",
        "正在为自带的搜索模型更新全部文件的索引，完成后即用它搜索。",
    )
    model_order_tried = Translation(
        "It orders what is found from the next question on. Tried: {said}",
        "从下一个问题起由它排列找到的内容。试问：{said}",
    )
    model_order_returned = Translation(
        "What is found stands in the packaged order again.", "找到的内容恢复为自带的顺序。"
    )
    model_is_opened = Translation("{title} is being opened.", "正在打开 {title}。")
    model_packaged_opened = Translation("The model that comes with it is being opened.", "正在打开自带的模型。")

    trial_begun = Translation(
        "{title} is being tried beside the model that answers now. Nothing changes before you press Use.",
        "正在将 {title} 与现在的模型对比试用。在你点击“使用”之前不会有任何改变。",
    )
    trial_ends = Translation("The trial of {title} is being stopped.", "正在停止试用 {title}。")
    trial_opening = Translation("It is opened beside the model that answers now …", "正在打开，与现在的模型并行……")
    trial_far = Translation("Question {n} of {total}, asked of both", "第 {n} 题，共 {total} 题，两个模型都回答")
    trial_stopped = Translation("Stopped after {n} of {total} questions.", "已停止：完成 {n} 题，共 {total} 题。")
    trial_failed = Translation("It could not be tried: {why}", "无法试用：{why}")
    trial_caption = Translation(
        "The same {total} questions, about photos that come with it and those that you put right",
        "同样的 {total} 个问题，关于自带的照片和你更正过的照片",
    )
    trial_present = Translation("Answers now", "现在的模型")
    trial_right = Translation("Right", "答对")
    trial_right_of = Translation("{n} of {total}", "{n} / {total} 题")
    trial_seconds = Translation("Time an answer", "每个回答用时")
    trial_seconds_of = Translation("{seconds} s", "{seconds} 秒")
    trial_differ = Translation("Questions that only one of them got right: {n}", "只有一个模型答对的问题：{n} 个")
    trial_alike = Translation("They are right and wrong on the same questions.", "两个模型在相同的问题上答对或答错。")
    trial_is_right = Translation("Right", "对")
    trial_is_wrong = Translation("Wrong", "错")

    model_in_use = Translation("In use", "正在使用")
    model_next_start = Translation("From the next start on", "下次启动起使用")
    model_here = Translation("On this machine", "已在本机")
    model_waiting = Translation("Waits its turn", "等待中")
    model_paused = Translation("Paused at {done} of {total}", "已暂停：{done}，共 {total}")
    model_paused_early = Translation("Paused", "已暂停")
    model_far = Translation("{done} of {total}", "已下载 {done}，共 {total}")
    model_speed = Translation("{size} a second", "每秒 {size}")
    model_looking = Translation("Asking which files there are …", "正在查询文件列表……")
    model_stopping = Translation("Stopping …", "正在停止……")

    model_begun = Translation("The download of {title} has begun.", "已开始下载 {title}。")
    model_was_paused = Translation("{title} is paused. What has come stays.", "{title} 已暂停，已下载的部分会保留。")
    model_goes_on = Translation("{title} goes on.", "{title} 继续下载。")
    model_was_cancelled = Translation("The download of {title} is cancelled.", "已取消下载 {title}。")
    model_was_removed = Translation("{title} was removed: {size} are free again.", "已删除 {title}，释放了 {size}。")
    model_space_chosen = Translation(
        "All files are being indexed with {title}, beside what is searched now; the Library shows how far that is."
        " When it is done, searches use it.",
        "正在用 {title} 为全部文件建立索引，期间仍用现有索引搜索；进度见“图库”。完成后即改用它搜索。",
    )
    model_indexing = Translation("All files are indexed with it: {far}", "正在用它为所有文件建立索引：{far}")
