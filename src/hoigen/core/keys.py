"""Which API key goes to which host: what the user says, never what a recipe, a run or a server says.

A line `HOST=VARIABLE` in the user's own file, or `--key HOST=VARIABLE`, has the key in that environment variable sent
to that host. Without either, well-known services get the variable that their own documents name, over https.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from hoigen.core import trusted
from hoigen.core.errors import SetupError, UsageError

ENV = "HOIGEN_KEYS"
"""`HOST=VARIABLE` of this process and of those that it starts, separated by commas: what --key says."""
KEEP = "HOIGEN_WORKER_ENV"
"""Variables that worker processes are to have although they look like keys, separated by commas."""
KNOWN: Mapping[str, str] = {
    "api.openai.com": "OPENAI_API_KEY",
    "openrouter.ai": "OPENROUTER_API_KEY",
    "generativelanguage.googleapis.com": "GEMINI_API_KEY",
    "api.anthropic.com": "ANTHROPIC_API_KEY",
    "api.mistral.ai": "MISTRAL_API_KEY",
    "api.deepseek.com": "DEEPSEEK_API_KEY",
    "api.groq.com": "GROQ_API_KEY",
    "api.together.xyz": "TOGETHER_API_KEY",
    "api.fireworks.ai": "FIREWORKS_API_KEY",
    "api.x.ai": "XAI_API_KEY",
    "dashscope.aliyuncs.com": "DASHSCOPE_API_KEY",
    "dashscope-intl.aliyuncs.com": "DASHSCOPE_API_KEY",
    "router.huggingface.co": "HF_TOKEN",
}
"""Services and the variables that their documents name."""
PAIR = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?=([A-Za-z_][A-Za-z0-9_]{0,127})?")
SECRET = re.compile(
    r"(API_?KEYS?|PASSWORD|PASSWD|PASSPHRASE|AUTHTOKEN)$"
    r"|(^|_)(KEY|KEY_ID|KEY_BASE|TOKEN|PAT|JWT|SECRETS?|SECRET_ID|CREDENTIALS?|CREDS|DSN|CONNECTION_STRING)$"
    r"|_(PASS|PWD|AUTH|WEBHOOK|WEBHOOK_URL)$"
    r"|(^|_)(DATABASE|DB|POSTGRES|POSTGRESQL|PG|MYSQL|MARIADB|MONGO|MONGODB|REDIS|AMQP|RABBITMQ|BROKER)_UR[IL]$",
    re.I,
)
"""Names that end like a key's, or that of an address with a password in it. PWD and SSH_ASKPASS do not."""
STORES = ("AWS_", "AZURE_", "GOOGLE_", "GCS_", "S3_", "FSSPEC_", "HF_", "HUGGING_FACE_")
"""Variables by which object stores are read: workers decode what lies there."""


def keys_file() -> Path | None:
    """Where the user says it for good: next to the list of trusted files; None where there is no home."""
    trusts = trusted.list_file()
    return None if trusts is None else trusts.with_name("keys")


def give(pair: str) -> None:
    """What --key says: for this process and for those that it starts.

    Args:
        pair: `HOST=VARIABLE`, or `HOST:PORT=VARIABLE`.

    Raises UsageError when it is no such pair, or when that variable is not set.
    """
    _, variable = _pair(pair, "--key")
    if variable and not os.environ.get(variable, "").strip():
        raise UsageError(f"--key {pair}: the environment variable {variable} is not set")
    os.environ[ENV] = ",".join(filter(None, (os.environ.get(ENV, ""), pair.strip())))


