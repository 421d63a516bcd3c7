"""The community's own provider documents against moto, an AWS that nobody here wrote.

    python e2e/aws_services.py PATH_TO_NEPHOS [SERVICE...]    all services, or those named

Resources of some twenty services are made, read, changed and removed in SQL through the documents
of ../shared/registry, unchanged, and each answer is compared with what boto3 sees of the same
server: every field, its type, the order and the number of rows. Users do not have that directory;
without it nothing is checked, and the script says so.
"""

import base64
import concurrent.futures
import contextlib
import datetime
import io
import itertools
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse
import urllib.request
import zipfile

import boto3
import dateutil.parser
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGISTRY = ROOT.parent / "shared" / "registry"
REGION = "us-east-1"
AT = f"region = '{REGION}'"
ACCOUNT = "123456789012"
CHECKS = 0
FAILED = []
STATEMENTS = {}
ENDLESS = []


def check(condition, what, found=None):
    global CHECKS
    CHECKS += 1
    if condition:
        print(f"ok   {what}", flush=True)
        return
    FAILED.append(what)
    print(f"FAILED: {what}{'' if found is None else f': {found}'}", flush=True)


THROTTLED_JSON = b'{"__type": "com.amazon.coral.availability#ThrottlingException", "message": "Rate exceeded"}'
THROTTLED_XML = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error>"
    b"<RequestId>1</RequestId></ErrorResponse>"
)

# --- the server ----------------------------------------------------------------------------------


def serve(port):
    """moto, but that a request that has the word throttledN in it is refused the first N times.

    The documents of services that speak JSON have a path for each operation, `/CreateQueue`; AWS
    goes by the header X-Amz-Target alone, moto knows `/` only, and Nephos finds that out.
    """
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    inner = DomainDispatcherApplication(create_backend_app)
    refusals = {}
    requests = itertools.count()

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/requests-so-far":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(next(requests)).encode()]
        next(requests)
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        times = re.search(rb"throttled(\d+)", body)
        if times and "Boto" not in environ.get("HTTP_USER_AGENT", ""):
            refusals[body] = refusals.get(body, 0) + 1
            if refusals[body] <= int(times[1]):
                start_response(
                    "400 Bad Request", [("Content-Type", "application/x-amz-json-1.0" if target else "text/xml")]
                )
                return [THROTTLED_JSON if target else THROTTLED_XML]
        return inner(environ, start_response)

    run_simple("127.0.0.1", port, application, threaded=True)


@contextlib.contextmanager
def moto_server():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = dict(os.environ, MOTO_IAM_LOAD_MANAGED_POLICIES="false")
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", str(port)],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def client(service, region=REGION):
    return boto3.client(
        service,
        endpoint_url=URL,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(
            retries={"max_attempts": 1}, inject_host_prefix=False, proxies={}, s3={"addressing_style": "path"}
        ),
    )


# --- SQL -----------------------------------------------------------------------------------------


def nephos(text, expect=0, keys=("test", "test"), options=(), url=None):
    """The rows of each statement that has some, and what was said on stderr."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "NEPHOS_"))}
    environ.update(
        NEPHOS_HOME=HOME, AWS_ACCESS_KEY_ID=keys[0], AWS_SECRET_ACCESS_KEY=keys[1], AWS_EC2_METADATA_DISABLED="true"
    )
    done = subprocess.run(
        [
            NEPHOS,
            "exec",
            "-o",
            "json",
            "--endpoint-url",
            url or URL,
            "--registry",
            json.dumps({"url": f"file://{REGISTRY}"}),
            *options,
            text,
        ],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    verb = text.split()[0]
    STATEMENTS[verb] = STATEMENTS.get(verb, 0) + 1
    if done.returncode != expect:
        check(False, f"exit {expect} from {text[:300]}", f"{done.returncode}\n{done.stderr}")
        return [], done.stderr
    return [json.loads(part) for part in re.split(r"(?<=\])\n", done.stdout) if part.strip()], done.stderr


def sql(text):
    """The rows of the last statement."""
    found, _ = nephos(text)
    return found[-1] if found else []


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value)
    return "'" + text.replace("'", "''") + "'"


def where(conditions):
    parts = [
        f"{name} IN ({', '.join(map(literal, value))})" if isinstance(value, tuple) else f"{name} = {literal(value)}"
        for name, value in {"region": REGION, **conditions}.items()
        if value is not None
    ]
    return " AND ".join(parts)


def select(resource, /, columns="*", tail="", **conditions):
    given = where(conditions)
    return sql(f"SELECT {columns} FROM aws.{resource} {f'WHERE {given} ' if given else ''}{tail}".rstrip())


def said(text, wanted):
    _, errors = nephos(text)
    check(wanted in errors, f"{text.split(chr(10))[0][:90]}: {wanted}", errors)


def rows_of(number):
    return f"{number} row" if number == 1 else f"{number} rows"


def insert(resource, *rows):
    columns = list(dict.fromkeys(name for row in rows for name in row))
    values = ", ".join("(" + ", ".join(literal(row.get(c)) for c in columns) + f", '{REGION}')" for row in rows)
    said(
        f"INSERT INTO aws.{resource}({', '.join(columns)}, region) VALUES {values}",
        f"{rows_of(len(rows))} inserted into aws.{resource}",
    )


def assign(verb, resource, values, conditions, rows):
    changes = ", ".join(f"{name} = {literal(value)}" for name, value in values.items())
    said(
        f"{verb} aws.{resource} SET {changes} WHERE {where(conditions)}",
        f"{rows_of(rows)} {verb.lower()}d in aws.{resource}",
    )


def update(resource, values, /, rows=1, **conditions):
    assign("UPDATE", resource, values, conditions, rows)


def replace(resource, values, /, rows=1, **conditions):
    assign("REPLACE", resource, values, conditions, rows)


def delete(resource, /, rows=1, **conditions):
    said(f"DELETE FROM aws.{resource} WHERE {where(conditions)}", f"{rows_of(rows)} deleted from aws.{resource}")


def call(method, /, **arguments):
    given = ", ".join(
        f"@{name}={literal(value)}" for name, value in {"region": REGION, **arguments}.items() if value is not None
    )
    return sql(f"EXEC aws.{method} {given}")


def requests_so_far():
    with urllib.request.urlopen(f"{URL}/requests-so-far") as answer:
        return int(answer.read())


def asks(number, text, expect=0):
    """How many requests a statement makes."""
    before = requests_so_far()
    nephos(text, expect)
    made = requests_so_far() - before - 1
    check(made == number, f"{number} requests for {text[:110]}", made)


def fails(code, text):
    """Exit 1, the service's own code, no rows."""
    found, errors = nephos(text, expect=1)
    check(code in errors and not any(found), f"{code} from {text[:100]}", (found, errors))


# --- comparing -----------------------------------------------------------------------------------


