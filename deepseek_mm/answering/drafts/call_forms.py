"""Forms of calls for the functions and classes of a module: values for each parameter, likelier ones first.

They come from what other code gives, the annotation, the constants that the body compares with, the default, and from
how the body uses the parameter.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace

from deepseek_mm.answering.drafts.definitions import ClassInfo, Definitions, Function
from deepseek_mm.answering.drafts.parameter_hints import HintReader
from deepseek_mm.answering.drafts.plain_values import Value, mix
from deepseek_mm.answering.drafts.trial_calls import CallForm, CallTarget, Parameter
from deepseek_mm.answering.drafts.values import ValueMaker, name_variable
from deepseek_mm.answering.drafts.written_calls import list_given

MOST_VALUES = 24  # of one parameter


class FormMaker:
    """Makes forms of calls for the functions of one module."""

    def __init__(self, home: Definitions, texts: Sequence[str] = ()) -> None:
        """`texts`: code that calls them."""
        self.home, self.texts, self.values = home, texts, ValueMaker()

    def make_form(self, target: CallTarget, node: Function) -> CallForm:
        """Of a function or method."""
        reader, given = HintReader(node, self.home), node.args
        plain = [*given.posonlyargs, *given.args]
        defaults = [*[None] * (len(plain) - len(given.defaults)), *given.defaults]
        called = list_given(self.texts, target.name, [arg.arg for arg in plain][1 if target.bound else 0 :])
        parameters = [self._make_self(target)] if target.made else []
        for place, (arg, default) in list(enumerate(zip(plain, defaults, strict=True)))[1 if target.bound else 0 :]:
            keyword = default is not None and place >= len(given.posonlyargs)
            parameters.append(self._make(arg, default, reader, called, keyword))
        if given.vararg:
            parameters.append(self._make_rest(given.vararg, reader))
        for arg, only in zip(given.kwonlyargs, given.kw_defaults, strict=True):
            parameters.append(self._make(arg, only, reader, called, True))
        taken = {target.name, target.holder, "result", *list_imported(parameters)}
        named = (replace(one, variable=f"{one.name}_given" if one.name in taken else one.name) for one in parameters)
        return CallForm(target.callee, tuple(named))

    def make_constructor(self, found: ClassInfo) -> CallForm:
        """Of a class: its call."""
        objects = self.values.list_objects(found, self.home)
        name = name_variable(found.name)
        return CallForm("{self}{property}", (Parameter(name, tuple(objects), is_self=True, variable=name),))

    def _make_self(self, target: CallTarget) -> Parameter:
        found = self.home.classes.get(target.holder)
        objects = self.values.list_objects(found, self.home) if found else []
        objects = [*objects, *self._prepare_objects(found, objects)] if found else []
        name = name_variable(target.holder)
        used = {arg.arg for arg in (target.arguments.args if target.arguments else [])}
        return Parameter(name, tuple(objects), is_self=True, variable=f"{name}_object" if name in used else name)

    def _prepare_objects(self, found: ClassInfo, objects: Sequence[Value]) -> list[Value]:
        """The first object after a method that puts something into it."""
        made = list[Value]()
        if objects and found.find_method("__setitem__"):
            made.append(replace(objects[0], then=("{it}['a'] = 1", "{it}['b'] = 2")))
        for name in ("add", "append", "push", "insert", "update", "put", "register", "extend", "feed", "set"):
            method = found.find_method(name)
            if method is None or not objects:
                continue
            line = self.values.list_calls(Value(f"{{it}}.{name}"), *method)[:2]
            if line:
                told = tuple(one.text for one in line)
                made.append(replace(objects[0].join_needs(*line), then=told))
        return made[:2]

    def _make(
        self, arg: ast.arg, default: ast.expr | None, reader: HintReader, called: Mapping[str, list[Value]], key: bool
    ) -> Parameter:
        listed = [*called.get(arg.arg, ()), *self.values.list_for(arg.arg, arg.annotation, default, reader)]
        kept = tuple(dict.fromkeys(listed))[:MOST_VALUES]
        return Parameter(arg.arg, kept, keyword=key, optional=default is not None)

    def _make_rest(self, arg: ast.arg, reader: HintReader) -> Parameter:
        """What takes all further arguments."""
        note = arg.annotation
        usual = self.values.list_annotated(note, self.home) if note is not None else []
        usual = usual or self.values.list_for(arg.arg.rstrip("s"), None, None, reader)
        pairs = zip(usual, usual[1:], strict=False)
        made = [Value(f"({one.text}, {two.text})").join_needs(one, two) for one, two in pairs]
        single = [Value(f"({one.text},)").join_needs(one) for one in usual[:6]]
        return Parameter(arg.arg, tuple([*mix(single, made), Value("()")][:MOST_VALUES]), star=True)


def list_imported(parameters: Sequence[Parameter]) -> set[str]:
    """Names that the values of the parameters bring in, which no variable may hide."""
    lines = {line for one in parameters for value in one.values for line in value.imports}
    return {line.split()[-1].partition(".")[0] for line in lines}
