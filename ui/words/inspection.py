"""Texts of the panel that says what the model did for an answer."""

from ui.words.translation import Translation


class InspectionWords:
    """Experts, layers, and where the reader looked."""

    inside = Translation("What the model did", "模型做了什么")
    inside_model = Translation(
        "{model} wrote these words. They were run once more just now, with every step noted.",
        "这些话由 {model} 写成。刚才重新运行了一遍，并记下了每一步。",
    )
    inside_program = Translation(
        "All words of this answer are the program's own: it put them together from what it measured.",
        "这个回答的文字都由程序自己组成：它把测得的结果写成句子。",
    )
    inside_changed = Translation(
        "{model} wrote these words, and another model answers now. What was noted then is all that can be shown.",
        "这些话由 {model} 写成，现在回答的是另一个模型。只能显示当时记下的内容。",
    )
    inside_plain = Translation(
        "{model} wrote these words. It has no experts: every token takes the same way through it.",
        "这些话由 {model} 写成。它没有专家：每个词元走同样的路径。",
    )
    inside_opaque = Translation(
        "{model} wrote these words. It does not show what happens inside it: it runs in another program.",
        "这些话由 {model} 写成。它在别的程序里运行，不显示内部过程。",
    )
    inside_unkept = Translation(
        "{model} wrote these words, but what it was told is not known any more. Ask again to look inside.",
        "这些话由 {model} 写成，但当时给它的内容已不可知。请重新提问再查看内部。",
    )
    inside_nothing = Translation(
        "No word of this answer was written by a model with experts.", "这个回答里没有由带专家的模型写的文字。"
    )
    inside_wrote = Translation("What the model wrote", "模型写的内容")
    inside_tried = Translation("What the model wrote, and what was not shown", "模型写了但没有采用的内容")
    inside_choose = Translation("Experts of", "查看专家：")
    inside_all = Translation("all layers, by weight", "所有层，按权重")
    inside_layer = Translation("layer {number} ({stage})", "第 {number} 层（{stage}）")
    inside_tokens = Translation(
        "Words of the model, each with the number of its expert; arrow keys move", "模型的词，各带专家编号；方向键移动"
    )
    inside_hover = Translation(
        "Point at a word, or move through them with the arrow keys.", "指向一个词，或用方向键逐个移动。"
    )
    inside_chance = Translation("given with {percent:.0f} %", "给出的概率 {percent:.0f} %")
    inside_agrees = Translation(
        "{percent:.0f} % of the visits to experts are those noted when it answered.",
        "其中 {percent:.0f} % 的专家选择与回答时记下的相同。",
    )
    expert_names = Translation(
        ("coder", "reckoner", "witness", "observer", "aide", "talker", "operator", "narrator"),
        ("编程者", "计算者", "证人", "观察者", "助手", "交谈者", "操作者", "叙述者"),
    )
    domain_names = Translation(
        ("code", "mathematics", "evidence", "pictures", "instructions", "dialogue", "commands", "English"),
        ("代码", "数学", "证据", "图片", "指令", "对话", "命令", "英语"),
    )
    expert_kind = Translation("for {domain}, {width} wide", "用于{domain}，宽 {width}")
    stage_names = Translation(("local", "growing", "global", "sparse"), ("局部", "渐宽", "全局", "稀疏"))
    inside_layers = Translation("How far each layer sees", "每一层看多远")
    inside_drawn_layers = Translation("How far each layer sees (* has experts)", "每一层看多远（* 有专家）")
    inside_layers_hint = Translation(
        "The higher a bar, the further its layer sees; a hollow one chooses blocks; a dot marks experts.",
        "条越高，这一层看得越远；空心的只选取若干块；圆点表示有专家。",
    )
    inside_table = Translation("The layers as a table", "以表格显示各层")
    inside_columns = Translation(
        ("Layer", "Stage", "Sees", "Tokens here", "Experts"), ("层", "阶段", "可见范围", "此处词元数", "专家")
    )
    inside_window = Translation(
        "the last {window} tokens and the first {sinks}", "最后 {window} 个词元和最前 {sinks} 个"
    )
    inside_blocks = Translation("the {blocks} blocks of 32 that fit best", "最合适的 {blocks} 块，每块 32 个")
    inside_everything = Translation("everything before", "之前的全部")
    inside_looked = Translation("Where the reader looked", "读图模型看了哪里")
    inside_no_look = Translation("The reader of photos was not asked for this answer.", "这个回答没有用到读图模型。")
    inside_asked = Translation("It was asked: {question}", "问它的是：{question}")
    inside_slide = Translation("Layers", "层")
    inside_all_maps = Translation("all layers", "所有层")
    inside_map = Translation("layer {number}", "第 {number} 层")
    inside_map_agrees = Translation(
        "Bright is where it looked; this map covers {percent:.0f} % of the one noted when it answered.",
        "亮处是它看的地方；这张图与回答时记下的有 {percent:.0f} % 重合。",
    )
    inside_rest = Translation(
        "Layer 1 looks most at what is asked for; deeper ones look around it, and rest on cells that show nothing.",
        "第 1 层最常看所问的东西；更深的层看它的周围，也会停在没有内容的格子上。",
    )
    inside_map_now = Translation(
        "Bright is where it looks now; no map was noted when it answered.",
        "亮处是它现在看的地方；回答时没有记下图。",
    )
    inside_map_kept = Translation(
        "Bright is where it looked, as noted when it answered: the photo or the model is not here any more.",
        "亮处是回答时记下的它看的地方：照片或模型已不在这里。",
    )
    inside_save = Translation("Save as a picture (SVG)", "保存为图片（SVG）")
