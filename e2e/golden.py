"""Requests and rows of real documents, method by method, against an oracle that is not Nephos.

    python e2e/golden.py PATH_TO_NEPHOS       run every line of golden/requests.jsonl
    python e2e/golden.py --write              derive the lines anew, from the documents alone
    python e2e/golden.py --pick               choose the methods anew (golden/picks.txt)

A line has a statement, the answers of the service, the requests that must be made, and the rows
that must come. A run derives the lines again from the documents (golden/oracle.py), compares them
with the file, then has Nephos execute them against a server here that records what it is sent.
"""

import argparse
import base64
import collections
import concurrent.futures
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent
DATA = ROOT / "golden" / "requests.jsonl"
PICKS = ROOT / "golden" / "picks.txt"
REGISTRY = (ROOT.parent.parent / "shared" / "registry").resolve()
CHECKS = 0
FAILED = []
QUOTA = {"verb": 5, "feature": 2}
LARGEST = 14000

sys.path.insert(0, str(ROOT / "golden"))

# What calls are authorised with. Azure's own chain asks the machine for a token; a bearer stands in.
SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIDGOLDEN", "AWS_SECRET_ACCESS_KEY": "golden/secret+key",
    "ANTHROPIC_API_KEY": "anthropic-key", "CLICKHOUSE_CLOUD_API_KEY": "house", "CLICKHOUSE_CLOUD_API_SECRET": "secret",
    "CLOUDFLARE_API_TOKEN": "cloudflare-token", "DIGITALOCEAN_TOKEN": "ocean-token", "LINODE_TOKEN": "linode-token",
    "STACKQL_GITHUB_USERNAME": "me", "STACKQL_GITHUB_PASSWORD": "ghp_golden", "OKTA_API_TOKEN": "okta-token",
    "AZURE_TOKEN": "azure-token", "DATABRICKS_CLIENT_ID": "bricks", "DATABRICKS_CLIENT_SECRET": "bricks-secret",
    "DATABRICKS_ACCOUNT_ID": "account-1", "AZURE_CLIENT_ID": "entra", "AZURE_CLIENT_SECRET": "entra-secret",
    "AZURE_TENANT_ID": "tenant-1",
}  # fmt: skip
ENVIRONMENT = {"CLICKHOUSE_ORG_ID": "org-of-the-environment"}


def basic(pair):
    return "Basic " + base64.b64encode(pair.encode()).decode()


AUTHORIZED = {
    "anthropic": {"x-api-key": "anthropic-key"},
    "azure": {"authorization": "Bearer azure-token"},
    "clickhouse": {"authorization": basic("house:secret")},
    "cloudflare": {"authorization": "Bearer cloudflare-token"},
    "databricks_account": {"authorization": "Bearer token-of-bricks"},
    "digitalocean": {"authorization": "Bearer ocean-token"},
    "entra_id": {"authorization": "Bearer token-of-entra"},
    "github": {"authorization": basic("me:ghp_golden")},
    "google": {"authorization": "Bearer token-of-google"},
    "homebrew": {},
    "k8s": {},
    "linode": {"authorization": "Bearer linode-token"},
    "okta": {"authorization": "SSWS okta-token"},
}


def check(condition, what, found=None):
    global CHECKS
    CHECKS += 1
    if not condition:
        FAILED.append(what)
        print(f"FAILED: {what}{'' if found is None else f': {found}'}", flush=True)


# --- lines ---------------------------------------------------------------------------------------


