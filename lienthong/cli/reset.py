"""`lienthong reset`: a running network, or one of its hospitals, back to what was loaded."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lienthong.cli.exits import ExitCode, bad_input
from lienthong.cli.options import Debug

BRIEF = "Take a running network, or one hospital, back to what was loaded."
EPILOG = "Example:  lienthong reset --hospital 99001"
SECONDS = 60.0


def reset(
    url: Annotated[
        str, typer.Option(metavar="URL", help="Where the network listens.")
    ] = "http://127.0.0.1:8000",
    hospital: Annotated[
        str | None, typer.Option(metavar="CODE", help="One hospital. [default: all of it]")
    ] = None,
    debug: Debug = False,
) -> None:
    """Forget everything that was written since the network was loaded; the clock stays.

    With --hospital only that hospital forgets; what the coordinator was told of it stays.
    """
    if not url.startswith(("http://", "https://")):
        raise bad_input("--url", "", f"{url!r} is no address", "Write e.g. http://127.0.0.1:8000")
    answer = _post(url.rstrip("/"), {} if hospital is None else {"hospital": hospital})
    typer.echo(f"{answer['reset']}: back to what was loaded, in {answer['seconds']:.2f} s")


def _post(url: str, body: dict[str, str]) -> dict[str, Any]:
    import httpx2

    try:
        answer = httpx2.post(f"{url}/admin/reset", json=body, timeout=SECONDS)
        content = answer.json()
    except httpx2.ConnectError:
        raise _failed(f"nobody listens at {url}", "Start the network: lienthong up") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise _failed(f"{url}: {error}", "`lienthong doctor` looks closer") from None
    except ValueError:
        raise _failed(f"{url} is no network of ours", "Name the right --url") from None
    if answer.status_code == 404 and "hospital" in body:
        remedy = f"GET {url}/ lists them"
        raise bad_input("--hospital", "", f"there is no hospital {body['hospital']!r}", remedy)
    if not answer.is_success or "seconds" not in content:
        words = f"{url} answers {answer.status_code}: {_diagnostics(content)}"
        raise _failed(words, "`lienthong doctor` looks closer")
    return dict(content)


def _diagnostics(content: Any) -> str:
    try:
        return str(content["issue"][0]["diagnostics"])
    except (KeyError, IndexError, TypeError):
        return "this is no network of ours"


def _failed(problem: str, remedy: str) -> typer.Exit:
    typer.echo(f"lienthong: {problem}. {remedy}.", err=True)
    return typer.Exit(int(ExitCode.FAILED))