def snake(name):
    """The name of a column, as the registry's documentation derives it."""
    if "_" in name:
        return name
    name = re.sub(r"([A-Z]{2,}s)$", lambda tail: "_" + tail[1].lower(), name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    name = re.sub(r"([a-z])([0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def moment(value):
    """A time as services write it: text, or seconds since 1970, or milliseconds."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return dateutil.parser.parse(value).timestamp()
    return number / 1000 if number > 1e11 else number


def deep(found, wanted):
    """Whether a nested value is the one that boto3 read.

    Lists and maps of XML are as the document's transform leaves them: below their element's name,
    scalars as text.
    """
    if isinstance(wanted, datetime.datetime):
        return abs(moment(found) - wanted.timestamp()) < 1.001
    if isinstance(wanted, bytes):
        return base64.b64decode(found) == wanted
    if isinstance(wanted, list):
        if not wanted:
            return not found
        if isinstance(found, dict) and len(found) == 1:
            (found,) = found.values()
        found = found if isinstance(found, list) else [found]
        return len(found) == len(wanted) and all(map(deep, found, wanted))
    if isinstance(wanted, dict):
        if not wanted:
            return not found
        if isinstance(found, str):
            return json.loads(urllib.parse.unquote(found)) == wanted
        if isinstance(found, dict) and set(found) == {"entry"}:
            entries = found["entry"] if isinstance(found["entry"], list) else [found["entry"]]
            found = {e["key"]: e["value"] for e in entries}
        return (
            isinstance(found, dict)
            and all(deep(found.get(k), v) for k, v in wanted.items())
            and not ({k for k, v in found.items() if v not in (None, "", [], {})} - set(wanted))
        )
    if isinstance(wanted, bool):
        return found is wanted or found == str(wanted).lower()
    if isinstance(wanted, (int, float)):
        return float(found) == wanted
    return found == wanted or (wanted == "" and found is None)


def same(found, wanted):
    """Whether a column's value is the one that boto3 read, of the same type."""
    if wanted in (None, [], {}, ""):
        return found in (None, "", "[]", "{}")
    if isinstance(wanted, bool):
        return found is wanted
    if isinstance(wanted, int):
        return type(found) is int and found == wanted
    if isinstance(wanted, float):
        return type(found) in (int, float) and found == wanted
    if isinstance(wanted, (list, dict)):
        return isinstance(found, str) and deep(
            json.loads(urllib.parse.unquote(found) if found[0] == "%" else found), wanted
        )
    if isinstance(wanted, str):
        return found == wanted
    return isinstance(found, str) and deep(found, wanted)


def differences(rows, items, ignore=(), parameters=()):
    """What rows have and items have not, and the other way round; both in the service's order."""
    ignore = {*ignore, "ResponseMetadata"}
    if len(rows) != len(items):
        yield f"{len(rows)} rows, {len(items)} wanted"
    for number, (row, item) in enumerate(zip(rows, items)):
        item = {snake(name): value for name, value in item.items() if name not in ignore}
        for name, value in item.items():
            if name not in row:
                if value not in (None, [], {}, ""):
                    yield f"row {number} has no column {name}: {sorted(row)}"
            elif not same(row[name], value):
                yield f"row {number} {name} = {row[name]!r}, not {value!r}"
        for name, value in row.items():
            known = {*item, *map(snake, ignore), *map(snake, parameters), "region"}
            if snake(name) not in known and value not in (None, "", "[]", "{}"):
                yield f"row {number} {name} = {value!r}, which boto3 does not have"


def alike(rows, items):
    """Rows of several calls, which come as they are answered, in the order of items."""
    rest = list(rows)
    ordered = []
    for item in items:
        at = next((n for n, row in enumerate(rest) if not list(differences([row], [item], row))), None)
        ordered += [] if at is None else [rest.pop(at)]
    return ordered + rest


def agrees(resource, items, /, what="", ignore=(), tail="", extra=(), **conditions):
    """A SELECT gives what boto3 got."""
    rows = select(resource, tail=tail, **conditions)
    if any(isinstance(value, tuple) for value in conditions.values()):
        rows = alike(rows, items)
    wrong = list(differences(rows, items, ignore, (*conditions, *extra)))
    check(
        items and not wrong,
        f"aws.{resource} {what or ', '.join(conditions) or 'as listed'}: {len(items)} as boto3 sees them",
        wrong[:5],
    )
    return rows


def all_of(resource, wanted, column, /, pages=2, **conditions):
    """Every page of a list: nothing missing, nothing twice."""
    before = requests_so_far()
    rows = select(resource, columns=column, **conditions)
    made = requests_so_far() - before - 1
    found = [row[column] for row in rows]
    check(
        len(found) == len(set(found)) and set(found) == set(wanted),
        f"aws.{resource} {', '.join(conditions)}: all {len(wanted)} in {made} requests",
        f"{len(found)} rows, {len(set(found))} distinct",
    )
    check(made >= pages, f"{pages} pages or more", made)
    counted = select(resource, columns="count(*) AS n", **conditions)
    check(
        counted == [{"n": len(wanted)}], f"aws.{resource} {', '.join(conditions)}: count(*) is {len(wanted)}", counted
    )


def paged(service, name, key, **arguments):
    return [item for page in service.get_paginator(name).paginate(**arguments) for item in page[key]]


# --- services ------------------------------------------------------------------------------------


def trust(service="lambda.amazonaws.com"):
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def policy(action="s3:GetObject"):
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


TAGS = [{"Key": "team", "Value": "a b"}, {"Key": "ünit", "Value": "it=+@:/"}]


def iam():
    c = client("iam")
    insert("iam.users", {"UserName": "ann", "Path": "/staff/", "Tags": TAGS}, {"UserName": "bob", "Path": None})
    said(
        "INSERT INTO aws.iam.users(user_name, path, region) "
        f"SELECT 'user' || column1, '/made/', '{REGION}' FROM (VALUES (1), (2)) v",
        "2 rows inserted into aws.iam.users",
    )
    users = c.list_users()["Users"]
    check([u["UserName"] for u in users] == ["ann", "bob", "user1", "user2"], "boto3 sees the users")
    agrees("iam.users", users)
    agrees("iam.users", users[2:], path_prefix="/made/")
    agrees("iam.users", [c.get_user(UserName="ann")["User"]], user_name="ann")
    agrees("iam.users", [c.get_user(UserName=n)["User"] for n in ("ann", "bob")], UserName=("ann", "bob"))
    agrees("iam.users", users[:1], "with LIMIT", tail="LIMIT 1")
    agrees("iam.users", users[::-1], "with ORDER BY", tail="ORDER BY user_name DESC")
    found = sql(
        "SELECT u.user_name, json_extract(t.value, '$.Value') AS team FROM aws.iam.users u, "
        "json_each(u.tags, '$.member') t "
        f"WHERE u.user_name = 'ann' AND u.{AT} AND json_extract(t.value, '$.Key') = 'team'"
    )
    check(found == [{"user_name": "ann", "team": "a b"}], "tags of a user by json_each", found)
    update("iam.users", {"NewPath": "/moved/"}, user_name="bob")
    check(c.get_user(UserName="bob")["User"]["Path"] == "/moved/", "UPDATE moved a user")
    update("iam.tags", {"Tags": [{"Key": "new", "Value": "1"}]}, user_name="bob")
    check(c.list_user_tags(UserName="bob")["Tags"] == [{"Key": "new", "Value": "1"}], "UPDATE tagged a user")
    agrees("iam.user_tags", c.list_user_tags(UserName="ann")["Tags"], user_name="ann")

    insert(
        "iam.roles",
        {"RoleName": "worker", "AssumeRolePolicyDocument": trust(), "MaxSessionDuration": 7200, "Tags": TAGS},
    )
    agrees("iam.roles", c.list_roles()["Roles"])
    agrees("iam.roles", [c.get_role(RoleName="worker")["Role"]], role_name="worker")
    update("iam.roles", {"Description": "what it does", "MaxSessionDuration": 3600}, role_name="worker")
    role = c.get_role(RoleName="worker")["Role"]
    check((role["Description"], role["MaxSessionDuration"]) == ("what it does", 3600), "UPDATE of a role")
    found = call("iam.roles.get_role", RoleName="worker")
    check(not list(differences(found, [role])), "EXEC get_role", list(differences(found, [role])))
    replace("iam.role_policies", {"PolicyDocument": policy()}, role_name="worker", policy_name="inline")
    document = c.get_role_policy(RoleName="worker", PolicyName="inline")
    agrees("iam.role_policies", [document], role_name="worker", policy_name="inline")

    found = sql(
        f"INSERT INTO aws.iam.policies(PolicyName, PolicyDocument, Description, region) "
        f"VALUES ('reads', {literal(policy())}, "
        f"'it''s', '{REGION}') RETURNING arn, policy_name, attachment_count, is_attachable"
    )
    arn = f"arn:aws:iam::{ACCOUNT}:policy/reads"
    check(
        found == [{"arn": arn, "policy_name": "reads", "attachment_count": 0, "is_attachable": True}],
        "INSERT RETURNING of a policy",
        found,
    )
    update("iam.role_policies", {"PolicyArn": arn}, role_name="worker")
    attached = c.list_attached_role_policies(RoleName="worker")["AttachedPolicies"]
    agrees("iam.attached_role_policies", attached, role_name="worker")
    agrees("iam.policies", c.list_policies(Scope="Local")["Policies"], scope="Local")
    agrees("iam.policies", [c.get_policy(PolicyArn=arn)["Policy"]], policy_arn=arn)
    call("iam.role_policies.detach_role_policy", RoleName="worker", PolicyArn=arn)
    check(not c.list_attached_role_policies(RoleName="worker")["AttachedPolicies"], "EXEC detached a policy")
    insert("iam.groups", {"GroupName": "staff"})
    update("iam.groups", {"UserName": "ann"}, group_name="staff")
    check([u["UserName"] for u in c.get_group(GroupName="staff")["Users"]] == ["ann"], "UPDATE put a user into a group")
    agrees("iam.groups", c.list_groups()["Groups"])
    agrees("iam.groups_for_users", c.list_groups_for_user(UserName="ann")["Groups"], user_name="ann")
    found = sql(f"INSERT INTO aws.iam.access_keys(UserName, region) VALUES ('ann', '{REGION}') RETURNING *")
    keys = c.list_access_keys(UserName="ann")["AccessKeyMetadata"]
    check(
        len(found) == 1 and found[0]["access_key_id"] == keys[0]["AccessKeyId"] and found[0]["secret_access_key"],
        "INSERT RETURNING of an access key, with its secret",
        found,
    )
    agrees("iam.access_keys", keys, user_name="ann")
    update("iam.access_keys", {"Status": "Inactive"}, user_name="ann", access_key_id=keys[0]["AccessKeyId"])
    check(c.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["Status"] == "Inactive", "UPDATE of an access key")
    insert("iam.instance_profiles", {"InstanceProfileName": "machine"})
    update("iam.instance_profiles", {"RoleName": "worker"}, instance_profile_name="machine")
    agrees("iam.instance_profiles", c.list_instance_profiles()["InstanceProfiles"])
    agrees(
        "iam.instance_profiles",
        [c.get_instance_profile(InstanceProfileName="machine")["InstanceProfile"]],
        instance_profile_name="machine",
    )
    insert("iam.account_alias", {"AccountAlias": "ours"})
    check(
        select("iam.account_aliases") and c.list_account_aliases()["AccountAliases"] == ["ours"], "the account's alias"
    )

    for number in range(130):
        c.create_user(UserName=f"many{number}", Path="/many/")
    names = [user["UserName"] for user in paged(c, "list_users", "Users")]
    check(len(names) == 134, "boto3 lists 134 users")
    # moto has pages of roles and policies, none of users.
    all_of("iam.users", names, "user_name", pages=1)
    all_of("iam.users", [n for n in names if n.startswith("many")], "user_name", path_prefix="/many/", pages=1)
    for number in range(130):
        c.create_role(RoleName=f"many{number}", AssumeRolePolicyDocument=json.dumps(trust()))
        c.create_policy(PolicyName=f"many{number}", PolicyDocument=json.dumps(policy()))
    roles = [role["RoleName"] for role in paged(c, "list_roles", "Roles")]
    all_of("iam.roles", roles, "role_name")
    all_of("iam.roles", roles, "role_name", max_items=7, pages=19)
    all_of(
        "iam.policies", [x["Arn"] for x in paged(c, "list_policies", "Policies", Scope="Local")], "arn", scope="Local"
    )
    found = select("iam.roles", columns="role_name", tail="LIMIT 120")
    check([r["role_name"] for r in found] == roles[:120], "LIMIT over pages")

    asks(2, f"SELECT * FROM aws.iam.roles WHERE {AT}")
    asks(1, f"SELECT * FROM aws.iam.roles WHERE {AT} LIMIT 5")
    asks(3, f"SELECT * FROM aws.iam.users WHERE {AT} AND user_name IN ('ann', 'many1', 'many2')")
    asks(0, f"SELECT * FROM aws.iam.users WHERE {AT} AND user_name = 'ann' AND 1 = 0")
    asks(0, f"SELECT user_nam FROM aws.iam.users WHERE {AT}", expect=1)
    asks(0, f"INSERT INTO aws.iam.users(user_name, region) VALUES ('fine', '{REGION}'), (NULL, '{REGION}')", expect=1)
    asks(0, f"DELETE FROM aws.iam.users WHERE {AT} AND user_name = 'many1' AND path = '/other/'", expect=1)
    asks(0, f"DELETE FROM aws.iam.users WHERE {AT} AND user_name LIKE 'many%'", expect=1)
    asks(0, f"UPDATE aws.iam.users SET NewPath = '/all/' WHERE {AT}", expect=1)
    fails("NoSuchEntity", f"SELECT * FROM aws.iam.users WHERE user_name = 'nobody' AND {AT}")
    fails("NoSuchEntity", f"DELETE FROM aws.iam.users WHERE user_name = 'nobody' AND {AT}")
    fails("EntityAlreadyExists", f"INSERT INTO aws.iam.users(user_name, region) VALUES ('ann', '{REGION}')")
    _, errors = nephos(f"SELECT * FROM aws.iam.users WHERE user_name IN ('ann', 'nobody') AND {AT}", expect=1)
    check("NoSuchEntity" in errors, "one of two that is missing fails the statement", errors)
    delete("iam.policies", policy_arn=arn)
    delete("iam.users", rows=2, user_name=("user1", "user2"))
    gone = {"user1", "user2"} - {u["UserName"] for u in paged(c, "list_users", "Users")}
    check(gone == {"user1", "user2"}, "DELETE removed two users")


def sts():
    c = client("sts")
    agrees("sts.caller_identities", [c.get_caller_identity()])
    agrees("sts.session_tokens", [c.get_session_token()["Credentials"]], ignore=["Expiration"])
    agrees(
        "sts.access_key_infos",
        [c.get_access_key_info(AccessKeyId="AKIAIOSFODNN7EXAMPLE")],
        access_key_id="AKIAIOSFODNN7EXAMPLE",
    )


def sqs():
    c = client("sqs")
    insert(
        "sqs.queues",
        {"QueueName": "one", "Attributes": {"VisibilityTimeout": "45"}, "tags": {"team": "a b"}},
        {"QueueName": "two"},
        {"QueueName": "three.fifo", "Attributes": {"FifoQueue": "true"}},
    )
    urls = c.list_queues()["QueueUrls"]
    one = c.get_queue_url(QueueName="one")["QueueUrl"]
    agrees("sqs.queues", [{"QueueUrl": url} for url in urls])
    agrees("sqs.queue_urls", [{"QueueUrl": one}], queue_name="one")
    attributes = c.get_queue_attributes(QueueUrl=one, AttributeNames=["All"])
    agrees("sqs.queue_attributes", [attributes], queue_url=one, attribute_names=["All"])
    rows = select(
        "sqs.queue_attributes",
        columns="queue_url, json_extract(attributes, '$.VisibilityTimeout') AS seconds",
        tail="ORDER BY seconds",
        queue_url=tuple(urls),
        attribute_names=["All"],
    )
    check(sorted(r["seconds"] for r in rows) == ["30", "30", "45"], "attributes of three queues by IN", rows)
    update("sqs.queue_attributes", {"Attributes": {"VisibilityTimeout": "60"}}, queue_url=one)
    attributes = c.get_queue_attributes(QueueUrl=one, AttributeNames=["VisibilityTimeout"])["Attributes"]
    check(attributes == {"VisibilityTimeout": "60"}, "UPDATE of a queue's attributes")
    agrees("sqs.queue_tags", [{"Tags": c.list_queue_tags(QueueUrl=one)["Tags"]}], queue_url=one)
    update("sqs.tags", {"Tags": {"new": "1"}}, queue_url=one)
    check(c.list_queue_tags(QueueUrl=one)["Tags"] == {"team": "a b", "new": "1"}, "UPDATE tagged a queue")
    found = nephos("SHOW METHODS IN aws.sqs.queues")[0][-1]
    names = [row["MethodName"] for row in found]
    check({"list_queues", "create_queue", "delete_queue"} <= set(names), "SHOW METHODS IN aws.sqs.queues", names)
    c.send_message(QueueUrl=one, MessageBody="hello")
    message = c.receive_message(QueueUrl=one)["Messages"][0]
    delete("sqs.messages", queue_url=one, receipt_handle=message["ReceiptHandle"])
    for number in range(130):
        c.create_queue(QueueName=f"many{number}")
    urls = c.list_queues()["QueueUrls"]
    all_of("sqs.queues", urls, "queue_url")
    all_of("sqs.queues", urls, "queue_url", max_results=50)
    all_of("sqs.queues", [u for u in urls if "/many" in u], "queue_url", queue_name_prefix="many", max_results=50)
    fails("QueueDoesNotExist", f"SELECT * FROM aws.sqs.queue_urls WHERE queue_name = 'nope' AND {AT}")
    fails("region", "SELECT * FROM aws.sqs.queues")
    delete("sqs.queues", queue_url=one)
    check(one not in c.list_queues()["QueueUrls"], "DELETE removed a queue")


def sns():
    c = client("sns")
    insert("sns.topics", {"Name": "news", "Attributes": {"DisplayName": "The news"}, "Tags": TAGS}, {"Name": "other"})
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:news"
    agrees("sns.topics", c.list_topics()["Topics"])
    agrees("sns.topic_attributes", [c.get_topic_attributes(TopicArn=arn)], topic_arn=arn)
    agrees("sns.tags", c.list_tags_for_resource(ResourceArn=arn)["Tags"], resource_arn=arn)
    update("sns.topic_attributes", {"AttributeName": "DisplayName", "AttributeValue": "It's & more"}, topic_arn=arn)
    check(
        c.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "It's & more", "UPDATE of a topic's name"
    )
    update("sns.tags", {"Tags": [{"Key": "new", "Value": "1"}]}, resource_arn=arn)
    update("sns.tags", {"TagKeys": ["team", "ünit"]}, resource_arn=arn)
    check(
        c.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "new", "Value": "1"}],
        "UPDATE tagged and untagged a topic",
    )
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:two"
    client("sqs").create_queue(QueueName="two")
    found = call("sns.topics.subscribe", TopicArn=arn, Protocol="sqs", Endpoint=queue)
    subscriptions = c.list_subscriptions()["Subscriptions"]
    check(
        [r["subscription_arn"] for r in found] == [s["SubscriptionArn"] for s in subscriptions], "EXEC subscribe", found
    )
    agrees("sns.subscriptions", subscriptions)
    agrees("sns.subscriptions_by_topics", subscriptions, topic_arn=arn)
    subscription = subscriptions[0]["SubscriptionArn"]
    agrees(
        "sns.subscription_attributes",
        [c.get_subscription_attributes(SubscriptionArn=subscription)],
        subscription_arn=subscription,
    )
    update(
        "sns.subscription_attributes",
        {"AttributeName": "RawMessageDelivery", "AttributeValue": "true"},
        subscription_arn=subscription,
    )
    attributes = c.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    check(attributes["RawMessageDelivery"] == "true", "UPDATE of a subscription")
    call("sns.subscriptions.unsubscribe", SubscriptionArn=subscription)
    check(not c.list_subscriptions()["Subscriptions"], "EXEC unsubscribe")
    for number in range(230):
        c.create_topic(Name=f"many{number}")
    all_of("sns.topics", [t["TopicArn"] for t in paged(c, "list_topics", "Topics")], "topic_arn")
    fails("NotFound", f"SELECT * FROM aws.sns.topic_attributes WHERE topic_arn = '{arn}x' AND {AT}")
    delete("sns.topics", rows=2, topic_arn=(arn, arn.replace("news", "other")))
    check(len(paged(c, "list_topics", "Topics")) == 230, "DELETE removed two topics")


