"""Conditions of routes: compiled once into functions of an event; nothing of them is ever evaluated as Python.

    context.customerTier in ['premium', 'vip'] and context.orderTotal >= 1000

There are paths, texts, numbers, true, false, null and lists of them; == != < <= > >= in; not, and, or; parentheses. A
path that leads nowhere is null; what can't be compared is not so.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

LONGEST = 1_000
DEEPEST = 20
ROOTS = ("type", "correlationId", "orchestrationName", "context")

Event = Mapping[str, Any]
Value = Callable[[Event], Any]
Condition = Callable[[Event], bool]

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_WORDS = {"true": True, "false": False, "null": None}


class ExpressionError(ValueError):
    """A condition that is none."""


def compiled(text: str) -> Condition:
    """The condition of `text`; ExpressionError, with the place, for whatever the language does not have."""
    if len(text) > LONGEST:
        raise ExpressionError(f"{len(text)} characters: expected at most {LONGEST}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"{text!r}: {getattr(error, 'msg', error)}") from None
    value = _value(tree.body, text, 0)
    return lambda event: bool(value(event))


def _value(node: ast.expr, text: str, depth: int) -> Value:
    if depth > DEEPEST:
        raise ExpressionError(f"{text!r}: nested more than {DEEPEST} deep")
    match node:
        case ast.BoolOp(op=op, values=values):
            parts = [_value(each, text, depth + 1) for each in values]
            if isinstance(op, ast.And):
                return lambda event: all(part(event) for part in parts)
            return lambda event: any(part(event) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _value(operand, text, depth + 1)
            return lambda event: not inner(event)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return lambda _: -number
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _comparison(op, _value(left, text, depth + 1), _value(right, text, depth + 1), text)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            members = [_value(each, text, depth + 1) for each in elements]
            return lambda event: [member(event) for member in members]
        case ast.Constant(value=None | bool() | int() | float() | str() as constant):
            return lambda _: constant
        case ast.Name() | ast.Attribute():
            return _path(node, text)
    raise ExpressionError(f"{text!r}: {ast.unparse(node)!r} is not a part of the language")


def _comparison(op: ast.cmpop, left: Value, right: Value, text: str) -> Value:
    compare = _COMPARISONS.get(type(op))
    if compare is None:
        raise ExpressionError(f"{text!r}: expected one of == != < <= > >= in, not in")

    def compared(event: Event) -> bool:
        try:
            return compare(left(event), right(event))
        except TypeError:  # null and a number, say
            return False

    return compared


def _path(node: ast.expr, text: str) -> Value:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise ExpressionError(f"{text!r}: expected a path such as context.orderTotal")
    if not names and node.id in _WORDS:
        constant = _WORDS[node.id]
        return lambda _: constant
    if node.id not in ROOTS:
        raise ExpressionError(f"{text!r}: unknown name {node.id!r}: expected {', '.join(ROOTS)}, true, false or null")
    path = (node.id, *names)
    if len(path) == 2:  # nearly all of them
        first, second = path
        return lambda event: found.get(second) if isinstance(found := event.get(first), dict) else None

    def followed(event: Event) -> Any:
        value: Any = event
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    return followed
