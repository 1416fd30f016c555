"""Texts of the Settings and Learning tabs."""

from ui.words.translation import Translation


class SettingsWords:
    """What can be chosen, and what is so."""

    settings = Translation("Settings", "设置")
    set_answers = Translation("Answers and search", "回答与搜索")
    set_regions = Translation("Parts of photos and texts for each answer", "每个回答使用的照片和文字的部分数")
    set_regions_info = Translation(
        "At most so many parts of photos, pages and texts are the evidence of one answer.",
        "一个回答最多以图库中照片、页面和文字的这么多个部分为依据。",
    )
    set_certainty = Translation("When a search says “nothing found”", "搜索何时说“没有找到”")
    set_certainty_info = Translation(
        "Words count as found from this certainty. Lower claims more, higher misses more.",
        "达到此确信度才算找到。调低会多报，调高会漏报。",
    )
    set_measured = Translation(
        "At {value}: {claimed:.1f} % of {absent} things that no photo shows were called found, and {missed:.1f} % of "
        "{there} things that are there were missed (measured on 1,000 photos of Flickr8k that it was not trained on).",
        "设为 {value} 时：{absent} 个照片里没有的事物中有 {claimed:.1f} % 被误报，{there} 个确实存在的事物中有 "
        "{missed:.1f} % 被漏掉（在未参与训练的 1,000 张 Flickr8k 照片上测得）。",
    )
    set_unmeasured = Translation(
        "At {value}: what it means was not measured for this encoder.", "设为 {value}：此编码器尚未测得其效果。"
    )
    set_fitted = Translation("This is the default.", "这是默认值。")
    set_presence = Translation("When an answer says that something is there", "回答何时认定某物存在")
    set_presence_info = Translation(
        "The probability from which a thing counts as there in an answer.", "在回答中，达到此概率才算某物存在。"
    )
    set_presence_says = Translation(
        "From {value} an answer says that it is there; below {sure} it says “probably”.",
        "达到 {value} 时回答会说它存在；低于 {sure} 时会加上“probably”（可能）。",
    )
    set_presence_sure = Translation(
        "From {value} an answer says that it is there; it never needs to say “probably”.",
        "达到 {value} 时回答会说它存在，不需要再说“probably”（可能）。",
    )
    set_phrasing = Translation("What the language model does", "语言模型做什么")
    set_phrasing_auto = Translation("What suits the model", "按模型自动选择")
    set_phrasing_claims = Translation("It rephrases checked claims, one at a time", "逐条改写已核对的陈述")
    set_phrasing_free = Translation("It reads the evidence and speaks, then is checked", "阅读依据后作答，再核对")
    set_phrasing_none = Translation("Nothing: the program's own words (fastest)", "不使用：由程序直接措辞（最快）")
    set_save = Translation("Save", "保存")
    set_defaults = Translation("Back to the defaults", "恢复默认值")
    set_saved = Translation(
        "Saved. It holds from the next question on, and after a restart.", "已保存。从下一个问题起生效，重启后也保持。"
    )
    set_reset = Translation("The defaults hold again from the next question on.", "默认值从下一个问题起恢复。")
    set_unchanged = Translation("Nothing to save: nothing was changed.", "没有改动，无需保存。")

    dial = Translation("Speed and quality", "速度与质量")
    dial_label = Translation("What a question may cost", "每个问题可花费的时间")
    dial_hint = Translation("Holds from the next question on.", "从下一个问题起生效。")
    dial_measure = Translation("Measure on this machine", "在本机测量")
    dial_measure_hint = Translation(
        "Asks questions about the bundled photos at each of the three, in the background. It takes a minute or two.",
        "在后台用自带照片的问题测试这三档，大约需要一两分钟。",
    )
    dial_begins = Translation("Opening the models.", "正在加载模型。")
    dial_next = Translation("From the next start on: {engines}.", "下次启动起：{engines}。")
    dial_pictures = Translation("{engine} computes pictures", "图片由 {engine} 计算")
    dial_texts = Translation("{engine} computes texts", "文字由 {engine} 计算")
    dial_fast = Translation("Fast", "快速")
    dial_balanced = Translation("Balanced", "均衡")
    dial_best = Translation("Best", "最佳")
    dial_measured = Translation(
        "{seconds:.2f} s an answer here, {score:.0f} % of {questions} questions right",
        "本机每个回答 {seconds:.2f} 秒，{questions} 个问题答对 {score:.0f} %",
    )
    dial_unmeasured = Translation("not measured here", "尚未在本机测量")
    set_plan = Translation("How this machine computes", "本机的计算方式")
    reliability = Translation("How sure, and how right", "把握与正确率")
    reliability_hint = Translation(
        "By the thumbs and corrections that answers in this library were given.", "依据此图库中回答得到的点赞与更正。"
    )
    reliability_none = Translation(
        "No answer that says how sure it is was judged yet. Thumbs under answers count.",
        "还没有带把握的回答得到评价。回答下方的点赞和点踩都算。",
    )
    reliability_answers = Translation(("{count} answer", "{count} answers"), ("{count} 个回答", "{count} 个回答"))
    reliability_all = Translation(
        "{count}: {said:.0f} % sure on average, {right:.0f} % right.",
        "{count}：平均把握 {said:.0f} %，正确 {right:.0f} %。",
    )
    reliability_lacks = Translation(
        ("{count} more judged answer is needed to say how far that can be believed.",
         "{count} more judged answers are needed to say how far that can be believed."),
        ("还需 {count} 个评价，才能说明把握有多可信。", "还需 {count} 个评价，才能说明把握有多可信。"),
    )  # fmt: skip
    reliability_error = Translation(
        "What answers say is off by {error:.0f} % on average (between {low:.0f} and {high:.0f} %).",
        "回答给出的把握平均偏差 {error:.0f} %（在 {low:.0f} 到 {high:.0f} % 之间）。",
    )
    reliability_group = Translation("Sure", "把握")
    reliability_count = Translation("Answers", "回答数")
    reliability_said = Translation("Said", "给出")
    reliability_right = Translation("Right", "正确")
    reliability_between = Translation("{low:.0f} to {high:.0f} %", "{low:.0f} 到 {high:.0f} %")
    reliability_share = Translation(
        "{right:.0f} % ({low:.0f} to {high:.0f})", "{right:.0f} %（{low:.0f} 到 {high:.0f}）"
    )

    set_models = Translation("Language model and encoder", "语言模型与编码器")
    set_models_hint = Translation(
        "These are opened at the start: a change takes effect at the next one.",
        "这些在启动时加载，改动在下次启动时生效。",
    )
    set_lm = Translation("Language model", "语言模型")
    set_lm_packaged = Translation("The one that comes with it", "自带的模型")
    set_lm_none = Translation("None: the program's own words", "不用：由程序措辞")
    set_lm_server = Translation(
        "A server (OpenAI-compatible: llama.cpp, vLLM, Ollama)", "服务器（兼容 OpenAI：llama.cpp、vLLM、Ollama）"
    )
    set_lm_own = Translation("Another model of this machine", "本机上的其他模型")
    set_lm_sees = Translation(
        "A model of this machine that looks at pictures (vision-language)", "本机上能看图的模型（视觉语言模型）"
    )
    set_url = Translation("Address of the server", "服务器地址")
    set_url_hint = Translation(
        "http://127.0.0.1:8000/v1; several with commas between them", "http://127.0.0.1:8000/v1；多个地址以逗号分隔"
    )
    set_model = Translation("Name of the model (a server's first, if empty)", "模型名称（留空则用服务器的第一个）")
    set_model_hint = Translation(
        "A folder, a hub name, or the server's name for it", "文件夹、hub 名称或服务器上的名称"
    )
    set_sees = Translation("Its model looks at pictures: send them along", "该模型能看图：随问题发送图片")
    set_key = Translation(
        "If the server wants a key, it is read from the environment variable {name}, which is {state}. "
        "A key is never written down or shown here.",
        "若服务器需要密钥，会从环境变量 {name} 读取（目前{state}）。密钥不会在此保存或显示。",
    )
    set_key_there = Translation("set", "已设置")
    set_key_missing = Translation("not set", "未设置")
    set_try = Translation("Try it", "试一试")
    set_trying = Translation("Asking the server which models it offers …", "正在询问服务器有哪些模型……")
    set_offers = Translation("It answers, and offers: {names}.", "服务器有回应，提供的模型：{names}。")
    set_offers_not = Translation(
        "It answers, but does not offer {name}. It offers: {names}.",
        "服务器有回应，但没有 {name}。提供的模型：{names}。",
    )
    set_more = Translation("{names} and {count} more", "{names} 等，另有 {count} 个")
    set_encoder = Translation("Encoder", "编码器")
    set_encoder_default = Translation("The search model that comes with it", "自带的搜索模型")
    set_encoder_own = Translation("A CLIP or SigLIP checkpoint", "CLIP 或 SigLIP 模型")
    set_checkpoint = Translation("Its folder or hub name", "文件夹或 hub 名称")
    set_save_models = Translation("Save for the next start", "保存，下次启动生效")
    set_kept = Translation("Saved to the settings file.", "已保存到设置文件。")
    set_next = Translation("At the next start: {what}", "下次启动时：{what}")
    set_next_lm = Translation("language model {name}.", "语言模型 {name}。")
    set_next_server = Translation("language model at {url}.", "位于 {url} 的语言模型。")
    set_next_own = Translation(
        "It is converted once, which needs its files on this machine or a connection to the hub.",
        "首次会转换一次，需要本机上有其文件，或能连接 hub。",
    )
    set_next_sees = Translation(
        "It looks at the photos of each answer, which takes seconds to minutes without a GPU. Its files must be on "
        "this machine, or the hub in reach.",
        "它会为每个回答查看照片，没有 GPU 时需要几秒到几分钟。需要本机上有其文件，或能连接 hub。",
    )
    set_next_encoder = Translation(
        "search model {name}. It has an index of its own, empty at first: add the files again to search them, or "
        "choose the model below, under More models: then all files are indexed for it first. The present index stays.",
        "搜索模型 {name}。它有自己的索引，开始时为空：需要重新添加文件才能搜索，"
        "或在下面的“更多模型”中选择它：会先为全部文件建立索引。现有索引会保留。",
    )
    set_next_undo = Translation(
        "Should that start fail, it says why; the file to correct is {file}.",
        "若启动失败会说明原因，可修改文件 {file}。",
    )
    set_fixed_environment = Translation(
        "Fixed by the environment variable {name}, which wins over the settings file. Unset it and start again to "
        "choose here.",
        "由环境变量 {name} 固定，优先于设置文件。取消该变量并重新启动后可在此选择。",
    )
    set_fixed_flag = Translation(
        "Fixed by the flag {name} of this start, which wins over the settings file. Start without it to choose here.",
        "由本次启动的参数 {name} 固定，优先于设置文件。不带该参数启动后可在此选择。",
    )
    set_fixed_open = Translation(
        "This page can be reached from other machines. So models are chosen at the machine, in its settings file.",
        "此页面可从其他机器访问，因此只能在那台机器上的设置文件中选择模型。",
    )
    set_no_folder = Translation("No folder at {path}. Check the path.", "{path} 处没有文件夹。请检查路径。")
    set_no_name = Translation(
        "{name} is neither a folder nor a hub name such as openai/clip-vit-base-patch32. Type one of these.",
        "{name} 既不是文件夹，也不是 hub 名称（如 openai/clip-vit-base-patch32）。请填写其中之一。",
    )
    set_no_url = Translation(
        "Type the address of the server, such as http://127.0.0.1:8000/v1",
        "请填写服务器地址，如 http://127.0.0.1:8000/v1",
    )

    set_look = Translation("How it looks", "外观")
    set_about = Translation("About this installation", "关于本安装")
    set_lies = Translation("The library lies in", "图库位于")
    set_file = Translation("Settings file", "设置文件")
    set_files = Translation("Files", "文件")
    set_version = Translation("Version", "版本")
    set_notice = Translation("Note", "注意")
    set_space = Translation("Search model", "搜索模型")
    set_lm_now = Translation("Language model now", "当前语言模型")
    set_lm_server = Translation("Its server {name}", "其服务器 {name}")
    set_lm_server_up = Translation(
        "works, {under_way} under way, {failed} failed", "正常，{under_way} 个进行中，{failed} 个失败"
    )
    set_lm_server_trial = Translation(
        "answers again, {under_way} under way, {failed} failed", "已恢复回应，{under_way} 个进行中，{failed} 个失败"
    )
    set_lm_server_down = Translation(
        "left out, {under_way} under way, {failed} failed", "已停用，{under_way} 个进行中，{failed} 个失败"
    )
    set_fingerprint = Translation("version of its weights", "权重版本")
    set_machine = Translation("Machine", "机器")
    set_threads = Translation("Threads", "线程")
    set_threads_are = Translation("encoder {encoder}, language model {lm}", "编码器 {encoder}，语言模型 {lm}")
    set_all = Translation("all", "全部")
    set_cores = Translation("{system}, CPU with {cores} cores", "{system}，CPU {cores} 核")
    set_copy = Translation("Copy all this for a bug report", "复制以上信息用于报告问题")
    set_copy_hint = Translation("Without paths, names of photos or keys.", "不含路径、照片名称或密钥。")