def dynamodb():
    c = client("dynamodb")
    schema = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    insert("dynamodb.tables", {"TableName": "things", **schema}, {"TableName": "other", **schema})
    agrees("dynamodb.tables", [{"TableName": name} for name in c.list_tables()["TableNames"]])
    agrees("dynamodb.tables", [c.describe_table(TableName="things")["Table"]], table_name="things")
    agrees(
        "dynamodb.tables",
        [c.describe_table(TableName=n)["Table"] for n in ("things", "other")],
        table_name=("things", "other"),
    )
    items = [
        {"id": {"S": f"{n}"}, "n": {"N": "12345678901234567890.5"}, "l": {"L": [{"S": "it's"}, {"BOOL": True}]}}
        for n in range(3)
    ]
    for item in items:
        replace("dynamodb.items", {"Item": item}, table_name="things")
    key = items[1]["id"]
    check(c.get_item(TableName="things", Key={"id": key})["Item"] == items[1], "REPLACE put an item")
    agrees("dynamodb.items", [{"Item": items[1]}], table_name="things", key={"id": key})
    agrees(
        "dynamodb.items",
        [{"Item": i} for i in items[:2]],
        table_name="things",
        key=tuple(json.dumps({"id": i["id"]}) for i in items[:2]),
    )
    update(
        "dynamodb.items",
        {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "7"}}},
        table_name="things",
        key={"id": key},
    )
    check(c.get_item(TableName="things", Key={"id": key})["Item"]["n"] == {"N": "7"}, "UPDATE of an item")
    delete("dynamodb.items", table_name="things", key={"id": items[2]["id"]})
    found = call("dynamodb.tables.scan", TableName="things", Limit=1)
    seen = [item["id"]["S"] for row in found for item in json.loads(row["items"])]
    check(len(found) == 2 and sorted(seen) == ["0", "1"], "EXEC scan of two pages", found)
    found = call("dynamodb.tables.scan", TableName="things")
    check(
        len(found) == 1
        and found[0]["count"] == 2
        and json.loads(found[0]["items"]) == c.scan(TableName="things")["Items"],
        "EXEC scan",
        found,
    )
    found = call(
        "dynamodb.tables.query",
        TableName="things",
        KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": {"S": "0"}},
    )
    check(len(found) == 1 and json.loads(found[0]["items"]) == items[:1], "EXEC query", found)
    update(
        "dynamodb.time_to_lives",
        {"TimeToLiveSpecification": {"Enabled": True, "AttributeName": "until"}},
        table_name="things",
    )
    agrees(
        "dynamodb.time_to_lives",
        [c.describe_time_to_live(TableName="things")["TimeToLiveDescription"]],
        table_name="things",
    )
    arn = c.describe_table(TableName="things")["Table"]["TableArn"]
    update("dynamodb.tags", {"Tags": TAGS}, resource_arn=arn)
    agrees("dynamodb.tags", c.list_tags_of_resource(ResourceArn=arn)["Tags"], resource_arn=arn)
    for number in range(130):
        c.create_table(TableName=f"many{number}", **schema)
    names = paged(c, "list_tables", "TableNames")
    all_of("dynamodb.tables", names, "table_name")
    fails("ResourceNotFoundException", f"SELECT * FROM aws.dynamodb.tables WHERE table_name = 'nope' AND {AT}")
    fails(
        "ResourceInUseException",
        "INSERT INTO aws.dynamodb.tables(TableName, KeySchema, AttributeDefinitions, BillingMode, region) VALUES "
        f"('things', {literal(schema['KeySchema'])}, "
        f"{literal(schema['AttributeDefinitions'])}, 'PAY_PER_REQUEST', '{REGION}')",
    )
    fails(
        "ConditionalCheckFailedException",
        f"REPLACE aws.dynamodb.items SET Item = {literal(items[0])}, ConditionExpression = 'attribute_not_exists(id)' "
        f"WHERE table_name = 'things' AND {AT}",
    )
    delete("dynamodb.tables", rows=2, table_name=("things", "other"))
    check(len(paged(c, "list_tables", "TableNames")) == 130, "DELETE removed two tables")