def features(case):
    """The rows of section 6.2 that a case is of."""
    method, found = case.method, set(case.features)
    found.add(f"verb {case.verb.upper()}")
    request, response = method.request, method.response
    if case.verb != "exec":
        import oracle

        places = [m.name for m in oracle.candidates(case.service, method.resource, case.verb)]
        if len(places) > 1:
            found.add("first of several methods" if places[0] == method.name else "a later of several methods")
    if method.body is not None and any(place == "body" for place, _ in case.wire.values()):
        found.add(f"body {method.algorithm or 'data__'}")
    if request.get("nativeCasing"):
        found.add(f"nativeCasing {request['nativeCasing']}")
    if case.service.aliases:
        found.add("snake_case_aliases")
    if "?" in method.path:
        found.add("? in the path key")
    if case.service.provider in ("aws", "awscc"):
        found.add(f"SigV4 {case.service.protocol or ''}".strip())
    if response.get("objectKey"):
        found.add("objectKey")
    if any(node["in"] == "header" and "default" in (node.get("schema") or {}) for node in method.parameters.values()):
        found.add("header default")
    for key in ("base", "default", "required", "schema_override"):
        if key in request:
            found.add(f"request.{key}")
    if "transform" in request:
        found.add(f"request.transform {request['transform']['type']}")
    if "schema_override" in response:
        found.add("response.schema_override")
    if method.variables:
        found.add("server variables")
        if any("x-stackQL-envVar" in (node or {}) for node in method.variables.values()):
            found.add("x-stackQL-envVar")
    if method.operation.get("servers"):
        found.add("servers of the operation")
    for key in ("requestTranslate", "queryParamTranspose"):
        if method.setting(key):
            found.add(f"{key} {method.setting(key)['algorithm']}")
    if method.body is not None and "xml" in (method.media or ""):
        found.add("XML body")
    if method.media and method.media != "application/json":
        found.add(f"request {method.media}")
    if re.search(r"\}[^/{?]+\{|\}[^/{?]|[^/{]\{", method.path.split("?")[0]):
        found.add("a path segment of several parts")
    places = {place for place, _ in case.wire.values()}
    found |= {f"{place} parameters" for place in places & {"query", "header", "path"}}
    found.add(f"{method.verb.upper()}")
    return found


def line(case):
    import oracle

    statement = case.sql()
    answers, following, rows = oracle.Answers(case).pages()
    requests = [case.build()] + ([following] if following else [])
    return {
        "id": f"{case.verb.upper()} {case.method.id}",
        "features": sorted(features(case)),
        "statement": statement,
        "signed": [case.service.signing, oracle.REGION],
        "requests": requests,
        "answers": answers,
        "rows": rows,
    }


def derive(pick):
    import oracle

    verb, name = pick.split(" ", 1)
    provider, service, resource, method = name.split(".", 3)
    svc = oracle.service(str(REGISTRY), provider, service)
    return line(oracle.Case(svc, resource, verb.lower(), oracle.Method(svc, resource, method), ENVIRONMENT))


def lines():
    import handmade

    picks = [pick for pick in PICKS.read_text().splitlines() if pick and not pick.startswith("#")]
    return [derive(pick) for pick in picks] + handmade.lines(str(REGISTRY))


def text(made):
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in made)


def pick():
    """A few methods for each feature of each provider, in an order that favours no service."""
    import oracle

    found, unfit = {}, collections.Counter()
    for source in sorted(REGISTRY.glob("src/*/*/services/*.yaml")):
        provider = {"googleapis.com": "google"}.get(source.parts[-4], source.parts[-4])
        svc = oracle.service(str(REGISTRY), provider, source.stem)
        for resource in svc.resources:
            doc = svc.resources[resource]
            viewed = bool((doc.get("config") or {}).get("views"))
            listed = set()
            for verb in (*oracle.VERBS, "exec"):
                if viewed and verb == "select":
                    continue
                names = [m.name for m in oracle.candidates(svc, resource, verb)] if verb != "exec" else []
                listed.update(names)
                if verb == "exec":
                    names = [name for name in doc.get("methods") or {} if name not in listed]
                for name in names:
                    key = f"{verb.upper()} {provider}.{source.stem}.{resource}.{name}"
                    try:
                        entry = line(oracle.Case(svc, resource, verb, oracle.Method(svc, resource, name), ENVIRONMENT))
                    except oracle.Unfit as reason:
                        unfit[f"{provider}: {reason}"] += 1
                        continue
                    except Exception as error:  # noqa: BLE001
                        unfit[f"{provider}: {type(error).__name__} {error}"[:90]] += 1
                        continue
                    if len(json.dumps(entry)) <= LARGEST:
                        found[key] = (provider, entry["features"])
        oracle.service.cache_clear()
    counts, chosen = collections.Counter(), []
    for key in sorted(found, key=lambda key: hashlib.sha256(key.encode()).digest()):
        provider, marks = found[key]
        wanted = [(provider, mark) for mark in marks]
        if any(counts[mark] < QUOTA["verb" if mark[1].startswith("verb") else "feature"] for mark in wanted):
            counts.update(wanted)
            chosen.append(key)
    PICKS.write_text("\n".join(sorted(chosen, key=lambda key: key.split(" ")[1])) + "\n")
    for reason, count in unfit.most_common(60):
        print(f"{count:6} {reason}")
    print(f"{len(found)} fit, {len(chosen)} chosen")