def variable_of(url: str) -> str:
    """The environment variable whose key goes to the server at `url`; "" when none does.

    Raises UsageError for a file of the user's that cannot be read.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    name = f"[{host}]" if ":" in host else host
    said = _said()
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    for place in (f"{name}:{port}", name):
        if place in said:
            return said[place]
    return KNOWN.get(name, "") if parts.scheme == "https" and parts.port in (None, 443) else ""


def key_for(url: str) -> str:
    """The key that goes to the server at `url`; "" when none does. Raises SetupError for one that no key is."""
    variable = variable_of(url)
    key = os.environ.get(variable, "").strip() if variable else ""
    if not key.isascii() or not key.isprintable():
        raise SetupError(f"the API key in the environment variable {variable} has characters that no key has")
    return key


def about(url: str) -> str:
    """What to do when the server at `url` does not take the key that it was sent."""
    variable, host = variable_of(url), urlsplit(url).netloc.rpartition("@")[2]
    other = f"`--key {host}=VARIABLE`, or a line `{host}=VARIABLE` in {keys_file() or 'the keys file'}, names another"
    if not variable:
        return f"No key is sent to {host}: {other.removesuffix(', names another')} says which variable holds it"
    if os.environ.get(variable, "").strip():
        return f"The key in the environment variable {variable} is not taken here; {other}"
    return f"Put the API key into the environment variable {variable}, which is not set; {other}"


def refuse_in_recipe(variable: object, urls: tuple[str, ...], where: str) -> None:
    """Raises UsageError for a recipe that names a variable itself, with the line to write instead.

    Args:
        variable: what the recipe says.
        urls: of the servers that it would be sent to.
        where: the place in the recipe.
    """
    hosts = [urlsplit(url).netloc.rpartition("@")[2] or "HOST" for url in urls] or ["HOST"]
    name = variable if isinstance(variable, str) and PAIR.fullmatch(f"h={variable}") else "VARIABLE"
    if not variable:
        told = "leave it out: no key is sent to a host that is not named for one"
    else:
        lines = " ".join(f"--key {host}={name}" for host in hosts)
        told = f"to have that key sent there, say so yourself: {lines}, or {hosts[0]}={name} as a line in {keys_file()}"
    raise UsageError(f"{where}: key_env is no setting of a recipe, which may come from anybody; {told}")


def masked(value: object, key: str) -> object:
    """A server's answer without the `key` that it was sent, however it is spelled: in capitals, in the escapes of JSON
    and of Python, or as in a URL or a page. `value` is text, or what JSON has."""
    if len(key) < 8:  # no key of a service; its letters would be met everywhere
        return value
    return _masked(value, _spelled(key))


def _masked(value: object, spelled: re.Pattern[str]) -> object:
    if isinstance(value, str):
        return spelled.sub("[key]", value)
    if isinstance(value, list):
        return [_masked(item, spelled) for item in value]
    if isinstance(value, dict):
        return {_masked(name, spelled): _masked(item, spelled) for name, item in value.items()}
    return value


@functools.lru_cache(maxsize=64)
def _spelled(key: str) -> re.Pattern[str]:
    """What matches a key in any spelling. An answer may hold JSON in JSON in JSON: each time the backslashes double."""
    letters = []
    for letter in key:
        plain = re.escape(letter) if letter.isalnum() else rf"\\{{0,8}}{re.escape(letter)}"
        codes = sorted({ord(letter.lower()), ord(letter.upper())})
        in_hex, in_tens = ("|".join(format(code, form) for code in codes) for form in ("02x", "d"))
        escapes = rf"\\{{1,8}}(?:u00|x)(?:{in_hex})|%(?:25){{0,4}}(?:{in_hex})"
        escapes += rf"|&#(?:0{{0,5}}(?:{in_tens})|x0{{0,5}}(?:{in_hex}));"
        letters.append(f"(?:{plain}|{escapes})")
    return re.compile("".join(letters), re.I)


def without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """The `environment` of a worker process: variables that hold keys of services left out, by the user's own words and
    by their names. Those of object stores stay, since workers read from there."""
    kept = {name.strip() for name in environment.get(KEEP, "").split(",")}
    named = {*KNOWN.values(), *_said().values()} - {"HF_TOKEN"}
    return {
        name: value
        for name, value in environment.items()
        if name in kept or not (name in named or (SECRET.search(name) and not name.startswith(STORES)))
    }


def _said() -> dict[str, str]:
    """Host -> variable, by the user's own file and then by --key, which goes before it."""
    said: dict[str, str] = {}
    if (file := keys_file()) is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            lines = []
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not UTF-8 text"
            raise UsageError(f"{file}, which says which key goes where, cannot be read: {why}") from None
        for number, line in enumerate(lines, 1):
            if text := line.partition("#")[0].strip():
                host, variable = _pair(text, f"{file}, line {number}")
                said[host] = variable
    return said | dict(_pair(text, ENV) for text in os.environ.get(ENV, "").split(",") if text.strip())


def _pair(text: str, where: str) -> tuple[str, str]:
    text = "".join(text.split())
    if not (found := PAIR.fullmatch(text)):
        raise UsageError(
            f"{where}: HOST=VARIABLE or HOST:PORT=VARIABLE, such as api.openai.com=OPENAI_API_KEY (the name of the "
            f"variable, never the key itself); what came has {len(text)} letters and is no such pair"
        )
    return f"{found[1]}{found[2] or ''}".lower(), found[3] or ""
