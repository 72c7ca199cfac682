"""The configuration of an HAProxy in front of several cells. Pure: a map in, the text of its files out.

The proxy reads which project a request is of, and checks nothing: it has no key and no secret. In HTTP Basic
that is the user name, in a device token the claim `prj`. A socket tells its token only once it is open, so
its host name says it: the project's, `<project id>.<domain>`, or its cell's. The cell checks as always.

Ids are compared without dashes and in small letters, as every cell takes them in any form.
"""

from __future__ import annotations

import json

from config.cells.cell_map import MOVING, Cell, CellMap

CONFIGURATION, PROJECTS, HOSTS = "haproxy.cfg", "projects.map", "hosts.map"
# The same in every cell, so any answers: for pages that look around before they sign in.
PUBLIC = ("/static/", "/api/docs", "/api/schema", "/api/asyncapi", "/favicon.ico", "/robots.txt")
RETRY_SECONDS = 5
TOKEN = "\"http_auth_bearer,jwt_payload_query('\\$.prj'),lower,regsub(-,,g)\""
ALIVE = "!is_known { path /healthz }"
SIP_HOST = "req.payload(0,0),word(2,' '),regsub('^sips?:([^@]*@)?',''),regsub('[;:?].*',''),lower"


def files(found: CellMap, directory: str) -> dict[str, str]:
    """The text of each file by its name. `directory`: where the proxy will find the two maps."""
    return {
        CONFIGURATION: configuration(found, directory),
        PROJECTS: "".join(f"{p.hex} {cell.name}\n" for cell in found.cells for p in cell.projects)
        + "".join(f"{p.hex} {MOVING}\n" for p in found.moving),
        HOSTS: "".join(f"{name} {cell.name}\n" for cell in found.cells for name in cell.names),
    }


def configuration(found: CellMap, directory: str) -> str:
    parts = [defaults(found), frontend(found, directory)]
    if found.sip is not None:
        parts.append(sip_frontend(found.sip, directory))
    parts += [backend(cell) for cell in found.cells]
    parts += [sip_backend(cell) for cell in found.cells if cell.sip and found.sip is not None]
    parts += [f"# No server: 503.\nbackend cell-{MOVING}\n", anybody(found)]
    return "\n".join(parts)


def error(found: CellMap, kind: str, code: str, message: str) -> str:
    """The body of an error in the shape of the contract, as a log-format string in strong quotes."""
    problem = {
        "type": kind,
        "code": code,
        "message": message,
        "attribute": None,
        "url": f"https://{found.domain}/api/docs#error-{code}",
        "request_id": "%[var(txn.id)]",
    }
    return "'" + json.dumps({"errors": [problem]}).replace("'", "\\u0027") + "'"


def defaults(found: CellMap) -> str:
    away = error(found, "unavailable", "service_unavailable", "The cell of this project does not answer.")
    lost = "".join(
        f"    http-error status {status} content-type application/json lf-string {away}"
        f" hdr Retry-After {RETRY_SECONDS} hdr X-Request-Id %[var(txn.id)]\n"
        for status in (502, 503, 504)
    )
    return f"""# Written by `manage.py cells`. Change the map and write it again.
global
    log stderr format raw daemon warning
    # A device token may have 16 kB.
    tune.bufsize 32768

defaults
    mode http
    log global
    timeout connect 5s
    # A busy process is not away.
    timeout check 5s
    timeout http-request 15s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    retries 2
    option redispatch
{lost}"""


