"""Texts of model servers of this machine, in the Settings tab."""

from ui.words.translation import Translation


class ServerWords:
    """Ollama, llama.cpp, LM Studio and vLLM, found on their usual ports."""

    servers_title = Translation("Model servers on this machine", "本机的模型服务器")
    servers_hint = Translation(
        "Ollama, llama.cpp, LM Studio and vLLM are looked for on their usual ports of this machine, and nowhere else. "
        "Try asks a model for a word, the colour of a picture and a tool; nothing of yours is sent.",
        "在本机的常用端口上查找 Ollama、llama.cpp、LM Studio 和 vLLM，不会查找其他地方。“试用”会向模型要一个词、"
        "一张图片的颜色和一次工具调用，不会发送你的任何数据。",
    )
    servers_none = Translation(
        "No model server runs on this machine now. Start one on its usual port, then look again.",
        "本机现在没有运行模型服务器。请在常用端口上启动一个，然后重新查找。",
    )
    servers_look = Translation("Look again", "重新查找")
    servers_at = Translation("{kind} {version} at {url}", "{kind} {version}，地址 {url}")
    server_use = Translation("Use", "使用")
    server_try = Translation("Try", "试用")
    server_trying = Translation(
        "Trying {name}: it may have to be loaded first, which can take a minute or two ...",
        "正在试用 {name}：可能需要先加载模型，要等一两分钟……",
    )
    server_tried = Translation("{name}: {results}.", "{name} 的试用结果：{results}。")
    server_works = Translation("{ability}: works ({seconds} s)", "{ability}可用（{seconds} 秒）")
    server_fails = Translation("{ability}: does not work ({said})", "{ability}不可用（{said}）")
    server_is_opened = Translation("{name} is being opened.", "正在打开 {name}。")
    server_opening = Translation(
        "It is opened beside the model that answers now ...", "正在打开，期间由原来的模型继续回答……"
    )
    server_first = Translation("It is asked a first question ...", "正在试问第一个问题……")
    server_in_use = Translation("In use", "正在使用")
    server_next_start = Translation("From the next start on", "下次启动起使用")
    server_text = Translation("Answers", "回答")
    server_vision = Translation("Pictures", "看图")
    server_tools = Translation("Tools", "工具调用")
    server_embedding = Translation("Vectors", "向量")
    server_has = Translation("{ability} (its server says so)", "{ability}（服务器称支持）")
    server_shown = Translation("{ability} (tried: works)", "{ability}（已试用，可用）")
    server_not_shown = Translation("{ability} (tried: does not work)", "{ability}（已试用，不可用）")
    server_context = Translation("{n} tokens at a time", "一次 {n} 个词元")
    server_vectors_only = Translation("Gives vectors instead of words.", "只给出向量，不能用文字回答。")
    server_elsewhere = Translation(
        "It does not run here: its server passes what is asked on to {host}. It is not offered.",
        "它不在本机运行：服务器会把问题转发给 {host}，因此这里不提供。",
    )