def archive():
    """A zip of one file, always of the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr(zipfile.ZipInfo("main.py", (2026, 1, 1, 0, 0, 0)), "def handler(event, context): return 1\n")
    return base64.b64encode(out.getvalue()).decode()


def lambda_():
    c = client("lambda")
    role = f"arn:aws:iam::{ACCOUNT}:role/runs"
    client("iam").create_role(RoleName="runs", AssumeRolePolicyDocument=json.dumps(trust()))
    common = {"Role": role, "Runtime": "python3.13", "Handler": "main.handler", "Code": {"ZipFile": archive()}}
    insert(
        "lambda.functions",
        {
            "FunctionName": "one",
            **common,
            "Timeout": 7,
            "Environment": {"Variables": {"A": "it's"}},
            "Tags": {"team": "a b"},
        },
        {"FunctionName": "two", **common, "MemorySize": 256},
    )
    listed = c.list_functions()["Functions"]
    agrees("lambda.functions", listed)
    got = c.get_function(FunctionName="one")
    agrees("lambda.functions", [got], function_name="one")
    agrees("lambda.function_configurations", [c.get_function_configuration(FunctionName="one")], function_name="one")
    update("lambda.function_configurations", {"Timeout": 9, "Description": "slow"}, function_name="one")
    changed = c.get_function_configuration(FunctionName="one")
    check((changed["Timeout"], changed["Description"]) == (9, "slow"), "UPDATE of a function's configuration")
    update(
        "lambda.functions",
        {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com", "StatementId": "s3"},
        function_name="one",
    )
    statement = json.loads(c.get_policy(FunctionName="one")["Policy"])["Statement"]
    check([s["Sid"] for s in statement] == ["s3"], "UPDATE gave a permission")
    arn = got["Configuration"]["FunctionArn"]
    agrees("lambda.tags", [{"Tags": c.list_tags(Resource=arn)["Tags"]}], resource=arn)
    update("lambda.tags", {"Tags": {"new": "1"}}, resource=arn)
    check(c.list_tags(Resource=arn)["Tags"] == {"team": "a b", "new": "1"}, "UPDATE tagged a function")
    call("lambda.functions.publish_version", function_name="one", Description="first")
    agrees(
        "lambda.versions_by_functions", c.list_versions_by_function(FunctionName="one")["Versions"], function_name="one"
    )
    call(
        "lambda.layers.publish_layer_version",
        layer_name="layer",
        Content={"ZipFile": archive()},
        CompatibleRuntimes=["python3.13"],
    )
    agrees("lambda.layer_versions", c.list_layer_versions(LayerName="layer")["LayerVersions"], layer_name="layer")
    queue = client("sqs").create_queue(QueueName="feeds")["QueueUrl"]
    queue = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    insert("lambda.event_source_mappings", {"FunctionName": "one", "EventSourceArn": queue, "BatchSize": 3})
    mappings = c.list_event_source_mappings()["EventSourceMappings"]
    agrees("lambda.event_source_mappings", mappings)
    uuid = mappings[0]["UUID"]
    update("lambda.event_source_mappings", {"BatchSize": 5, "Enabled": False}, uuid=uuid)
    agrees(
        "lambda.event_source_mappings", [c.get_event_source_mapping(UUID=uuid)], uuid=uuid, ignore=["ResponseMetadata"]
    )
    check(c.get_event_source_mapping(UUID=uuid)["BatchSize"] == 5, "UPDATE of a mapping")
    fails("ResourceNotFoundException", f"SELECT * FROM aws.lambda.functions WHERE function_name = 'nope' AND {AT}")
    delete("lambda.functions", rows=2, function_name=("one", "two"))
    check(not c.list_functions()["Functions"], "DELETE removed two functions")


def template(**resources):
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def cloudformation():
    c = client("cloudformation")
    body = template(Q={"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "stacked"}})
    body["Outputs"] = {"Name": {"Value": "v&w", "Export": {"Name": "exported"}}}
    insert(
        "cloudformation.stacks",
        {"StackName": "one", "TemplateBody": body, "Tags": TAGS[:1]},
        {
            "StackName": "two",
            "TemplateBody": template(T={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "stacked"}}),
        },
    )
    agrees("cloudformation.stacks", c.list_stacks()["StackSummaries"])
    agrees("cloudformation.stacks", c.describe_stacks(StackName="one")["Stacks"], stack_name="one")
    agrees(
        "cloudformation.stack_resources",
        c.list_stack_resources(StackName="one")["StackResourceSummaries"],
        stack_name="one",
    )
    detail = c.describe_stack_resource(StackName="one", LogicalResourceId="Q")["StackResourceDetail"]
    agrees("cloudformation.stack_resources", [detail], stack_name="one", logical_resource_id="Q")
    agrees("cloudformation.exports", c.list_exports()["Exports"])
    agrees("cloudformation.stack_events", c.describe_stack_events(StackName="one")["StackEvents"], stack_name="one")
    body["Resources"]["Q"]["Properties"]["VisibilityTimeout"] = 77
    update("cloudformation.stacks", {"TemplateBody": body}, stack_name="one")
    check(c.describe_stacks(StackName="one")["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE", "UPDATE of a stack")
    for number in range(130):
        c.create_stack(
            StackName=f"many{number}",
            TemplateBody=json.dumps(template(T={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": f"s{number}"}})),
        )
    names = [s["StackName"] for s in paged(c, "list_stacks", "StackSummaries")]
    all_of("cloudformation.stacks", names, "stack_name", pages=1)
    body = template(T={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "exports"}})
    body["Outputs"] = {f"O{n}": {"Value": f"{n}", "Export": {"Name": f"export{n}"}} for n in range(120)}
    c.create_stack(StackName="exports", TemplateBody=json.dumps(body))
    all_of("cloudformation.exports", [e["Name"] for e in paged(c, "list_exports", "Exports")], "name")
    fails("ValidationError", f"SELECT * FROM aws.cloudformation.stacks WHERE stack_name = 'nope' AND {AT}")
    delete("cloudformation.stacks", rows=2, stack_name=("one", "two"))
    left = {s["StackName"] for s in c.describe_stacks()["Stacks"]}
    check(not left & {"one", "two"}, "DELETE removed two stacks")


def route53():
    c = client("route53")
    insert(
        "route53.hosted_zones",
        {"Name": "example.com.", "CallerReference": "1"},
        {"Name": "example.org.", "CallerReference": "2"},
    )
    zones = c.list_hosted_zones()["HostedZones"]
    check([z["Name"] for z in zones] == ["example.com.", "example.org."], "boto3 sees the zones", zones)
    agrees("route53.hosted_zones", zones)
    zone = zones[0]["Id"].rpartition("/")[2]
    rows = select("route53.hosted_zones", id=zone)
    check(len(rows) == 1 and rows[0]["name"] == "example.com.", "a zone by its id", rows)
    changes = "".join(
        f"<Change><Action>CREATE</Action><ResourceRecordSet><Name>{name}.example.com.</Name><Type>A</Type><TTL>60</TTL>"
        "<ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords>"
        "</ResourceRecordSet></Change>"
        for name in ("www", "mail")
    )
    call(
        "route53.resource_record_sets.change_resource_record_sets", id=zone, ChangeBatch=f"<Changes>{changes}</Changes>"
    )
    records = c.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    check(
        [r["Name"] for r in records if r["Type"] == "A"] == ["mail.example.com.", "www.example.com."],
        "EXEC made records",
        records,
    )
    agrees("route53.resource_record_sets", records, id=zone, region=None)
    gone = {
        "Changes": [
            {
                "Action": "DELETE",
                "ResourceRecordSet": {
                    "Name": "mail.example.com.",
                    "Type": "A",
                    "TTL": 60,
                    "ResourceRecords": [{"Value": "192.0.2.1"}],
                },
            }
        ]
    }
    call("route53.resource_record_sets.change_resource_record_sets", id=zone, ChangeBatch=gone)
    records = c.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    check(
        [r["Name"] for r in records if r["Type"] == "A"] == ["www.example.com."],
        "EXEC removed a record, given as JSON",
        records,
    )
    call("route53.hosted_zones.update_hosted_zone_comment", id=zone, Comment="it's <ours> & more")
    check(c.get_hosted_zone(Id=zone)["HostedZone"]["Config"]["Comment"] == "it's <ours> & more", "EXEC set a comment")
    check_ = {"Type": "HTTP", "FullyQualifiedDomainName": "example.com", "Port": 80}
    insert("route53.health_checks", {"CallerReference": "1", "HealthCheckConfig": check_})
    agrees("route53.health_checks", c.list_health_checks()["HealthChecks"])
    number = c.list_health_checks()["HealthChecks"][0]["Id"]
    agrees("route53.health_checks", [c.get_health_check(HealthCheckId=number)["HealthCheck"]], health_check_id=number)
    for number in range(5):
        c.change_resource_record_sets(
            HostedZoneId=zone,
            ChangeBatch={
                "Changes": [
                    {
                        "Action": "CREATE",
                        "ResourceRecordSet": {
                            "Name": f"n{number * 80 + i:03}.example.com.",
                            "Type": "A",
                            "TTL": 60,
                            "ResourceRecords": [{"Value": "192.0.2.1"}],
                        },
                    }
                    for i in range(80)
                ]
            },
        )
    names = [
        r["Name"] + r["Type"] for r in paged(c, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone)
    ]
    rows = select("route53.resource_record_sets", columns="name || type AS n", id=zone, region=None)
    check(sorted(r["n"] for r in rows) == sorted(names) and len(names) == 403, "all 403 records over pages", len(rows))
    for number in range(130):
        c.create_hosted_zone(Name=f"many{number}.example.", CallerReference=f"m{number}")
    all_of("route53.hosted_zones", [z["Id"] for z in paged(c, "list_hosted_zones", "HostedZones")], "id")
    fails("NoSuchHostedZone", f"SELECT * FROM aws.route53.hosted_zones WHERE id = 'NOPE' AND {AT}")
    delete("route53.hosted_zones", id=zones[1]["Id"].rpartition("/")[2])
    check(len(paged(c, "list_hosted_zones", "HostedZones")) == 131, "DELETE removed a zone")


def s3():
    c = client("s3")
    insert("s3.buckets", {"bucket": "one"}, {"bucket": "two"})
    buckets = c.list_buckets()["Buckets"]
    check([b["Name"] for b in buckets] == ["one", "two"], "boto3 sees the buckets")
    agrees("s3.buckets", buckets)
    insert(
        "s3.objects",
        {"bucket": "one", "key": "a/b c.txt", "contents": "hello"},
        {"bucket": "one", "key": "ü&+", "contents": "it's"},
    )
    check(c.get_object(Bucket="one", Key="a/b c.txt")["Body"].read() == b"hello", "INSERT put an object")
    check(
        c.get_object(Bucket="one", Key="ü&+")["Body"].read() == "it's".encode(), "INSERT put an object of a hard name"
    )
    objects = c.list_objects_v2(Bucket="one")["Contents"]
    agrees("s3.objects_v2s", objects, bucket="one", ignore=["ChecksumAlgorithm", "ChecksumType"])
    agrees(
        "s3.objects",
        c.list_objects(Bucket="one")["Contents"],
        bucket="one",
        ignore=["ChecksumAlgorithm", "ChecksumType"],
    )
    replace("s3.objects", {"contents": "changed"}, bucket="one", key="a/b c.txt")
    check(c.get_object(Bucket="one", Key="a/b c.txt")["Body"].read() == b"changed", "REPLACE of an object")
    tagging = "<TagSet><Tag><Key>team</Key><Value>a b</Value></Tag></TagSet>"
    replace("s3.bucket_taggings", {"Tagging": tagging}, bucket="one")
    check(c.get_bucket_tagging(Bucket="one")["TagSet"] == [{"Key": "team", "Value": "a b"}], "REPLACE of tags")
    # The document's row of this answer is itself: it has no columns for keys and values.
    rows = select("s3.bucket_taggings", bucket="one")
    check(len(rows) == 1 and "a b" in json.dumps(rows), "a row of tags", rows)
    replace(
        "s3.bucket_taggings",
        {"Tagging": {"TagSet": [{"Key": "a", "Value": "<&>"}, {"Key": "b", "Value": "2"}]}},
        bucket="one",
    )
    wanted = [{"Key": "a", "Value": "<&>"}, {"Key": "b", "Value": "2"}]
    check(
        c.get_bucket_tagging(Bucket="one")["TagSet"] == wanted,
        "REPLACE of tags, given as JSON",
        c.get_bucket_tagging(Bucket="one")["TagSet"],
    )
    replace("s3.bucket_versionings", {"VersioningConfiguration": "<Status>Enabled</Status>"}, bucket="two")
    check(c.get_bucket_versioning(Bucket="two")["Status"] == "Enabled", "REPLACE of versioning")
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": ["arn:aws:s3:::two", "arn:aws:s3:::two/*"],
            }
        ],
    }
    replace("s3.bucket_policies", {"policy": document}, bucket="two")
    stored = c.get_bucket_policy(Bucket="two")["Policy"]
    check(stored[0] == "{" and json.loads(stored) == document, "REPLACE of a bucket's policy", stored)
    rules = (
        "<Rule><ID>a</ID><Status>Enabled</Status><Filter><Prefix>x</Prefix></Filter>"
        "<Expiration><Days>3</Days></Expiration></Rule>"
    )
    replace("s3.bucket_lifecycle_configurations", {"LifecycleConfiguration": rules}, bucket="two")
    rules = c.get_bucket_lifecycle_configuration(Bucket="two")["Rules"]
    check([(x["ID"], x["Expiration"]["Days"]) for x in rules] == [("a", 3)], "REPLACE of a lifecycle", rules)
    delete("s3.bucket_policies", bucket="two")
    rows = select("s3.objects", bucket="one", key="a/b c.txt")
    check([r["contents"] for r in rows] == ["changed"], "SELECT of an object's bytes", rows)
    agrees(
        "s3.object_versions",
        c.list_object_versions(Bucket="one")["Versions"],
        bucket="one",
        ignore=["ChecksumAlgorithm", "ChecksumType"],
    )
    insert("s3.multipart_uploads", {"bucket": "one", "key": "large"})
    agrees(
        "s3.multipart_uploads",
        c.list_multipart_uploads(Bucket="one")["Uploads"],
        bucket="one",
        ignore=["ChecksumType", "ChecksumAlgorithm"],
    )
    for number in range(1005):
        c.put_object(Bucket="two", Key=f"{number:04}", Body=b"")
    all_of("s3.objects_v2s", [f"{n:04}" for n in range(1005)], "key", bucket="two")
    all_of("s3.objects", [f"{n:04}" for n in range(1005)], "key", bucket="two")
    fails("NoSuchBucket", f"SELECT * FROM aws.s3.objects_v2s WHERE bucket = 'nope' AND {AT}")
    fails("BucketNotEmpty", f"DELETE FROM aws.s3.buckets WHERE bucket = 'one' AND {AT}")
    delete("s3.objects", rows=2, bucket="one", key=("a/b c.txt", "ü&+"))
    delete("s3.buckets", bucket="one")
    check([b["Name"] for b in c.list_buckets()["Buckets"]] == ["two"], "DELETE removed a bucket and its objects")


def kms():
    c = client("kms")
    found = sql(
        "INSERT INTO aws.kms.keys(Description, Tags, region) VALUES ('it''s', "
        f"{literal([{'TagKey': 'a', 'TagValue': 'b'}])}, '{REGION}') RETURNING *"
    )
    key = c.list_keys()["Keys"][0]["KeyId"]
    check(len(found) == 1 and key in json.dumps(found), "INSERT RETURNING of a key", found)
    agrees("kms.keys", c.list_keys()["Keys"])
    agrees("kms.keys", [c.describe_key(KeyId=key)["KeyMetadata"]], key_id=key)
    update("kms.keys", {"Description": "other"}, key_id=key)
    check(c.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "other", "UPDATE of a key")
    update("kms.tags", {"Tags": [{"TagKey": "new", "TagValue": "1"}]}, key_id=key)
    check(len(c.list_resource_tags(KeyId=key)["Tags"]) == 2, "UPDATE tagged a key")
    agrees("kms.resource_tags", c.list_resource_tags(KeyId=key)["Tags"], key_id=key)
    found = call("kms.keys.encrypt", KeyId=key, Plaintext=base64.b64encode(b"secret").decode())
    plain = c.decrypt(CiphertextBlob=base64.b64decode(found[0]["ciphertext_blob"]))["Plaintext"]
    check(plain == b"secret", "EXEC encrypt, decrypted by boto3")
    call("kms.keys.disable_key", KeyId=key)
    check(c.describe_key(KeyId=key)["KeyMetadata"]["Enabled"] is False, "EXEC disable_key")
    for number in range(25):
        c.create_key()
    names = [k["KeyId"] for k in paged(c, "list_keys", "Keys")]
    all_of("kms.keys", names, "key_id", pages=1)
    fails("NotFoundException", f"SELECT * FROM aws.kms.keys WHERE key_id = 'nope' AND {AT}")


def secretsmanager():
    c = client("secretsmanager")
    insert(
        "secretsmanager.secrets",
        {"Name": "one", "SecretString": '{"a": 1}', "Tags": TAGS},
        {"Name": "two", "SecretString": "plain", "Tags": None},
    )
    listed = c.list_secrets()["SecretList"]
    agrees("secretsmanager.secrets", listed)
    agrees("secretsmanager.secrets", [c.describe_secret(SecretId="one")], secret_id="one")
    agrees("secretsmanager.secret_values", [c.get_secret_value(SecretId="two")], secret_id="two")
    check(
        c.get_secret_value(SecretId="one")["SecretString"] == '{"a": 1}',
        "a secret that looks like JSON is text",
        c.get_secret_value(SecretId="one")["SecretString"],
    )
    # AWS wants a token that its own clients make up; who speaks to it directly gives one.
    token = "00000000-0000-0000-0000-00000000000"
    update(
        "secretsmanager.secrets",
        {"SecretString": "new", "Description": "it's", "ClientRequestToken": token + "1"},
        secret_id="two",
    )
    check(c.get_secret_value(SecretId="two")["SecretString"] == "new", "UPDATE of a secret")
    replace(
        "secretsmanager.secret_values", {"SecretString": "newer", "ClientRequestToken": token + "2"}, secret_id="two"
    )
    check(c.get_secret_value(SecretId="two")["SecretString"] == "newer", "REPLACE of a secret's value")
    for number in range(120):
        c.create_secret(Name=f"many{number}", SecretString="x")
    all_of("secretsmanager.secrets", [s["Name"] for s in paged(c, "list_secrets", "SecretList")], "name")
    fails(
        "ResourceNotFoundException", f"SELECT * FROM aws.secretsmanager.secret_values WHERE secret_id = 'nope' AND {AT}"
    )
    fails(
        "ResourceExistsException",
        f"INSERT INTO aws.secretsmanager.secrets(Name, SecretString, region) VALUES ('one', 'x', '{REGION}')",
    )
    delete("secretsmanager.secrets", rows=2, secret_id=("one", "two"))
    check(len(paged(c, "list_secrets", "SecretList")) == 120, "DELETE removed two secrets")


def ssm():
    c = client("ssm")
    replace("ssm.parameters", {"Value": "it's", "Type": "String"}, name="/app/one")
    replace("ssm.parameters", {"Value": "a,b", "Type": "StringList", "Description": "two"}, name="/app/two")
    agrees("ssm.parameters", c.describe_parameters()["Parameters"])
    agrees("ssm.parameters", [c.get_parameters(Names=["/app/one", "/app/two"])], names=["/app/one", "/app/two"])
    agrees("ssm.parameters_by_paths", c.get_parameters_by_path(Path="/app")["Parameters"], path="/app")
    found = call("ssm.parameters.get_parameter", Name="/app/one")
    check(not list(differences(found, [c.get_parameter(Name="/app/one")["Parameter"]])), "EXEC get_parameter", found)
    replace("ssm.parameters", {"Value": "2", "Overwrite": True}, name="/app/one")
    check(c.get_parameter(Name="/app/one")["Parameter"]["Value"] == "2", "REPLACE of a parameter")
    agrees("ssm.parameter_histories", c.get_parameter_history(Name="/app/one")["Parameters"], name="/app/one")
    update("ssm.tags", {"Tags": TAGS}, resource_id="/app/one", resource_type="Parameter")
    agrees(
        "ssm.tags",
        [c.list_tags_for_resource(ResourceId="/app/one", ResourceType="Parameter")],
        resource_id="/app/one",
        resource_type="Parameter",
    )
    for number in range(130):
        c.put_parameter(Name=f"/many/{number}", Value="x", Type="String")
    all_of("ssm.parameters", [p["Name"] for p in paged(c, "describe_parameters", "Parameters")], "name")
    all_of(
        "ssm.parameters_by_paths",
        [p["Name"] for p in paged(c, "get_parameters_by_path", "Parameters", Path="/many")],
        "name",
        path="/many",
    )
    found, errors = nephos(f"EXEC aws.ssm.parameters.get_parameter @Name='/nope', @region='{REGION}'", expect=1)
    check("ParameterNotFound" in errors, "ParameterNotFound from EXEC", errors)
    fails(
        "ParameterAlreadyExists",
        f"REPLACE aws.ssm.parameters SET Value = 'x', Type = 'String' WHERE name = '/app/one' AND {AT}",
    )
    content = {"schemaVersion": "2.2", "description": "d", "mainSteps": []}
    insert("ssm.documents", {"Name": "doc", "Content": content, "DocumentType": "Command", "DocumentFormat": "JSON"})
    check(json.loads(c.get_document(Name="doc")["Content"]) == content, "INSERT made a document")
    agrees("ssm.documents", [c.describe_document(Name="doc")["Document"]], name="doc")
    found = call("ssm.documents.get_document", Name="doc")
    check(len(found) == 1 and json.loads(found[0]["content"]) == content, "EXEC get_document", found)
    delete("ssm.documents", name="doc")
    delete("ssm.parameters", name="/app/one")
    delete("ssm.parameters", names=["/app/two"])
    check(len(paged(c, "describe_parameters", "Parameters")) == 130, "DELETE removed two parameters")


def logs():
    c = client("logs")
    insert("logs.log_groups", {"logGroupName": "/app/one", "tags": {"team": "a b"}}, {"logGroupName": "/app/two"})
    agrees("logs.log_groups", c.describe_log_groups()["logGroups"])
    insert("logs.log_streams", {"logGroupName": "/app/one", "logStreamName": "s"})
    agrees("logs.log_streams", c.describe_log_streams(logGroupName="/app/one")["logStreams"], log_group_name="/app/one")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + n, "message": f"it's {n}"} for n in range(3)]
    replace("logs.log_events", {"logEvents": events}, log_group_name="/app/one", log_stream_name="s")
    wanted = c.get_log_events(logGroupName="/app/one", logStreamName="s", startFromHead=True)["events"]
    check([e["message"] for e in wanted] == [e["message"] for e in events], "REPLACE put events")
    # The document has a row of the whole answer, with its tokens, and does not say that they lead on.
    rows = select("logs.log_events", log_group_name="/app/one", log_stream_name="s", start_from_head=True)
    found = [event for row in rows for event in json.loads(row["events"] or "[]")]
    check(deep(found, wanted), "aws.logs.log_events: 3 as boto3 sees them", rows)
    replace("logs.log_groups", {"retentionInDays": 7}, log_group_name="/app/one")
    check(c.describe_log_groups()["logGroups"][0]["retentionInDays"] == 7, "REPLACE set the retention")
    call("logs.log_groups.delete_retention_policy", logGroupName="/app/one")
    check("retentionInDays" not in c.describe_log_groups()["logGroups"][0], "EXEC delete_retention_policy")
    for number in range(130):
        c.create_log_group(logGroupName=f"many{number}")
        c.create_log_stream(logGroupName="/app/two", logStreamName=f"many{number}")
    names = [g["logGroupName"] for g in paged(c, "describe_log_groups", "logGroups")]
    all_of("logs.log_groups", names, "log_group_name")
    all_of(
        "logs.log_groups", [n for n in names if n.startswith("many")], "log_group_name", log_group_name_prefix="many"
    )
    all_of("logs.log_streams", [f"many{n}" for n in range(130)], "log_stream_name", log_group_name="/app/two")
    fails("ResourceNotFoundException", f"SELECT * FROM aws.logs.log_streams WHERE log_group_name = 'nope' AND {AT}")
    fails(
        "ResourceAlreadyExistsException",
        f"INSERT INTO aws.logs.log_groups(logGroupName, region) VALUES ('/app/one', '{REGION}')",
    )
    delete("logs.log_groups", rows=2, log_group_name=("/app/one", "/app/two"))
    check(len(paged(c, "describe_log_groups", "logGroups")) == 130, "DELETE removed two groups")


def ecs():
    c = client("ecs")
    insert("ecs.clusters", {"clusterName": "one", "tags": [{"key": "team", "value": "a b"}]}, {"clusterName": "two"})
    arns = c.list_clusters()["clusterArns"]
    found = call("ecs.clusters.list_clusters")
    check([row["cluster_arn"] for row in found] == arns, "EXEC list_clusters", found)
    agrees("ecs.clusters", [c.describe_clusters(clusters=["one", "two"])], clusters=["one", "two"])
    task = {
        "family": "task",
        "containerDefinitions": [{"name": "c", "image": "busybox", "memory": 64, "essential": True}],
    }
    insert("ecs.task_definitions", task)
    rows = select("ecs.task_definitions", task_definition="task:1")
    check(len(rows) == 1, "aws.ecs.task_definitions by its name", rows)
    insert("ecs.services", {"cluster": "one", "serviceName": "web", "taskDefinition": "task:1", "desiredCount": 2})
    agrees("ecs.services", [c.describe_services(cluster="one", services=["web"])], cluster="one", services=["web"])
    update("ecs.services", {"desiredCount": 0}, cluster="one", service="web")
    check(
        c.describe_services(cluster="one", services=["web"])["services"][0]["desiredCount"] == 0, "UPDATE of a service"
    )
    update("ecs.tags", {"tags": [{"key": "new", "value": "1"}]}, resource_arn=arns[0])
    agrees("ecs.tags", [c.list_tags_for_resource(resourceArn=arns[0])], resource_arn=arns[0])
    fails(
        "ClusterNotFoundException",
        f"SELECT * FROM aws.ecs.services WHERE cluster = 'nope' AND services = '[\"x\"]' AND {AT}",
    )
    delete("ecs.services", cluster="one", service="web")
    delete("ecs.clusters", rows=2, cluster=("one", "two"))
    states = {x["status"] for x in c.describe_clusters(clusters=arns)["clusters"]}
    check(states <= {"INACTIVE"}, "DELETE removed two clusters", states)


def cloudwatch():
    c = client("cloudwatch")
    alarm = {
        "MetricName": "cpu",
        "Namespace": "app",
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 2,
        "Threshold": 1.5,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    for name in ("one", "two"):
        replace("cloudwatch.alarms", {**alarm, "Tags": TAGS}, alarm_name=name)
    alarms = c.describe_alarms()["MetricAlarms"]
    check(
        [a["AlarmName"] for a in alarms] == ["one", "two"] and alarms[0]["Threshold"] == 1.5,
        "REPLACE made alarms",
        alarms,
    )
    agrees("cloudwatch.alarms", alarms)
    agrees("cloudwatch.alarms", alarms[:1], "by name", alarm_names=["one"])
    update("cloudwatch.alarms", {"StateValue": "ALARM", "StateReason": "it's"}, alarm_name="one")
    check(
        c.describe_alarms(AlarmNames=["one"])["MetricAlarms"][0]["StateReason"] == "it's", "UPDATE of an alarm's state"
    )
    arn = alarms[0]["AlarmArn"]
    agrees("cloudwatch.tags", [c.list_tags_for_resource(ResourceARN=arn)], resource_arn=arn)
    data = [{"MetricName": "cpu", "Value": 2.5, "Unit": "Percent", "Dimensions": [{"Name": "host", "Value": "a"}]}]
    replace("cloudwatch.metric_datas", {"MetricData": data}, namespace="app")
    agrees("cloudwatch.metrics", c.list_metrics(Namespace="app")["Metrics"], namespace="app")
    query = [
        {
            "Id": "a",
            "MetricStat": {
                "Metric": {"Namespace": "app", "MetricName": "cpu", "Dimensions": data[0]["Dimensions"]},
                "Period": 60,
                "Stat": "Sum",
            },
        }
    ]
    now = datetime.datetime.now(datetime.timezone.utc)
    day = {
        "start_time": (now - datetime.timedelta(minutes=5)).timestamp(),
        "end_time": (now + datetime.timedelta(minutes=5)).timestamp(),
    }
    rows = select("cloudwatch.metric_datas", metric_data_queries=query, **day)
    check(len(rows) == 1 and json.loads(rows[0]["values"]) == [2.5], "what a metric measured", rows)
    body = {
        "widgets": [{"type": "text", "x": 0, "y": 0, "width": 3, "height": 3, "properties": {"markdown": "# it's"}}]
    }
    replace("cloudwatch.dashboards", {"DashboardBody": body}, dashboard_name="board")
    agrees("cloudwatch.dashboards", c.list_dashboards()["DashboardEntries"])
    agrees("cloudwatch.dashboards", [c.get_dashboard(DashboardName="board")], dashboard_name="board")
    delete("cloudwatch.alarms", alarm_names=["one"])
    check([a["AlarmName"] for a in c.describe_alarms()["MetricAlarms"]] == ["two"], "DELETE removed an alarm")
    fails("ResourceNotFound", f"SELECT * FROM aws.cloudwatch.dashboards WHERE dashboard_name = 'nope' AND {AT}")


def rds():
    c = client("rds")
    common = {
        "DBInstanceClass": "db.t3.micro",
        "Engine": "mysql",
        "AllocatedStorage": 20,
        "MasterUsername": "root",
        "MasterUserPassword": "not a secret",
    }
    insert(
        "rds.db_instances",
        {"DBInstanceIdentifier": "one", **common, "MultiAZ": True},
        {"DBInstanceIdentifier": "two", **common},
    )
    agrees("rds.db_instances", c.describe_db_instances()["DBInstances"])
    agrees(
        "rds.db_instances",
        c.describe_db_instances(DBInstanceIdentifier="two")["DBInstances"],
        db_instance_identifier="two",
    )
    update("rds.db_instances", {"AllocatedStorage": 30, "ApplyImmediately": True}, db_instance_identifier="one")
    check(
        c.describe_db_instances(DBInstanceIdentifier="one")["DBInstances"][0]["AllocatedStorage"] == 30,
        "UPDATE of an instance",
    )
    arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:one"
    # The document does not say that RDS calls the members of this list Tag: they go as AWS's member,
    # which RDS itself takes and moto does not.
    c.add_tags_to_resource(ResourceName=arn, Tags=TAGS)
    agrees("rds.tags", c.list_tags_for_resource(ResourceName=arn)["TagList"], resource_name=arn)
    update("rds.tags", {"TagKeys": ["team"]}, resource_name=arn)
    check(c.list_tags_for_resource(ResourceName=arn)["TagList"] == TAGS[1:], "UPDATE untagged an instance")
    insert(
        "rds.db_parameter_groups",
        {"DBParameterGroupName": "group", "DBParameterGroupFamily": "mysql8.0", "Description": "it's"},
    )
    agrees("rds.db_parameter_groups", c.describe_db_parameter_groups()["DBParameterGroups"])
    rows = select(
        "rds.db_instances", columns="db_instance_identifier AS n", tail="AND multi_az AND allocated_storage >= 30"
    )
    check(rows == [{"n": "one"}], "conditions on booleans and numbers", rows)
    rows = select("rds.db_instances", columns="sum(allocated_storage) AS n")
    check(rows == [{"n": 50}], "a sum of numbers of XML", rows)
    call("rds.db_instances.stop_db_instance", DBInstanceIdentifier="two")
    check(
        c.describe_db_instances(DBInstanceIdentifier="two")["DBInstances"][0]["DBInstanceStatus"] == "stopped",
        "EXEC stop_db_instance",
    )
    for number in range(110):
        c.create_db_instance(DBInstanceIdentifier=f"many{number}", DBInstanceClass="db.t3.micro", Engine="mysql")
    names = [d["DBInstanceIdentifier"] for d in paged(c, "describe_db_instances", "DBInstances")]
    all_of("rds.db_instances", names, "db_instance_identifier")
    fails("DBInstanceNotFound", f"SELECT * FROM aws.rds.db_instances WHERE db_instance_identifier = 'nope' AND {AT}")
    fails(
        "DBInstanceAlreadyExists",
        "INSERT INTO aws.rds.db_instances(DBInstanceIdentifier, DBInstanceClass, Engine, region) VALUES "
        f"('one', 'db.t3.micro', 'mysql', '{REGION}')",
    )
    delete("rds.db_instances", db_instance_identifier="one")
    check(
        "one" not in [d["DBInstanceIdentifier"] for d in paged(c, "describe_db_instances", "DBInstances")],
        "DELETE removed an instance",
    )


def autoscaling():
    c = client("autoscaling")
    image = client("ec2").describe_images()["Images"][0]["ImageId"]
    insert(
        "autoscaling.launch_configurations",
        {"LaunchConfigurationName": "one", "ImageId": image, "InstanceType": "t2.micro"},
    )
    agrees("autoscaling.launch_configurations", c.describe_launch_configurations()["LaunchConfigurations"])
    group = {
        "LaunchConfigurationName": "one",
        "MinSize": 0,
        "MaxSize": 3,
        "DesiredCapacity": 1,
        "AvailabilityZones": ["us-east-1a"],
    }
    insert(
        "autoscaling.auto_scaling_groups",
        {
            "AutoScalingGroupName": "one",
            **group,
            "Tags": [
                {
                    "Key": "team",
                    "Value": "a b",
                    "PropagateAtLaunch": True,
                    "ResourceId": "one",
                    "ResourceType": "auto-scaling-group",
                }
            ],
        },
        {"AutoScalingGroupName": "two", **group},
    )
    agrees("autoscaling.auto_scaling_groups", c.describe_auto_scaling_groups()["AutoScalingGroups"])
    agrees("autoscaling.auto_scaling_instances", c.describe_auto_scaling_instances()["AutoScalingInstances"])
    agrees("autoscaling.tags", c.describe_tags()["Tags"])
    rows = select(
        "autoscaling.auto_scaling_groups", columns="auto_scaling_group_name AS n", auto_scaling_group_names=["two"]
    )
    check(rows == [{"n": "two"}], "a group by its name", rows)
    update("autoscaling.auto_scaling_groups", {"DesiredCapacity": 2}, auto_scaling_group_name="one")
    check(
        c.describe_auto_scaling_groups(AutoScalingGroupNames=["one"])["AutoScalingGroups"][0]["DesiredCapacity"] == 2,
        "UPDATE set a capacity",
    )
    update("autoscaling.auto_scaling_groups", {"MaxSize": 5, "MinSize": 1}, auto_scaling_group_name="one")
    check(
        c.describe_auto_scaling_groups(AutoScalingGroupNames=["one"])["AutoScalingGroups"][0]["MaxSize"] == 5,
        "UPDATE of a group",
    )
    replace(
        "autoscaling.policies",
        {"PolicyType": "SimpleScaling", "AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": 1},
        auto_scaling_group_name="one",
        policy_name="up",
    )
    agrees("autoscaling.policies", c.describe_policies()["ScalingPolicies"])
    call("autoscaling.auto_scaling_groups.suspend_processes", AutoScalingGroupName="one", ScalingProcesses=["Launch"])
    suspended = c.describe_auto_scaling_groups(AutoScalingGroupNames=["one"])["AutoScalingGroups"][0][
        "SuspendedProcesses"
    ]
    check([p["ProcessName"] for p in suspended] == ["Launch"], "EXEC suspend_processes", suspended)
    for number in range(60):
        c.create_launch_configuration(LaunchConfigurationName=f"many{number}", ImageId=image, InstanceType="t2.micro")
    names = [x["LaunchConfigurationName"] for x in paged(c, "describe_launch_configurations", "LaunchConfigurations")]
    all_of("autoscaling.launch_configurations", names, "launch_configuration_name")
    fails(
        "ValidationError",
        "INSERT INTO aws.autoscaling.auto_scaling_groups(AutoScalingGroupName, MinSize, MaxSize, region) VALUES "
        f"('bad', 0, 1, '{REGION}')",
    )
    delete("autoscaling.auto_scaling_groups", auto_scaling_group_name="two")
    check(
        [g["AutoScalingGroupName"] for g in c.describe_auto_scaling_groups()["AutoScalingGroups"]] == ["one"],
        "DELETE removed a group",
    )


def organizations():
    c = client("organizations")
    insert("organizations.organizations", {"FeatureSet": "ALL"})
    agrees("organizations.organizations", [c.describe_organization()["Organization"]])
    agrees("organizations.roots", c.list_roots()["Roots"])
    root = c.list_roots()["Roots"][0]["Id"]
    insert(
        "organizations.accounts",
        {"AccountName": "one", "Email": "one@example.com"},
        {"AccountName": "two", "Email": "two@example.com"},
    )
    accounts = paged(c, "list_accounts", "Accounts")
    check([a["Name"] for a in accounts] == ["master", "one", "two"], "boto3 sees the accounts")
    agrees("organizations.accounts", accounts)
    agrees(
        "organizations.accounts",
        [c.describe_account(AccountId=accounts[1]["Id"])["Account"]],
        account_id=accounts[1]["Id"],
    )
    found = sql(
        "INSERT INTO aws.organizations.organizational_units(ParentId, Name, region) "
        f"VALUES ('{root}', 'unit', '{REGION}') RETURNING *"
    )
    unit = c.list_organizational_units_for_parent(ParentId=root)["OrganizationalUnits"][0]
    check(len(found) == 1 and unit["Id"] in json.dumps(found), "INSERT RETURNING of a unit", found)
    agrees("organizations.organizational_units", [unit], organizational_unit_id=unit["Id"])
    update("organizations.organizational_units", {"Name": "other"}, organizational_unit_id=unit["Id"])
    check(
        c.describe_organizational_unit(OrganizationalUnitId=unit["Id"])["OrganizationalUnit"]["Name"] == "other",
        "UPDATE of a unit",
    )
    insert(
        "organizations.policies",
        {"Name": "deny", "Type": "SERVICE_CONTROL_POLICY", "Description": "d", "Content": policy("*")},
    )
    policies = c.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
    agrees("organizations.policies", policies, filter="SERVICE_CONTROL_POLICY")
    call(
        "organizations.accounts.move_account",
        AccountId=accounts[1]["Id"],
        SourceParentId=root,
        DestinationParentId=unit["Id"],
    )
    check(c.list_parents(ChildId=accounts[1]["Id"])["Parents"][0]["Id"] == unit["Id"], "EXEC move_account")
    for number in range(30):
        c.create_account(AccountName=f"many{number}", Email=f"many{number}@example.com")
    all_of("organizations.accounts", [a["Id"] for a in paged(c, "list_accounts", "Accounts")], "id")
    fails(
        "AccountNotFoundException",
        f"SELECT * FROM aws.organizations.accounts WHERE account_id = '999999999999' AND {AT}",
    )
    call(
        "organizations.accounts.move_account",
        AccountId=accounts[1]["Id"],
        SourceParentId=unit["Id"],
        DestinationParentId=root,
    )
    delete("organizations.organizational_units", organizational_unit_id=unit["Id"])
    check(not c.list_organizational_units_for_parent(ParentId=root)["OrganizationalUnits"], "DELETE removed a unit")


def eks():
    c = client("eks")
    role = f"arn:aws:iam::{ACCOUNT}:role/eks"
    network = {"subnetIds": ["subnet-1", "subnet-2"]}
    insert(
        "eks.clusters",
        {"name": "one", "roleArn": role, "resourcesVpcConfig": network, "tags": {"team": "a b"}},
        {"name": "two", "roleArn": role, "resourcesVpcConfig": network},
    )
    check(c.list_clusters()["clusters"] == ["one", "two"], "boto3 sees the clusters")
    agrees("eks.clusters", [{"cluster": name} for name in c.list_clusters()["clusters"]])
    agrees("eks.clusters", [c.describe_cluster(name="one")["cluster"]], name="one")
    insert(
        "eks.nodegroups",
        {
            "name": "one",
            "nodegroupName": "nodes",
            "nodeRole": role,
            "subnets": ["subnet-1"],
            "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 1},
        },
    )
    check(c.list_nodegroups(clusterName="one")["nodegroups"] == ["nodes"], "INSERT made a node group")
    agrees(
        "eks.nodegroups",
        [c.describe_nodegroup(clusterName="one", nodegroupName="nodes")["nodegroup"]],
        name="one",
        nodegroup_name="nodes",
    )
    arn = c.describe_cluster(name="one")["cluster"]["arn"]
    update("eks.tags", {"tags": {"new": "1"}}, resource_arn=arn)
    check(c.describe_cluster(name="one")["cluster"]["tags"] == {"team": "a b", "new": "1"}, "UPDATE tagged a cluster")
    for number in range(10):
        c.create_cluster(name=f"many{number}", roleArn=role, resourcesVpcConfig=network)
    names = paged(c, "list_clusters", "clusters")
    all_of("eks.clusters", names, "cluster", pages=1)
    all_of("eks.clusters", names, "cluster", max_results=5)
    fails("ResourceNotFoundException", f"SELECT * FROM aws.eks.clusters WHERE name = 'nope' AND {AT}")
    delete("eks.nodegroups", name="one", nodegroup_name="nodes")
    delete("eks.clusters", rows=2, name=("one", "two"))
    check(not {"one", "two"} & set(paged(c, "list_clusters", "clusters")), "DELETE removed two clusters")


def statements():
    """What is asked before anything is: names, columns, what is wrong with a statement."""

    def has(text, *wanted):
        found, _ = nephos(text)
        shown = json.dumps(found)
        check(all(w in shown for w in wanted), f"{text}: {', '.join(wanted)}", shown[:500])

    def refused(text, *wanted):
        found, errors = nephos(text, expect=1)
        check(not any(found) and all(w in errors for w in wanted), f"{text}: {', '.join(wanted)}", errors)

    has("SHOW PROVIDERS", "aws", "azure")
    has("SHOW SERVICES IN aws LIKE '%dynamo%'", "dynamodb")
    has("SHOW RESOURCES IN aws.sqs", "queues", "queue_attributes")
    has("SHOW METHODS IN aws.iam.users", "list_users", "create_user", "UserName")
    has("DESCRIBE aws.iam.users", "user_name", "create_date", "password_last_used")
    has("DESCRIBE EXTENDED aws.iam.users", "user_name", "description")
    has("SHOW METHODS IN awscc.s3.buckets", "create_resource", "PatchDocument")
    has("DESCRIBE awscc.s3.buckets", "bucket_name")
    refused(f"SELECT user_nam FROM aws.iam.users WHERE {AT}", "user_nam", "user_name")
    refused(f"SELECT * FROM aws.iam.user WHERE {AT}", "users")
    refused(f"SELECT * FROM aws.imm.users WHERE {AT}", "iam")
    refused(f"SELECT * FROM awz.iam.users WHERE {AT}", "aws")
    refused("EXEC aws.sqs.queues.purge_queu @QueueUrl='x', @region='us-east-1'", "aws.sqs.queues")
    refused(f"INSERT INTO aws.sqs.queues(queue_nam, region) VALUES ('x', '{REGION}')", "queue_nam")
    refused(f"DELETE FROM aws.iam.users WHERE {AT}", "UserName")
    refused(f"UPDATE aws.iam.users SET NewPat = '/x/' WHERE user_name = 'ann' AND {AT}", "NewPat", "NewPath")
    refused("EXEC aws.iam.users.get_user @UserNam = 'ann', @region = 'us-east-1'", "UserNam", "UserName")
    refused("EXEC aws.iam.users.get_user @region = 'us-east-1'", "UserName")
    refused("INSERT INTO aws.iam.users(path, region) VALUES ('/x/', 'us-east-1')", "UserName", "create_user")
    refused("SELECT * FROM aws.sqs.queue_attributes WHERE region = 'us-east-1'", "QueueUrl")


def cloudfront():
    c = client("cloudfront")
    origin = (
        "<Origin><Id>o</Id><DomainName>a.s3.amazonaws.com</DomainName>"
        "<S3OriginConfig><OriginAccessIdentity></OriginAccessIdentity></S3OriginConfig></Origin>"
    )
    config = (
        f"<CallerReference>1</CallerReference><Comment>it's</Comment><Enabled>true</Enabled>"
        f"<Origins><Quantity>1</Quantity><Items>{origin}</Items></Origins><DefaultCacheBehavior>"
        "<TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy></DefaultCacheBehavior>"
    )
    insert("cloudfront.distributions", {"DistributionConfig": config})
    listed = c.list_distributions()["DistributionList"]
    check(listed["Items"][0]["Comment"] == "it's", "INSERT made a distribution", listed)
    rows = select("cloudfront.distributions", region=None)
    check(
        len(rows) == 1 and rows[0]["quantity"] == 1 and listed["Items"][0]["Id"] in rows[0]["items"],
        "aws.cloudfront.distributions",
        rows,
    )
    number = listed["Items"][0]["Id"]
    wanted = c.get_distribution(Id=number)["Distribution"]
    rows = select("cloudfront.distributions", id=number)
    check(
        len(rows) == 1 and rows[0]["arn"] == wanted["ARN"] and rows[0]["status"] == wanted["Status"],
        "a distribution by its id",
        rows,
    )
    fails("NoSuchDistribution", "SELECT * FROM aws.cloudfront.distributions WHERE id = 'NOPE'")


def together():
    """Statements over several services, regions and calls."""
    there = client("sqs", "eu-west-1")
    there.create_queue(QueueName="abroad")
    rows = sql(
        f"SELECT region, count(*) AS n FROM aws.sqs.queues WHERE region IN ('{REGION}', 'eu-west-1') "
        "GROUP BY region ORDER BY region"
    )
    wanted = [
        {"region": "eu-west-1", "n": 1},
        {"region": REGION, "n": len(client("sqs").list_queues().get("QueueUrls", []))},
    ]
    check(rows == [w for w in wanted if w["n"]], "queues of two regions", rows)
    c, topics = client("iam"), client("sns")
    for name in ("left", "right", "lone"):
        c.create_user(UserName=name, Path="/joined/")
    for name in ("left", "right"):
        topics.create_topic(Name=name)
    join = (
        "SELECT u.user_name, t.topic_arn FROM aws.iam.users u {} aws.sns.topics t "
        "ON split_part(t.topic_arn, ':', 6) = u.user_name AND t.region = u.region "
        f"WHERE u.path_prefix = '/joined/' AND u.{AT} {{}} ORDER BY u.user_name"
    )
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:"
    rows = sql(join.format("JOIN", f"AND t.{AT}"))
    check(rows == [{"user_name": n, "topic_arn": arn + n} for n in ("left", "right")], "users joined with topics", rows)
    said(
        "INSERT INTO aws.sqs.queues(QueueName, region) SELECT 'for-' || user_name, 'eu-west-1' "
        f"FROM aws.iam.users WHERE path_prefix = '/joined/' AND {AT}",
        "3 rows inserted into aws.sqs.queues",
    )
    names = sorted(url.rpartition("/")[2] for url in there.list_queues()["QueueUrls"])
    check(names == ["abroad", "for-left", "for-lone", "for-right"], "a queue for each user, by INSERT SELECT", names)
    rows = sql(
        "SET VARIABLE url = (SELECT queue_url FROM aws.sqs.queue_urls "
        "WHERE queue_name = 'for-lone' AND region = 'eu-west-1'); "
        "SELECT json_extract(attributes, '$.QueueArn') AS arn FROM aws.sqs.queue_attributes "
        "WHERE queue_url = getvariable('url') AND attribute_names = '[\"QueueArn\"]' AND region = 'eu-west-1'"
    )
    check(rows == [{"arn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:for-lone"}], "a value carried by SET VARIABLE", rows)
    rows = sql(
        f"SELECT user_name AS n FROM aws.iam.users WHERE path_prefix = '/joined/' AND {AT} "
        "UNION ALL SELECT split_part(queue_url, '/', 5) FROM aws.sqs.queues "
        "WHERE region = 'eu-west-1' AND queue_name_prefix = 'ab' ORDER BY n"
    )
    check([r["n"] for r in rows] == ["abroad", "left", "lone", "right"], "UNION over two services", rows)
    rows = sql(
        "WITH made AS (SELECT date_trunc('day', CAST(create_date AS TIMESTAMP)) AS day "
        f"FROM aws.iam.users WHERE {AT} AND path_prefix = '/joined/') "
        "SELECT count(*) AS n FROM made"
    )
    check(rows == [{"n": 3}], "times as text that can be cast", rows)
    _, errors = nephos(f"DELETE FROM aws.iam.users WHERE user_name IN ('left', 'nobody', 'right') AND {AT}", expect=1)
    check("NoSuchEntity" in errors, "a DELETE of which one call fails", errors)


def signed():
    """moto checks signatures and policies once it is told to, with botocore's own arithmetic."""
    c = client("iam")
    c.create_user(UserName="signer")
    key = c.create_access_key(UserName="signer")["AccessKey"]
    keys = (key["AccessKeyId"], key["SecretAccessKey"])
    allowed = policy(["sqs:*", "sns:*", "iam:ListUsers", "iam:CreateUser", "s3:*", "dynamodb:*", "ssm:*", "logs:*"])
    c.put_user_policy(UserName="signer", PolicyName="some", PolicyDocument=json.dumps(allowed))
    client("s3").create_bucket(Bucket="signed")

    def checks(after):
        request = urllib.request.Request(f"{URL}/moto-api/reset-auth", after, {"Content-Type": "text/plain"})
        with urllib.request.urlopen(request) as answer:
            answer.read()

    checks(b"0")
    try:
        for text in [
            f"SELECT * FROM aws.iam.users WHERE {AT}",
            f"INSERT INTO aws.iam.users(UserName, Path, region) VALUES ('a.b+c=d@e', '/u/', '{REGION}')",
            f"SELECT * FROM aws.sns.topics WHERE {AT}",
            f"INSERT INTO aws.sqs.queues(QueueName, region) VALUES ('signed', '{REGION}')",
            f"SELECT * FROM aws.sqs.queues WHERE {AT}",
            "INSERT INTO aws.s3.objects(bucket, key, contents, region) "
            f"VALUES ('signed', 'a b/ü&+=~(1)*''.txt', 'it is', '{REGION}')",
            f"SELECT * FROM aws.s3.objects_v2s WHERE bucket = 'signed' AND prefix = 'a b/' AND {AT}",
            f"SELECT * FROM aws.dynamodb.tables WHERE {AT}",
            f"SELECT * FROM aws.ssm.parameters WHERE {AT}",
            f"SELECT * FROM aws.logs.log_groups WHERE {AT}",
        ]:
            before = len(FAILED)
            nephos(text, keys=keys)
            check(len(FAILED) == before, f"signed: {text[:100]}")
        for wrong, code, text in [
            ((keys[0], "wrong"), "SignatureDoesNotMatch", f"SELECT * FROM aws.iam.users WHERE {AT}"),
            ((keys[0], "wrong"), "SignatureDoesNotMatch", f"SELECT * FROM aws.sqs.queues WHERE {AT}"),
            (("AKIANOBODY", "x"), "InvalidClientTokenId", f"SELECT * FROM aws.sns.topics WHERE {AT}"),
            (keys, "AccessDenied", f"SELECT * FROM aws.kms.keys WHERE {AT}"),
            (keys, "AccessDenied", f"DELETE FROM aws.iam.users WHERE user_name = 'signer' AND {AT}"),
        ]:
            _, errors = nephos(text, expect=1, keys=wrong)
            check(code in errors, f"{code} from {text[:60]}", errors)
    finally:
        checks(b"1000000000")
    c.create_role(RoleName="taken", AssumeRolePolicyDocument=json.dumps(trust()))
    auth = {
        "aws": {
            "type": "aws_assume_role",
            "aws_role_arn": f"arn:aws:iam::{ACCOUNT}:role/taken",
            "aws_role_session_name": "me",
            "aws_sts_endpoint": URL,
        }
    }
    found, _ = nephos(f"SELECT arn FROM aws.sts.caller_identities WHERE {AT}", options=("--auth", json.dumps(auth)))
    check(found == [[{"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/taken/me"}]], "in the name of a role", found)


