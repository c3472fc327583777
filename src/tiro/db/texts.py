"""What is in a JSON object of texts, as rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class texts_of(FunctionElement[Any]):  # noqa: N801 (it stands for a function of the database)
    """``texts_of(column).table_valued("key", "value")`` to join with."""

    name = "texts_of"
    inherit_cache = True


@compiles(texts_of)
def _compile(element: texts_of, compiler: Any, **more: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **more)})"


@compiles(texts_of, "postgresql")
def _compile_postgresql(element: texts_of, compiler: Any, **more: Any) -> str:
    return f"json_each_text({compiler.process(element.clauses, **more)})"