# --- the service ---------------------------------------------------------------------------------


class Service(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, entries):
        super().__init__(("127.0.0.1", 0), Handler)
        self.entries, self.current = entries, None
        self.seen = collections.defaultdict(list)
        self.tokens = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        status, headers, reply = self.reply(body)
        reply = reply.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(reply)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply)

    def reply(self, body):
        server = self.server
        mark = re.fullmatch(r"/api/formula/golden-(\d+)\.json", self.path)
        if mark:
            server.current = int(mark[1])
            return 200, {"content-type": "application/json"}, "{}"
        if self.path.startswith("/golden-token/"):
            server.tokens.append((self.path, dict(urllib.parse.parse_qsl(body.decode())), self.headers.get("authorization")))
            reply = {"access_token": f"token-of-{self.path.rsplit('/', 1)[1]}", "token_type": "Bearer", "expires_in": 3600}
            return 200, {"content-type": "application/json"}, json.dumps(reply)
        seen = server.seen[server.current]
        seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        answers = server.entries[server.current]["answers"] if server.current is not None else []
        if len(seen) > len(answers):
            return 400, {"content-type": "application/json"}, '{"message":"no such answer"}'
        made = answers[len(seen) - 1]

        def here(value):
            return value.replace("http://golden.invalid", server.url)

        return made["status"], {k: here(v) for k, v in made["headers"].items()}, here(made["body"])

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer

    def log_message(self, *_):
        pass


# --- what was sent -------------------------------------------------------------------------------

CARRIED = {"host", "user-agent", "content-length", "accept-encoding", "transfer-encoding", "connection"}


def tree(element):
    name = element.tag.rsplit("}", 1)[-1]
    children = [tree(child) for child in element]
    return [name, children if children else (element.text or "")]