def never_answered(pool, url):
    """What is refused for as long as patience lasts, begun early, on a server of its own."""
    for code, text in [
        ("ThrottlingException", f"SELECT * FROM aws.sqs.queue_urls WHERE queue_name = 'throttled99' AND {AT}"),
        ("Throttling", f"SELECT * FROM aws.iam.users WHERE user_name = 'throttled99' AND {AT}"),
    ]:
        ENDLESS.append((code, text, pool.submit(nephos, text, expect=1, url=url)))


def throttled():
    """Too many requests: reads are repeated; what goes on being refused is an error of the service's own code."""
    c, users = client("sqs"), client("iam")
    for name in ("throttled1", "throttled2"):
        c.create_queue(QueueName=name)
        users.create_user(UserName=name)
    for name in ("throttled1", "throttled2"):
        agrees(
            "sqs.queue_urls",
            [{"QueueUrl": c.get_queue_url(QueueName=name)["QueueUrl"]}],
            "refused first",
            queue_name=name,
        )
        agrees("iam.users", [users.get_user(UserName=name)["User"]], "refused first", user_name=name)
    for code, text, done in ENDLESS:
        found, errors = done.result()
        check(code in errors and not any(found), f"{code} from {text[:100]}", (found, errors))
    insert("sqs.queues", {"QueueName": "throttled1-made"})
    check(c.get_queue_url(QueueName="throttled1-made")["QueueUrl"], "a queue made at the second try")


