"""FHIRPath read by the grammar of fhirpathpy, strictly (http://hl7.org/fhirpath/N1/grammar.html).

fhirpathpy's own `parse` goes on after a mistake and makes something of what is left.
"""

from __future__ import annotations

from typing import Any, NoReturn

Ast = dict[str, Any]
"""A node: `type`, `text`, `terminalNodeText`, `children`."""


class NotFhirPath(ValueError):
    """The text is no FHIRPath; the message says where and why."""


def parsed(expression: str) -> Ast:
    """The tree of an expression. NotFhirPath as above."""
    from antlr4 import CommonTokenStream, InputStream  # type: ignore[import-untyped]
    from antlr4.tree.Tree import ParseTreeWalker  # type: ignore[import-untyped]
    from fhirpathpy.parser.ASTPathListener import ASTPathListener
    from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer
    from fhirpathpy.parser.generated.FHIRPathParser import FHIRPathParser

    lexer = FHIRPathLexer(InputStream(expression))
    stream = CommonTokenStream(lexer)
    parser = FHIRPathParser(stream)
    for part in (lexer, parser):
        part.removeErrorListeners()
        part.addErrorListener(_Strict())
    tree = parser.expression()
    token = stream.LT(1)
    if token.type != -1:
        raise NotFhirPath(f"column {token.column + 1}: {token.text!r} is too much")
    listener = ASTPathListener()
    ParseTreeWalker().walk(listener, tree)
    found: Ast = listener.parentStack[0]["children"][0]
    return found


class _Strict:
    """The listener of antlr4 that ends at the first mistake."""

    def syntaxError(
        self, _recognizer: Any, _symbol: Any, _line: int, column: int, said: str, _error: Any
    ) -> NoReturn:
        raise NotFhirPath(f"column {column + 1}: {said}")

    def __getattr__(self, name: str) -> Any:
        """Reports of ambiguity and the like are of no interest."""
        if name.startswith("report"):
            return lambda *_: None
        raise AttributeError(name)