class LearningWords:
    """Corrections, versions, and what each of them changed."""

    right_answer = Translation("The right answer:", "正确答案：")
    right_hint = Translation("in a word or two", "一两个词")
    right_hint_yes_no = Translation("yes or no", "是或否（yes / no）")
    right_hint_number = Translation("a number, such as 3", "数字，例如 3")
    right_hint_colour = Translation("a colour, such as blue", "颜色，例如 blue")
    right_hint_text = Translation("the words as they stand there", "上面写的原文")
    right_hint_thing = Translation("what it is, such as kite", "是什么，例如 kite")
    right_keep = Translation("Keep this answer as the right one", "保存为正确答案")
    right_kept = Translation("Kept. It can be learned from, see Learning.", "已保存。可在“学习”中用于训练。")

    learning = Translation("Learning", "学习")
    job_learn = Translation("Learn from corrections", "从更正中学习")
    learn_title = Translation("Learn from corrections", "从更正中学习")
    learn_hint = Translation(
        "A thumb down and the right answer below it, boxes that were named, and descriptions of photos become "
        "training. What is learned answers only after you have looked at what it changed and accepted it.",
        "点“踩”并填写正确答案、给框命名、为照片写描述，都会成为训练材料。学到的内容只有在你查看变化并接受之后才会用于回答。",
    )
    learn_answers = Translation("Answers now: {told}", "当前作答：{told}")
    learn_shipped = Translation("as shipped", "出厂权重")
    learn_version = Translation("version {number}", "版本 {number}")
    learn_waiting = Translation(
        ("{count} correction is new", "{count} corrections are new"), ("{count} 条新的更正", "{count} 条新的更正")
    )
    learn_lacks = Translation(
        ("{count} more correction is needed to learn from.", "{count} more corrections are needed to learn from."),
        ("还需要 {count} 条更正才能学习。", "还需要 {count} 条更正才能学习。"),
    )
    learn_now = Translation("Learn now", "开始学习")
    learn_back = Translation("Go back", "退回上一个")
    learn_begun = Translation(
        "Begun. It takes seconds; you can go on asking meanwhile.", "已开始。只需几秒，期间可以继续提问。"
    )
    learn_running = Translation("Learning ...", "正在学习……")
    learn_none = Translation("Nothing was learned yet.", "还没有学习过。")
    learn_made = Translation("Version {number}, {made}", "版本 {number}，{made}")
    learn_on = Translation("on top of {base}", "基于{base}")
    learn_is_now = Translation("answers now", "正在作答")
    learn_accept = Translation("Accept", "接受")
    learn_insist = Translation("Accept all the same", "仍然接受")
    learn_against = Translation("This should not be taken:", "不建议采用：")
    learn_insist_why = Translation(
        "Version {number} should not be taken: {why}. Press again to accept it all the same.",
        "版本 {number} 不建议采用：{why}。再次点击则仍然接受。",
    )
    learn_accepted = Translation(
        "Version {number} answers from the next question on.", "从下一个问题起由版本 {number} 作答。"
    )
    learn_gone_back = Translation("Answers now: {told}.", "当前作答：{told}。")
    learn_questions = Translation("Questions", "问题")
    learn_count = Translation("Count", "数量")
    learn_before = Translation("Right before", "之前答对")
    learn_after = Translation("Right after", "之后答对")
    learn_change = Translation("Gained, lost", "新对、变错")
    learn_changed = Translation("What is answered otherwise", "答案的变化")
    learn_no_index = Translation(
        "Only the layer that chooses among answers learns: no photo has to be indexed again.",
        "只有选择答案的那一层会学习：照片无需重新建立索引。",
    )
    asked_trained = Translation("your corrections, learned", "你的更正（已学习）")
    asked_held_out = Translation("your corrections, held out", "你的更正（留作检验）")
    asked_earlier = Translation("corrections accepted earlier", "以前接受的更正")
    asked_near = Translation("built-in, most like yours", "内置问题中与你的最相近的")
    asked_built_in = Translation("built-in questions, all", "全部内置问题")
    asked_there = Translation("is a thing there", "是否有某物")
    asked_closed = Translation("yes or no", "是或否")
    asked_count = Translation("how many", "数量")
    asked_colour = Translation("which colour", "颜色")
    asked_open = Translation("other questions", "其他问题")
    asked_bundled = Translation("the bundled photos", "自带照片")