def frontend(found: CellMap, directory: str) -> str:
    binds = f"    bind {found.http}\n" if found.http is not None else ""
    if found.https is not None:
        binds += f"    bind {found.https} ssl crt {found.certificates} alpn http/1.1\n"
    projects, hosts = f"{directory}/{PROJECTS}", f"{directory}/{HOSTS}"
    unknown = error(
        found, "authentication_error", "unauthorized", "No cell here has the project of these credentials."
    )
    nobody = error(
        found, "authentication_error", "unauthorized",
        "Give a project's id and API token (Basic) or a token (Bearer).",
    )  # fmt: skip
    elsewhere = error(
        found, "not_found", "not_found",
        f"Only a cell has this. Use the host of the project, <project id>.{found.domain}, or of its cell.",
    )  # fmt: skip
    challenge = 'hdr WWW-Authenticate \'Basic realm="callwright", charset="UTF-8"\' '
    unasked = "!is_known !is_public"
    refusals = (
        refusal(404, elsewhere, "{ path /metrics }"),  # Prometheus asks each process from inside
        refusal(401, unknown, f"{unasked} asks_api basic", challenge),
        refusal(401, unknown, f"{unasked} asks_api bearer", challenge),
        refusal(401, nobody, f"{unasked} asks_api", challenge),
        refusal(404, elsewhere, unasked),
        refusal(404, elsewhere, "!is_known upgrades"),
    )
    public = " ".join(PUBLIC)
    return f"""frontend cells
{binds}    # What a client says of itself is not believed: this is the outermost proxy.
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
    http-request set-header X-Forwarded-Proto http if !{{ ssl_fc }}
    http-request set-var(txn.id) uuid()

    # The project: its own host name, then the user name of Basic, then the claim of a token.
    http-request set-var(txn.host) req.hdr(host),field(1,:),lower
    acl a_project var(txn.host) -m reg ^[0-9a-f-]{{32,36}}[.]{found.domain.replace(".", "[.]")}$
    acl basic http_auth_type,lower -m str basic
    acl bearer req.hdr(authorization) -m beg -i 'bearer '
    acl is_known var(txn.cell) -m found
    http-request set-var(txn.project) 'var(txn.host),field(1,.),regsub(-,,g)' if a_project
    http-request set-var(txn.cell) var(txn.project),map_str({projects})
    http-request set-var(txn.project) 'http_auth_user,lower,regsub(-,,g)' if !is_known basic
    http-request set-var(txn.project) {TOKEN} if !is_known bearer
    http-request set-var(txn.cell) var(txn.project),map_str({projects}) if !is_known
    http-request set-var(txn.cell) var(txn.host),map_str({hosts}) if !is_known

    acl upgrades req.hdr(upgrade) -m found
    acl asks_api path_beg /api/
    acl is_public path_beg {public}
    http-request return status 200 content-type application/json string '{{"status": "ok"}}' if {ALIVE}
{"".join(refusals)}    use_backend cell-%[var(txn.cell)] if is_known
    default_backend any-cell
"""


def refusal(status: int, body: str, condition: str, headers: str = "") -> str:
    answer = f"{headers}content-type application/json hdr X-Request-Id %[var(txn.id)] lf-string {body}"
    return f"    http-request return status {status} {answer} if {condition}\n"


def backend(cell: Cell) -> str:
    return f"""backend cell-{cell.name}
    balance leastconn
    option httpchk GET /healthz
{lines(cell.web)}"""


def anybody(found: CellMap) -> str:
    return f"""backend any-cell
    balance first
    option httpchk GET /healthz
{lines(tuple(cell.web[0] for cell in found.cells))}"""


def sip_frontend(bind: str, directory: str) -> str:
    return f"""frontend sip
    mode tcp
    bind {bind}
    timeout client 1h
    # The host of the first request's URI: `REGISTER sip:a.example.com SIP/2.0`.
    tcp-request inspect-delay 10s
    tcp-request content set-var(sess.cell) "{SIP_HOST},map_str({directory}/{HOSTS})"
    tcp-request content accept if {{ var(sess.cell) -m found }}
    tcp-request content reject if {{ req.len gt 0 }}
    tcp-request content reject if WAIT_END
    use_backend sip-%[var(sess.cell)] if {{ var(sess.cell) -m found }}
"""


def sip_backend(cell: Cell) -> str:
    return f"""backend sip-{cell.name}
    mode tcp
    balance source
    timeout server 1h
{lines(cell.sip)}"""


def lines(servers: tuple[str, ...]) -> str:
    checked = "check inter 1s fall 2 rise 1 on-marked-down shutdown-sessions"
    return "".join(f"    server s{at} {server} {checked}\n" for at, server in enumerate(servers, 1))