def normal(request, like):
    """A recorded request in the words of the expected one."""
    verb, target, headers, body = request
    path, _, query = target.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    made = {
        "method": verb,
        "path": path,
        "query": [[urllib.parse.unquote_plus(key), urllib.parse.unquote_plus(value)] for key, _, value in pairs],
        "headers": {name: value for name, value in headers.items() if name not in CARRIED},
    }
    # HTTP libraries' own "anything": no document asked for it.
    if made["headers"].get("accept") == "*/*" and "accept" not in like["headers"]:
        del made["headers"]["accept"]
    if body:
        kind = next(iter(like.get("body") or {"text": 0}))
        try:
            if kind == "json":
                made["body"] = {"json": json.loads(body)}
            elif kind == "graphql":
                # White space between the words of a query says nothing.
                made["body"] = {"graphql": " ".join(json.loads(body)["query"].split())}
            elif kind == "form":
                made["body"] = {"form": [list(pair) for pair in sorted(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))]}
            elif kind == "xml":
                made["body"] = {"xml": tree(xml.etree.ElementTree.fromstring(body))}
            else:
                made["body"] = {"text": body.decode()}
        except ValueError:
            made["body"] = {"text": body.decode(errors="replace")}
    return made


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def signature_fault(request, service, region):
    """Why a request is not signed as AWS asks, or None."""
    verb, target, headers, body = request
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=(\S+?)/(\d{8})/(\S+?)/(\S+?)/aws4_request, ?SignedHeaders=(\S+), ?Signature=([0-9a-f]{64})",
        headers.get("authorization", ""),
    )
    if not found:
        return f"no signature in {headers.get('authorization')!r}"
    key, date, signed_region, signed_service, names, signature = found.groups()
    if (key, signed_region, signed_service) != (SECRETS["AWS_ACCESS_KEY_ID"], region, service):
        return f"signed for {key}, {signed_region}, {signed_service} in place of {region}, {service}"
    path, _, query = target.partition("?")
    if service not in ("s3", "s3control") or service == "s3control":
        path = urllib.parse.quote(path, safe="/-._~")
    pairs = sorted((pair.partition("=")[0], pair.partition("=")[2]) for pair in query.split("&") if pair)
    payload = headers.get("x-amz-content-sha256") or sha256(body)
    canonical = "\n".join(
        [verb, path, "&".join(f"{key}={value}" for key, value in pairs)]
        + [f"{name}:{' '.join(headers.get(name, '').split())}" for name in names.split(";")]
        + ["", names, payload]
    )
    scope = f"{date}/{signed_region}/{signed_service}/aws4_request"
    secret = ("AWS4" + SECRETS["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in (date, signed_region, signed_service, "aws4_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signing = f"AWS4-HMAC-SHA256\n{headers.get('x-amz-date')}\n{scope}\n{sha256(canonical.encode())}"
    if hmac.new(secret, signing.encode(), hashlib.sha256).hexdigest() != signature:
        return f"the signature is of another request than {canonical!r}"
    if payload not in (sha256(body), "UNSIGNED-PAYLOAD"):
        return "the body is not the signed one"
    needed = {name for name in headers if name.startswith("x-amz-") or name == "host"} - set(names.split(";"))
    return f"{needed} are not signed" if needed else None


def compare_request(entry, number, request, wanted):
    name = entry["id"] if number == 0 else f"{entry['id']}, page {number + 1}"
    provider = entry["id"].split(" ")[1].split(".")[0]
    wanted = json.loads(json.dumps(wanted))
    made = normal(request, wanted)
    digest = made["headers"].pop("content-md5", None)
    if digest:
        check(digest == base64.b64encode(hashlib.md5(request[3]).digest()).decode(), f"{name}: Content-MD5", digest)
    if provider in ("aws", "awscc"):
        fault = signature_fault(request, *entry["signed"])
        check(fault is None, f"{name}: signature", fault)
        for header in ("authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"):
            made["headers"].pop(header, None)
    else:
        wanted["headers"].update(AUTHORIZED[provider])
    for part in ("method", "path", "query", "headers", "body"):
        # Equal as JSON: `true` is not 1, and 1 is not 1.0.
        a, b = (json.dumps(which.get(part), sort_keys=True, ensure_ascii=False) for which in (wanted, made))
        check(a == b, f"{name}: {part}", f"\n    expected {a[:1500]}\n    got      {b[:1500]}")


def compare_rows(entry, rows):
    if entry["rows"] is None:
        return
    a, b = (json.dumps(which, ensure_ascii=False) if which is not None else "none" for which in (entry["rows"], rows))
    same = rows is not None and [sorted(row.items(), key=str) for row in rows] == [sorted(row.items(), key=str) for row in entry["rows"]]
    same = same and len(rows) == len(entry["rows"])
    same = same and json.dumps(rows, sort_keys=True) == json.dumps(entry["rows"], sort_keys=True)
    if not same and rows is not None and len(rows) == len(entry["rows"]):
        found = []
        for number, (wanted, made) in enumerate(zip(entry["rows"], rows)):
            for key in {**wanted, **made}:
                x, y = json.dumps(wanted.get(key, "<no column>")), json.dumps(made.get(key, "<no column>"))
                if x != y:
                    found.append(f"row {number}, {key}: expected {x[:300]}, got {y[:300]}")
        a = b = "\n    ".join(found[:6])
    check(same, f"{entry['id']}: rows", f"\n    {a[:2000]}" if a == b else f"\n    expected {a[:900]}\n    got      {b[:900]}")


# --- runs ----------------------------------------------------------------------------------------


def authorisation(url, google):
    oauth = {
        name: {
            "type": "oauth2", "grant_type": "client_credentials", "client_id_env_var": f"{prefix}_CLIENT_ID",
            "client_secret_env_var": f"{prefix}_CLIENT_SECRET", "token_url": f"{url}/golden-token/{tenant}/{short}", "scopes": [scope],
        }
        for name, prefix, short, scope, tenant in (
            ("databricks_account", "DATABRICKS", "bricks", "all-apis", "{{ .__env__DATABRICKS_ACCOUNT_ID }}"),
            ("entra_id", "AZURE", "entra", "https://graph.microsoft.com/.default", "{{ .__env__AZURE_TENANT_ID }}"),
        )
    }  # fmt: skip
    bearer = {"type": "bearer", "credentialsenvvar": "AZURE_TOKEN"}
    auth = {"azure": bearer, **oauth}
    if not google:
        auth["google"] = {"type": "bearer", "credentialsenvvar": "GOOGLE_TOKEN"}
    return auth


def service_account(folder, url):
    """A key of a service account, where openssl can make one."""
    try:
        key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    path = pathlib.Path(folder) / "key.json"
    path.write_text(json.dumps({
        "type": "service_account", "project_id": "golden", "private_key_id": "k1", "private_key": key,
        "client_email": "golden@golden.iam.gserviceaccount.com", "token_uri": f"{url}/golden-token/google",
    }))  # fmt: skip
    return path


def execute(nephos, entries, folder):
    """Runs entries in one process; returns the recorded requests, the rows, the tokens and stderr."""
    server = Service(entries)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    statements = []
    for number, entry in enumerate(entries):
        statements.append(f"SELECT formula_name FROM homebrew.formula.formula WHERE formula_name = 'golden-{number}'")
        statements.append(entry["statement"])
    google = service_account(folder, server.url) if any("google." in entry["id"] for entry in entries) else None
    environment = {
        **SECRETS, **ENVIRONMENT, "NEPHOS_HOME": str(pathlib.Path(folder) / "home"), "HOME": folder,
        "PATH": os.environ.get("PATH", ""), "GOOGLE_TOKEN": "token-of-google",
    }  # fmt: skip
    if google:
        environment["GOOGLE_CREDENTIALS"] = str(google)
    (pathlib.Path(folder) / "all.sql").write_text(";\n".join(statements))
    done = subprocess.run(
        [
            nephos, "exec", "--registry", json.dumps({"url": f"file://{REGISTRY}"}), "--endpoint-url", server.url,
            "--auth", json.dumps(authorisation(server.url, google)), "-o", "json", "--keep-going", "-i", "all.sql",
        ],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    server.shutdown()
    server.server_close()
    rows, current, decoder, rest = {}, None, json.JSONDecoder(), done.stdout.lstrip()
    while rest:
        value, end = decoder.raw_decode(rest)
        rest = rest[end:].lstrip()
        mark = re.fullmatch(r"golden-(\d+)", str(value[0].get("formula_name"))) if len(value) == 1 and list(value[0]) == ["formula_name"] else None
        if mark:
            current = int(mark[1])
        else:
            rows.setdefault(current, []).extend(value)
    return server.seen, rows, server.tokens, done.stderr


def run_group(nephos, entries):
    with tempfile.TemporaryDirectory(prefix="nephos-golden-") as folder:
        return entries, execute(nephos, entries, folder)


def why(nephos, entry):
    with tempfile.TemporaryDirectory(prefix="nephos-golden-") as folder:
        _, _, _, errors = execute(nephos, [entry], folder)
        return errors.strip()[:1500]


def run(nephos, made, explain):
    groups = collections.defaultdict(list)
    for entry in made:
        groups[entry["id"].split(" ")[1].split(".")[0]].append(entry)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(run_group, nephos, entries) for entries in groups.values()]
    for job in jobs:
        entries, (seen, rows, tokens, _) = job.result()
        for number, entry in enumerate(entries):
            before = len(FAILED)
            requests, wanted = seen.get(number, []), entry["requests"]
            if "IN makes several calls" in entry["features"]:
                # They are made at the same time: which is first is chance.
                requests = sorted(requests, key=lambda seen: (seen[1], seen[3]))
                if number in rows:
                    rows[number].sort(key=str)
            check(len(requests) == len(wanted), f"{entry['id']}: requests", f"{len(requests)} in place of {len(wanted)}")
            for place, (request, like) in enumerate(zip(requests, wanted)):
                compare_request(entry, place, request, like)
            compare_rows(entry, rows.get(number, [] if entry["rows"] == [] else None))
            if len(FAILED) > before and explain:
                print(f"    statement {entry['statement'][:700]}\n    stderr {why(nephos, entry)}", flush=True)
        compare_tokens(entries[0]["id"].split(" ")[1].split(".")[0], tokens)


def compare_tokens(provider, tokens):
    """Tokens are asked for once, as the document says."""
    expected = {"databricks_account": ("account-1/bricks", "bricks", "all-apis"), "entra_id": ("tenant-1/entra", "entra", "https://graph.microsoft.com/.default")}
    if provider in expected:
        path, client, scope = expected[provider]
        check(len(tokens) == 1, f"{provider}: one token is asked for", tokens)
        for where, form, header in tokens[:1]:
            check(where == f"/golden-token/{path}", f"{provider}: the token's URL", where)
            secret = form.get("client_secret") == f"{client}-secret" and form.get("client_id") == client
            check(secret or header == basic(f"{client}:{client}-secret"), f"{provider}: the client's secret", form)
            check((form.get("grant_type"), form.get("scope")) == ("client_credentials", scope), f"{provider}: the grant", form)
    if provider == "google" and tokens:
        check(len(tokens) == 1, "google: one token is asked for", tokens)
        _, form, _ = tokens[0]
        part = form.get("assertion", ".").split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) or b"{}")
        check(claims.get("iss") == "golden@golden.iam.gserviceaccount.com", "google: the issuer", claims)
        check("https://www.googleapis.com/auth/cloud-platform" in claims.get("scope", ""), "google: the scope", claims)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nephos", nargs="?", default=os.environ.get("NEPHOS_BIN"))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--pick", action="store_true")
    parser.add_argument("--only", help="run the lines whose names match this pattern")
    parser.add_argument("--explain", action="store_true", help="what Nephos said of each line that failed")
    given = parser.parse_args()
    if not (REGISTRY / "src").is_dir():
        print(f"skip: there is no registry at {REGISTRY}")
        print("0 checks, 0 passed, 0 failed")
        return
    if given.pick:
        pick()
        return
    made = lines()
    if given.write:
        DATA.write_text(text(made))
        print(f"{len(made)} lines")
        return
    recorded = DATA.read_text()
    check(text(made) == recorded, "the lines are those that the documents give (golden.py --write, and look at the difference)")
    made = [json.loads(entry) for entry in recorded.splitlines()]
    if given.only:
        made = [entry for entry in made if re.search(given.only, entry["id"])]
    run(str(pathlib.Path(given.nephos).resolve()), made, given.explain)
    marks = {mark for entry in made for mark in entry["features"]}
    providers = {entry["id"].split(" ")[1].split(".")[0] for entry in made}
    print(f"note: {len(made)} statements on {len(providers)} providers, {len(marks)} features")
    print(f"{CHECKS} checks, {CHECKS - len(FAILED)} passed, {len(FAILED)} failed")
    sys.exit(bool(FAILED))


if __name__ == "__main__":
    main()