SERVICES = [
    iam,
    sts,
    sqs,
    sns,
    dynamodb,
    lambda_,
    cloudformation,
    route53,
    s3,
    kms,
    secretsmanager,
    ssm,
    logs,
    ecs,
    cloudwatch,
    rds,
    autoscaling,
    organizations,
    eks,
    cloudfront,
    together,
    signed,
    throttled,
    statements,
]


def main(only):
    print(f"boto3 {boto3.__version__}", flush=True)
    print("skip awscc: moto has no Cloud Control API; its documents are only described", flush=True)
    for service in SERVICES:
        if only and service.__name__.rstrip("_") not in only:
            continue
        start = time.monotonic()
        try:
            service()
        except Exception:
            check(False, f"{service.__name__} ran to its end", traceback.format_exc())
        print(f"took {service.__name__.rstrip('_')}: {time.monotonic() - start:.1f} s", flush=True)
    verbs = ", ".join(f"{number} {verb}" for verb, number in sorted(STATEMENTS.items()))
    print(f"note {sum(STATEMENTS.values())} statements: {verbs}", flush=True)
    print(f"{CHECKS - len(FAILED)} passed, {len(FAILED)} failed")
    return 1 if FAILED else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]))
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    if not (REGISTRY / "src" / "aws").is_dir():
        print(f"skip {REGISTRY} is absent: the community's documents are not part of this repository")
        raise SystemExit(0)
    NEPHOS = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as HOME, moto_server() as URL, moto_server() as other:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            if not sys.argv[2:] or "throttled" in sys.argv[2:]:
                never_answered(pool, other)
            raise SystemExit(main(sys.argv[2:]))
