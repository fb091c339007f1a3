"""The conditions that TFX writes into a package, a small part of CEL, read and evaluated.

inputs.artifacts['blessing'].artifacts[0].metadata['blessed'] == 1.0 && !(…)
"""

import ast
import operator
import re

# In what TFX writes, CEL and Python differ in these signs alone, outside of strings.
_TOKENS = re.compile(r"'[^']*'|&&|\|\||!=|!")
_IN_PYTHON = {"&&": " and ", "||": " or ", "!": " not "}
_COMPARISONS = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def holds(condition, inputs):
    """Whether a task runs.

    Args:
      condition: CEL text.
      inputs: the `inputs` of an ExecutorInput, as JSON.

    Raises:
      ValueError: the text is outside the supported part of CEL.
      KeyError: it reads an input or a property that does not exist, where the backend's
        evaluation fails as well.
    """
    return _value(_parse(condition), inputs)


def inputs_read(condition):
    """The names of the input artifacts that a condition reads. Raises: as `holds`."""
    return {
        node.slice.value
        for node in ast.walk(_parse(condition))
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "inputs.artifacts"
    }


def _parse(condition):
    text = _TOKENS.sub(lambda found: _IN_PYTHON.get(found[0], found[0]), condition)
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        raise ValueError(f"not a condition that TFX writes: {condition}") from None


def _value(node, inputs):
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id="inputs"):
            return inputs
        case ast.Attribute(value=inner, attr=name):
            return _value(inner, inputs)[name]
        case ast.Subscript(value=inner, slice=index):
            return _value(inner, inputs)[_value(index, inputs)]
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return not _value(inner, inputs)
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, inputs) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_value(part, inputs) for part in parts)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _value(left, inputs) + _value(right, inputs)
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _COMPARISONS:
            return _COMPARISONS[type(sign)](_value(left, inputs), _value(right, inputs))
    raise ValueError(f"not a condition that TFX writes: {ast.unparse(node)}")
