"""What a statement must send and bring back, derived from a registry's documents alone.

Nothing here asks Nephos. A method, a verb and a few rules of the format (the numbers in comments are
sections of the specification of provider documents) give a statement, the requests that it must
make, the answers of a service that fits the document, and the rows that must come of them.
Values are the same on every run. What the rules here do not reach raises Unfit, with its reason.
"""

import functools
import json
import pathlib
import re
import urllib.parse

import yaml

REGION = "eu-west-1"
# Where a whole URL is the token of the next page, the server puts its own address in this place.
BASE = "http://golden.invalid"
TOKEN = "tok/2="
VERBS = ("select", "insert", "update", "replace", "delete")
METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}
LISTED = 2


class Unfit(Exception):
    pass


# --- documents -----------------------------------------------------------------------------------


class Loader(yaml.CSafeLoader):
    """YAML as OpenAPI means it: a date is text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_constructor("tag:yaml.org,2002:js/undefined", lambda loader, node: None)


def read(path):
    with open(path) as file:
        return yaml.load(file, Loader)


def folder(registry, provider):
    name = {"google": "googleapis.com"}.get(provider, provider)
    return max((pathlib.Path(registry) / "src" / name).iterdir())


@functools.cache
def snake_aliases(registry, provider):
    text = (folder(registry, provider) / "provider.yaml").read_text()
    return re.search(r"^ *snake_case_aliases: true", text, re.MULTILINE) is not None


@functools.cache
def service(registry, provider, name):
    folder_of = folder(registry, provider) / "services"
    found = [path for path in folder_of.glob("*.yaml") if path.stem.lower() == name.lower()]
    return Service(provider, name, read(found[0]), snake_aliases(registry, provider))


def snake(name):
    """3.10: botocore's xform_name."""
    if "_" in name:
        return name
    tail = re.search(r"[A-Z]{2,}s$", name)
    if tail:
        name = name[: tail.start()] + "_" + tail.group().lower() if tail.start() else tail.group().lower()
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    name = re.sub(r"([a-z])([0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


class Service:
    def __init__(self, provider, name, document, aliases):
        self.provider, self.name, self.document, self.aliases = provider, name, document, aliases
        self.resources = (document.get("components") or {}).get("x-stackQL-resources") or {}
        self.config = document.get("x-stackQL-config") or {}
        info = document["info"]
        self.signing = info.get("x-serviceName") or info.get("title")
        self.protocol = info.get("x-protocol")

    def at(self, pointer):
        node = self.document
        for token in pointer.removeprefix("#/").split("/"):
            node = node[token.replace("~1", "/").replace("~0", "~")]
        return node

    def resolve(self, node):
        for _ in range(20):
            if not (isinstance(node, dict) and "$ref" in node):
                return node or {}
            node = self.at(node["$ref"])
        raise Unfit("a reference in a circle")

    # Schemas (5.1): own properties and those of allOf, else of anyOf, else of oneOf.
    def properties(self, schema, depth=0):
        schema = self.resolve(schema)
        found = {}
        if depth > 8:
            return found
        for member in schema.get("allOf") or []:
            found.update(self.properties(member, depth + 1))
        found = {**found, **(schema.get("properties") or {})}
        # Of members that exclude each other there is no row that has them all.
        if not found and (schema.get("anyOf") or schema.get("oneOf")):
            raise Unfit("alternatives in place of properties")
        return found

    def required(self, schema):
        schema = self.resolve(schema)
        names = list(schema.get("required") or [])
        for member in schema.get("allOf") or []:
            names += self.required(member)
        return names

    def kind(self, schema):
        schema = self.resolve(schema)
        kind = schema.get("type")
        if isinstance(kind, list):
            raise Unfit("a type that is a list")
        if kind:
            return kind
        if "properties" in schema or "additionalProperties" in schema:
            return "object"
        if "items" in schema:
            return "array"
        kinds = {self.kind(member) for key in ("allOf", "anyOf", "oneOf") for member in schema.get(key) or []}
        kinds -= {"any"}
        return kinds.pop() if len(kinds) == 1 else "any"

    def value(self, schema, name, salt=0, depth=0):
        """A value that fits a schema; `salt` tells the rows of a list apart."""
        schema = self.resolve(schema)
        kind = self.kind(schema)
        if schema.get("enum") and kind in ("string", "any"):
            choices = [choice for choice in schema["enum"] if isinstance(choice, str) and choice]
            if choices:
                return choices[salt % len(choices)]
        if kind == "string":
            form = schema.get("format")
            if form == "date-time":
                return f"2026-01-0{1 + salt}T02:03:04Z"
            if form == "date":
                return f"2026-01-0{1 + salt}"
            return f"{name} {salt}" if depth else f"{name}-{salt}"
        if kind == "integer":
            if schema.get("format") == "int64" and depth == 0 and "maximum" not in schema:
                return 9007199254740993 + salt  # no double holds it
            return min(max(10 + salt, schema.get("minimum", 0)), schema.get("maximum", 2**31))
        if kind == "number":
            return 1.5 + salt
        if kind == "boolean":
            return salt % 2 == 0
        if kind == "array":
            return [] if depth > 1 else [self.value(schema.get("items") or {}, name, salt + i, depth + 1) for i in (0, 1)]
        if kind == "object":
            try:
                members = self.properties(schema)
            except Unfit:
                members = {}
            if depth > 1:
                return {}
            if not members:
                return {"key": f'quoted "{name}" é'}
            return {key: self.value(members[key], key, salt, depth + 1) for key in list(members)[:3]}
        if any(self.kind(member) != "string" for key in ("anyOf", "oneOf") for member in schema.get(key) or []):
            return f"{name}-{salt}"
        return f"any-{name}-{salt}"


# --- methods -------------------------------------------------------------------------------------


class Method:
    def __init__(self, service, resource, name):
        self.service, self.resource, self.name = service, resource, name
        self.doc = service.resources[resource]["methods"][name]
        self.request = self.doc.get("request") or {}
        self.response = self.doc.get("response") or {}
        self.config = self.doc.get("config") or {}
        # 1.5: the reference is text to be cut, not a URI.
        text = self.doc["operation"]["$ref"].split("#", 1)[1].removeprefix("/paths/")
        path, verb = text.rsplit("/", 1)
        self.path, self.verb = path.replace("~1", "/"), verb.lower()
        item = service.document["paths"][self.path]
        self.operation = item[self.verb]
        self.parameters = {}
        self.inherited = {}
        for node in item.get("parameters") or []:
            node = service.resolve(node)
            self.parameters[node["name"]] = self.inherited[node["name"]] = node
        for node in self.operation.get("parameters") or []:
            node = service.resolve(node)
            self.parameters[node["name"]] = node
            self.inherited.pop(node["name"], None)
        # 4.2: a variable of the path that nothing declares must be given.
        for name in re.findall(r"\{([^}]+)\}", self.path.split("?")[0]):
            if self.graphql is None:
                self.parameters.setdefault(name, {"name": name, "in": "path", "required": True, "schema": {"type": "string"}})

    @property
    def id(self):
        return f"{self.service.provider}.{self.service.name}.{self.resource}.{self.name}"

    @property
    def graphql(self):
        return self.operation.get("x-stackQL-graphQL")

    def setting(self, key):
        """1.6: the first level that has it."""
        for level in (self.config, self.service.resources[self.resource].get("config") or {}, self.service.config):
            if level.get(key):
                return level[key]
        return None

    @functools.cached_property
    def media(self):
        content = self.service.resolve(self.operation.get("requestBody")).get("content") or {}
        if self.request.get("mediaType"):
            return self.request["mediaType"]
        for media in ("application/json", "application/xml", "application/octet-stream"):
            if media in content:
                return media
        if len(content) == 1:
            # A wildcard names nothing: a body made of fields is JSON.
            media = next(iter(content))
            if "json" in media or media == "*/*":
                return "application/json" if media == "*/*" else media
            raise Unfit(f"a body of {media}")
        return None

    @functools.cached_property
    def body(self):
        """The schema of the body, or None."""
        if self.request.get("schema_override"):
            return self.request["schema_override"]
        content = self.service.resolve(self.operation.get("requestBody")).get("content") or {}
        if not content:
            return None
        entry = content.get(self.media) or next(iter(content.values()))
        return entry.get("schema")

    @property
    def algorithm(self):
        return (self.config.get("requestBodyTranslate") or {}).get("algorithm") or ""

    @functools.cached_property
    def inner(self):
        """naive_X: the name X that the columns go into."""
        return self.algorithm[6:] if self.algorithm.startswith("naive_") else None

    @functools.cached_property
    def fields(self):
        """Wire name to schema of what a body column may set (3.2)."""
        if self.body is None:
            return {}
        try:
            found = self.service.properties(self.body)
            return self.service.properties(found[self.inner]) if self.inner else found
        except Unfit:
            return {}

    @functools.cached_property
    def needed_fields(self):
        if self.body is None:
            return []
        schema = self.service.properties(self.body)[self.inner] if self.inner else self.body
        return [name for name in dict.fromkeys(self.service.required(schema)) if name in self.fields]

    def column(self, field):
        """The column of a body's field."""
        return field if self.algorithm.startswith("naive") else f"data__{field}"

    @functools.cached_property
    def servers(self):
        item = self.service.document["paths"][self.path]
        for level in (self.operation, item, self.doc, self.service.document):
            if level.get("servers"):
                return level["servers"]
        return []

    @property
    def variables(self):
        return (self.servers[0].get("variables") or {}) if self.servers else {}

    def needs(self, environment):
        """2.5: what must be given, by wire or column name."""
        names = [
            name for name, node in self.parameters.items()
            if node["in"] == "path" or (node.get("required") and not node.get("allowEmptyValue"))
        ]
        names += [self.column(name) for name in self.needed_fields if self.column(name) not in names]
        if self.body is not None:
            for name, node in self.variables.items():
                if name not in names and (node or {}).get("x-stackQL-envVar") not in environment:
                    names.append(name)
        return names

    @functools.cached_property
    def answer(self):
        """2.2: the schema of the answer, after a transform where there is one, and its original."""
        responses = self.operation.get("responses") or {}
        node = self.service.resolve(responses.get(self.response.get("openAPIDocKey")))
        content = node.get("content") or {}
        entry = content.get(self.response.get("mediaType")) or next(iter(content.values()), {})
        return self.response.get("schema_override") or entry.get("schema")

    @property
    def transform(self):
        """2.3: a transform without overrideMediaType is not run."""
        return self.response.get("transform") if self.response.get("overrideMediaType") else None


def candidates(service, resource, verb):
    """2.4: the methods of a verb, in the document's order."""
    verbs = service.resources[resource].get("sqlVerbs") or {}
    if verb not in verbs:
        return []
    return [Method(service, resource, ref["$ref"].rsplit("/", 1)[1]) for ref in verbs[verb] or []]


# --- a statement ---------------------------------------------------------------------------------

WORDS = set(
    "all and any as asc authorization between by case cast check collate column constraint create cross current_date "
    "default delete desc describe distinct do else end except exists explain false fetch filter for foreign from full function "
    "glob group having if in index inner insert intersect into is join key language left like limit location match method methods "
    "natural not null of offset on only or order outer over partition precision primary provider range references registry replace returning right row rows "
    "schema select set show start table then to top trigger true type union unique update user using value values view when "
    "where window with zone date time timestamp interval current session options comment version action status name".split()
) - {"name", "status", "type", "location", "version", "date", "key", "user", "comment", "zone", "schema", "options", "action", "method", "language", "start", "provider", "match"}


def quoted(name):
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name.lower() not in WORDS else '"' + name.replace('"', '""') + '"'


def literal(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (dict, list)):
        value = compact(value)
    return "'" + value.replace("'", "''") + "'"


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def escaped(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-._~")


def plain(value):
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


PAGING = re.compile(
    r"page|limit|cursor|token|marker|max|first|last|skip|top|size|count|offset|format|^alt$|fields|^key$|\$|after|before|since|until|results|filter|order|sort|select|expand|search|lister|force|prefer",
    re.IGNORECASE,
)


class Case:
    """One statement on one method, and what it must do."""

    def __init__(self, service, resource, verb, target, environment):
        self.service, self.verb, self.environment = service, verb, environment
        self.method = self.chosen = target
        self.typed = {}  # column as typed -> value
        self.wire = {}  # column as typed -> ("path"|"query"|"header"|"body"|"server", wire name)
        self.features = set()
        self.aliases = bool(target.request.get("nativeCasing"))
        self.fill()
        if verb != "exec":
            self.choose(resource)

    # The names and values of the statement.

    def spelled(self, name):
        return snake(name) if self.aliases and self.method.request.get("nativeCasing") in ("pascal", "camel") else name

    def fill(self):
        method = self.method
        needs = method.needs(self.environment)
        for name, node in method.parameters.items():
            if name in needs:
                self.give(name, node["in"], self.parameter(node))
        optional = 0
        for name, node in method.parameters.items():
            fits = name not in method.inherited and node["in"] == "query" and not PAGING.search(name)
            if optional < 2 and fits and not node.get("required") and self.verb != "insert":
                schema = node.get("schema") or {}
                if self.service.kind(schema) in ("string", "boolean", "integer") and method.graphql is None:
                    self.give(name, "query", self.parameter(node))
                    optional += 1
        for name in method.variables:
            if name in self.wire or name in method.parameters:
                continue
            if name == "region" and self.service.provider in ("aws", "awscc"):
                self.give(name, "server", REGION)
            elif name in needs:
                self.give(name, "server", f"my-{name}")
        if self.verb != "delete":
            self.fill_body()
        elif method.body is not None:
            for field in method.needed_fields:
                self.give_field(field)

    def fill_body(self):
        method = self.method
        if method.body is None:
            return
        if self.verb == "exec":
            return
        taken = {name for name in method.parameters} | {snake(name) for name in method.parameters}
        for field in method.needed_fields:
            if method.column(field) in taken:
                raise Unfit("a parameter hides a field that is needed")
            self.give_field(field)
        if self.verb == "select":
            return
        kinds = set()
        for field, schema in method.fields.items():
            schema = self.service.resolve(schema)
            if len(kinds) == 4 or field in method.needed_fields or method.column(field) in taken or field in self.wire:
                continue
            kind = self.service.kind(schema)
            if schema.get("readOnly") or kind == "any" or kind in kinds or PAGING.search(field) or "." in field:
                continue
            kinds.add(kind)
            self.give_field(field)

    def give(self, name, place, value):
        typed = self.spelled(name) if place not in ("server",) else name
        if typed in self.typed:
            raise Unfit("two names of one spelling")
        self.typed[typed] = value
        self.wire[typed] = (place, name)

    def give_field(self, field):
        column = self.method.column(field)
        if column in self.typed:
            return
        schema = self.service.resolve(self.method.fields[field])
        value = self.service.value(schema, field)
        if self.service.kind(schema) == "string" and not schema.get("enum") and not schema.get("format"):
            value = f"it's {field} é"
        self.give(column, "body", value)
        if schema.get("x-stackQL-stringOnly"):
            self.features.add("stringOnly")

    def parameter(self, node):
        schema = self.service.resolve(node.get("schema"))
        kind = self.service.kind(schema)
        if kind in ("array", "object"):
            raise Unfit("a required parameter that is a list")
        if kind == "integer":
            return min(max(7, schema.get("minimum", 0)), schema.get("maximum", 2**31))
        value = self.service.value(schema, node["name"])
        if isinstance(value, str) and not schema.get("enum") and not schema.get("format"):
            value = f"{node['name']}-1" if node["in"] != "query" else f"{node['name']} é&=+/1"
        return value

    def choose(self, resource):
        """2.5: the first whose needs are met; what is left over disqualifies none."""
        for method in candidates(self.service, resource, self.verb):
            spellings = {method_name for typed in self.wire for method_name in (typed, self.wire[typed][1])}
            spellings |= {method.column(name) for place, name in self.wire.values() if place == "body"}
            if set(method.needs(self.environment)) <= spellings:
                if method.name != self.method.name:
                    raise Unfit(f"{method.name} comes first")
                return
        raise Unfit("no method fits")

    # The statement.

    def sql(self):
        table = f"{self.service.provider}.{quoted(self.service.name)}.{quoted(self.method.resource)}"
        pairs = {name: literal(value) for name, value in self.typed.items()}
        conditions = [
            f"{quoted(name)} = {text}" for name, text in pairs.items()
            if self.verb in ("select", "delete") or self.wire[name][0] != "body"
        ]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        if self.verb == "select":
            return f"SELECT * FROM {table}{where}"
        if self.verb == "delete":
            return f"DELETE FROM {table}{where}"
        if self.verb == "insert":
            if not pairs:
                raise Unfit("nothing to insert")
            return f"INSERT INTO {table}({', '.join(map(quoted, pairs))}) SELECT {', '.join(pairs.values())}"
        if self.verb in ("update", "replace"):
            sets = [f"{quoted(name)} = {text}" for name, text in pairs.items() if self.wire[name][0] == "body"]
            if not sets:
                raise Unfit("nothing to set")
            return f"{self.verb.upper()} {table} SET {', '.join(sets)}{where}"
        arguments = [f"@{quoted(name)}={text}" for name, text in pairs.items()]
        if self.given_body is not None:
            arguments.append(f"@@json={literal(self.given_body)}")
        return f"EXEC {table}.{quoted(self.method.name)} {', '.join(arguments[:-1]) + ', ' if len(arguments) > 1 else ''}{arguments[-1] if arguments else ''}".strip()

    @functools.cached_property
    def given_body(self):
        """EXEC gives the body as a whole."""
        if self.verb != "exec" or self.method.body is None or not self.method.fields or self.method.inner:
            return None
        names = [name for name in self.method.fields if name in self.method.needed_fields] or list(self.method.fields)[:2]
        return {name: self.service.value(self.method.fields[name], name) for name in names}

    # The request.

    def payload(self):
        """The body's value, or None where there is none (3.2, 3.3)."""
        method = self.method
        fields = {}
        for typed, (place, name) in self.wire.items():
            if place != "body":
                continue
            field = name.removeprefix("data__") if not method.algorithm.startswith("naive") else name
            value = self.typed[typed]
            schema = self.service.resolve(method.fields.get(field))
            if isinstance(value, (dict, list)) and schema.get("x-stackQL-stringOnly"):
                value = compact(value)
            fields[field] = value
        if self.given_body is not None:
            fields = self.given_body
        base = json.loads(method.request["base"]) if method.request.get("base") else None
        if method.inner:
            outer = self.service.resolve(self.service.properties(method.body)[method.inner])
            fields = {method.inner: compact(fields) if outer.get("x-stackQL-stringOnly") else fields}
        if not fields and base is None:
            if method.request.get("default") and method.body is not None:
                return json.loads(method.request["default"])
            # A body that must be there and needs no field of it.
            needed = self.service.resolve(method.operation.get("requestBody")).get("required")
            if needed and self.verb == "exec":
                raise Unfit("a body that only the user can give")
            if needed and "json" not in (method.media or ""):
                raise Unfit("a body that only the user can give")
            return {} if needed else None
        return {**(base or {}), **fields}

    def encoded(self, value):
        method = self.method
        transform = method.request.get("transform")
        if value is None:
            return None
        if transform:
            return self.transformed(transform, value)
        if "json" in (method.media or "json"):
            return {"json": value}
        if "xml" in method.media:
            return {"xml": self.xml(value)}
        raise Unfit(f"a body of {method.media}")

    def transformed(self, transform, value):
        template = transform["body"]
        simple = re.fullmatch(r"\s*\{\{ \.(\w+) \}\}\s*", template)
        if simple:
            return {"text": value[simple[1]]}
        # cloudflare's: each field in the order of the template, unless Go takes it for nothing.
        names = re.findall(r'\{\{- if \.(\w+) \}\}\{\{ \$sep \}\}"\1": ', template)
        if not names or template.count("{{- if ") != len(names):
            raise Unfit("a template of its own")
        return {"json": {name: value[name] for name in names if value.get(name)}}

    def xml(self, value):
        schema = self.service.resolve(self.method.body)
        ref = self.method.body.get("$ref", "").rsplit("/", 1)[-1] if isinstance(self.method.body, dict) else ""
        root = (schema.get("xml") or {}).get("name") or ref
        if not root or any(not isinstance(child, (str, int, bool)) for child in value.values()):
            raise Unfit("XML without a root or with structures")
        order = [name for name in self.method.fields if name in value]
        return [root, [[name, plain(value[name])] for name in order]]

    def build(self, extra_query=None, extra_body=None):
        method = self.method
        path, _, constants = method.path.partition("?")
        path = "/" + self.server_path() + path.lstrip("/")
        query = [tuple(pair.partition("=")[::2]) for pair in constants.split("&") if constants]
        query = [(urllib.parse.unquote_plus(key), urllib.parse.unquote_plus(value)) for key, value in query]
        headers = {}
        own = {}
        for name, node in method.parameters.items():
            default = self.service.resolve(node.get("schema")).get("default")
            if node["in"] == "header" and default is not None and name not in method.inherited:
                headers[name.lower()] = plain(default)
        for typed, (place, name) in self.wire.items():
            value = plain(self.typed[typed])
            if place == "path" and method.graphql is None:
                safe = "/" if self.service.provider in ("aws", "awscc") else "/:@!$&'()*+,;="
                path = path.replace("{" + name + "}", escaped(value, safe))
            elif place == "query":
                own[name] = value
            elif place == "header":
                headers[name.lower()] = value
        own.update(extra_query or {})
        query += sorted(own.items())
        translate = (method.setting("requestTranslate") or {}).get("algorithm")
        if translate == "drop_double_underscore_params":
            query = [pair for pair in query if not pair[0].startswith("__")]
            self.features.add("drop __")
        verb, body = method.verb.upper(), None
        if method.graphql is None:
            value = self.payload()
            if extra_body:
                value = {**(value or {}), **extra_body}
            body = self.encoded(value) if method.body is not None else None
        if body is not None and method.media and "content-type" not in headers:
            headers["content-type"] = method.media
        if translate == "get_query_to_post_form_utf_8":
            verb, body, query = "POST", {"form": sorted(query)}, []
            headers["content-type"] = "application/x-www-form-urlencoded; charset=utf-8"
        accept = method.response.get("mediaType")
        if accept and self.service.provider != "aws":
            headers.setdefault("accept", accept)
        request = {"method": verb, "path": path, "query": query, "headers": headers}
        if body is not None:
            request["body"] = body
        return request

    def server_path(self):
        """--endpoint-url keeps the path of the server."""
        servers = self.method.servers
        if not servers:
            return ""
        url = re.sub(r"\{(\w+):[^/]*?\}(?=[/.]|$)", r"{\1}", servers[0]["url"]) if "{cluster_addr" not in servers[0]["url"] else "x://x/"
        path = url.split("://", 1)[-1].partition("/")[2]
        for name, node in self.method.variables.items():
            node = node or {}
            given = self.typed.get(name) or self.environment.get(node.get("x-stackQL-envVar")) or node.get("default")
            path = path.replace("{" + name + "}", str(given))
        return path.strip("/") + "/" if path.strip("/") else ""


# --- answers and rows ----------------------------------------------------------------------------


class Answers:
    """The service's answers to a case, and the rows of SELECT and EXEC."""

    def __init__(self, case):
        self.case, self.method, self.service = case, case.method, case.service
        self.transform = self.method.transform
        self.schema = self.method.answer
        self.key = self.method.response.get("objectKey")

    def cell(self, value, kind):
        """5.2: what a column of a type holds, as JSON shows it."""
        if isinstance(value, (dict, list)):
            return compact(value)
        return value

    def shown(self, row, schemas):
        rows = {}
        for wire in schemas:
            if not wire:
                continue
            name = snake(wire) if self.service.aliases else wire
            if name in rows:
                raise Unfit("two columns of one name")
            rows[name] = self.cell(row.get(wire), self.service.kind(schemas[wire]))
        if self.case.verb == "select":
            for typed, value in self.case.typed.items():
                known = {name.lower() for name in rows}
                if typed not in rows:
                    if typed.lower() in known:
                        raise Unfit("a column and a parameter that differ in case")
                    rows[typed] = self.echo(value)
        return rows

    def echo(self, value):
        """2.6, 5.1: a parameter is a column of text; what is true or false stays so."""
        if isinstance(value, bool):
            return value
        return compact(value) if isinstance(value, (dict, list)) else str(value)

    def row_schema(self):
        """5.1: the schema of a row, and the way to it; an implicit `items` counts."""
        schema = self.service.resolve(self.schema)
        if not schema:
            return None, [], False
        steps = []
        key = self.key
        if not key and "items" in self.quiet_properties(schema) and self.service.kind(schema) == "object":
            key = "$.items"
            self.case.features.add("implicit items")
        for step in [step for step in (key or "$").removeprefix("$").split(".") if step]:
            if not re.fullmatch(r"[\w-]+", step):
                raise Unfit(f"objectKey {self.key}")
            members = self.quiet_properties(schema)
            if step not in members:
                raise Unfit("objectKey leads nowhere")
            steps.append(step)
            schema = self.service.resolve(members[step])
        if self.service.kind(schema) == "array":
            return self.service.resolve(schema.get("items")), steps, True
        return schema, steps, False

    def quiet_properties(self, schema):
        try:
            return self.service.properties(schema)
        except Unfit:
            return {}

    def make_row(self, schema, salt):
        columns = self.service.properties(schema)
        if not columns:
            raise Unfit("rows without columns")
        row = {}
        for name, node in columns.items():
            row[name] = self.service.value(node, name, salt)
        if self.case.verb == "select" and salt != 1:
            # What WHERE asks for must be in the row, or the row is not of the answer.
            for typed, value in self.case.typed.items():
                for name in columns:
                    if typed in (name, snake(name)) or name == self.case.wire[typed][1]:
                        kind = self.service.kind(columns[name])
                        same = {"string": str, "integer": int, "boolean": bool}.get(kind)
                        if same is None or not isinstance(value, same) or kind == "any":
                            raise Unfit("a parameter and a column of the same name, of other types")
                        row[name] = value
        return columns, row

    def pages(self):
        """(answers, second request or None, rows)"""
        method = self.method
        if method.graphql is not None:
            raise Unfit("GraphQL is made by hand")
        status = {"2XX": 200}.get(method.response.get("openAPIDocKey")) or int(method.response.get("openAPIDocKey", "200"))
        if self.case.verb not in ("select", "exec"):
            return self.plain(status), None, None
        if status in (204, 205) or not self.schema:
            if self.case.verb == "exec":
                return self.plain(status), None, None
            raise Unfit("nothing to select")
        if self.service.kind(self.schema) in ("string", "integer", "any") and not self.transform:
            raise Unfit("an answer without structure")
        media = method.response.get("mediaType") or "json"
        if "json" not in media and "xml" not in media and not self.transform:
            raise Unfit(f"an answer of {media}")
        schema, steps, listed = self.row_schema()
        block = method.setting("pagination") or {}
        token = (block.get("responseToken") or {}).get("key", "").removeprefix("$").strip(".")
        if not listed and token and token in self.quiet_properties(schema):
            raise Unfit("a token in the only row")
        if self.service.kind(schema) not in ("object",):
            return self.scalars(schema, steps, listed, status)
        pages, rows = [], []
        shape = self.paging(listed, steps)
        for page in range(LISTED if shape else 1):
            made = [self.make_row(schema, salt + 2 * page) for salt in range(LISTED if listed else 1)]
            columns = made[0][0] if made else {}
            if len({name.lower() for name in columns}) != len(columns):
                raise Unfit("columns that differ in case")
            items = [row for _, row in made]
            answer = self.answer(items, steps, listed, columns, status, page, shape)
            pages.append(answer)
            # What the service was asked for is not asked of the rows again, whatever their own columns say.
            rows += [self.shown(row, columns) for row in items]
        return pages, (shape and shape["next"]()), rows

    def scalars(self, schema, steps, listed, status):
        kind = self.service.kind(schema)
        if not listed or kind not in ("string", "integer") or self.transform:
            raise Unfit("rows that are no objects")
        values = [self.service.value(schema, "item", salt) for salt in range(2)]
        self.case.features.add("column_anon")
        rows = [{"column_anon": value} for value in values]
        if self.case.verb == "select":
            for row in rows:
                row.update({typed: self.echo(value) for typed, value in self.case.typed.items()})
        return [self.json(self.wrap(values, steps), status)], None, rows

    def plain(self, status):
        if status in (204, 205):
            self.case.features.add(f"{status} without a body")
            return [{"status": status, "headers": {}, "body": ""}]
        # What a mutation answers matters to no row; a document's own shape, so that it is decoded.
        media = self.method.response.get("mediaType") or "application/json"
        if "xml" in media:
            return [{"status": status, "headers": {"content-type": "text/xml"}, "body": "<Response><Result/></Response>"}]
        if "json" not in media:
            return [{"status": status, "headers": {"content-type": media}, "body": "text"}]
        try:
            value = self.service.value(self.schema, "answer") if self.schema and not self.transform else {}
        except Unfit:
            value = {}
        return [{"status": status, "headers": {"content-type": media}, "body": compact(value)}]

    def json(self, value, status):
        media = self.method.response.get("mediaType") or "application/json"
        return {"status": status, "headers": {"content-type": media if "json" in media else "application/json"}, "body": compact(value)}

    def wrap(self, value, steps):
        for step in reversed(steps):
            value = {step: value}
        return value

    # Pages (3.6).

    def paging(self, listed, steps):
        case, method = self.case, self.method
        if not listed or case.verb != "select":
            return None
        block = method.setting("pagination")
        xml = (self.transform or {}).get("type", "").startswith("schema_driven_xml")
        if xml and re.search(r"(^|_)(list|describe)", method.name) is None:
            return None
        if xml:
            names = {name for name, node in method.parameters.items() if node["in"] == "query"}
            for name in ("Marker", "NextToken"):
                if name in names and name not in case.typed:
                    return self.shape("xml", name, ("query", name))
            return None
        bare = not steps or "printf" in (self.transform or {}).get("body", "")
        if block:
            request, response = block["requestToken"], block["responseToken"]
            if bare and response["location"] != "header":
                return None
            if block.get("algorithm") == "page_number":
                return self.shape("page_number", None, ("query", request["key"]))
            if response["location"] == "header":
                return self.shape("Link", None, ("request", None))
            way = [step for step in response["key"].removeprefix("$").split(".") if step]
            if request["location"] == "request":
                return self.shape("URL in the body", way, ("request", None))
            return self.shape(f"{request['location']} token", way, (request["location"], request["key"]))
        if self.service.provider in ("github", "okta"):
            return self.shape("Link", None, ("request", None))
        if bare:
            return None
        members = self.quiet_properties(self.schema)
        if "nextPageToken" in members:
            return self.shape("nextPageToken", ["nextPageToken"], ("query", "pageToken"))
        for name in ("nextLink", "@odata.nextLink"):
            if name in members or self.azure():
                return self.shape(name, [name], ("request", None))
        return None

    def azure(self):
        return self.transform and '"nextLink": {{' in (self.transform.get("body") or "")

    def shape(self, kind, steps, target):
        self.case.features.add(f"pages: {kind}")

        def following():
            place, key = target
            if place == "query":
                return self.case.build(extra_query={key: self.token(kind, steps)})
            if place == "body":
                return self.case.build(extra_body={key: self.token(kind, steps)})
            first = self.case.build()
            return {**first, "path": "/next", "query": [("page", "2")]}

        return {"kind": kind, "steps": steps, "next": following, "place": target[0]}

    def token(self, kind, steps):
        if kind == "page_number":
            return "2"
        return {"Id": {"S": "2"}} if steps == ["LastEvaluatedKey"] else TOKEN

    def answer(self, items, steps, listed, columns, status, page, shape):
        value = items if listed else items[0]
        headers, more = {}, page == 0 and shape
        root = self.original(items, listed, columns, shape if more else None)
        if root is not None:
            if shape and shape["kind"] == "Link" and more:
                root["headers"]["link"] = f'<{BASE}/first>; rel="first", <{BASE}/next?page=2>; rel="next"'
            return {"status": status, **root}
        document = self.wrap(value, steps)
        if shape and shape["kind"] == "page_number":
            document.update({"page": page + 1, "pages": LISTED, "results": 4})
        elif shape and shape["kind"] == "Link" and more:
            headers["link"] = f'<{BASE}/first>; rel="first", <{BASE}/next?page=2>; rel="next"'
        elif more:
            token = f"{BASE}/next?page=2" if shape["place"] == "request" else self.token(shape["kind"], shape["steps"])
            merge(document, self.wrap(token, shape["steps"]))
        made = self.json(document, status)
        made["headers"].update(headers)
        return made

    # The answers of services before a transform.

    def original(self, items, listed, columns, shape):
        if not self.transform:
            return None
        kind, template = self.transform["type"], self.transform.get("body") or ""
        self.case.features.add(f"response.transform {kind}")
        if kind.startswith("schema_driven_xml"):
            return self.xml(items, columns, shape)
        text = {"content-type": "application/json"}
        if '"_flattened": true' in template:
            rows = [self.unflat(row, columns) for row in items]
            if not listed and "$row := ." in template:
                return {"headers": text, "body": compact(rows[0])}
            document = {"value": rows}
            if shape:
                document["nextLink"] = f"{BASE}/next?page=2"
            return {"headers": text, "body": compact(document)}
        wrapped = re.search(r'printf "\{\\"(\w+)\\":%s\}" \.', template)
        if wrapped and template.strip().endswith("{{- $wrapped -}}"):
            return {"headers": text, "body": compact(items if listed else items[0])}
        scalars = re.search(r'index \. "(\w+)" -\}\}.*\{"(\w+)": ?\{\{ toJson \$v \}\}\}', template, re.DOTALL)
        if scalars and kind == "golang_template_json_v0.3.0" and list(columns) == [scalars[2]]:
            document = {scalars[1]: [row[scalars[2]] for row in items]}
            if shape:
                merge(document, self.wrap(self.token(shape["kind"], shape["steps"]), shape["steps"]))
            return {"headers": text, "body": compact(document)}
        if kind.startswith("golang_template_mxj"):
            names = re.findall(r'index (?:\.|\$n) "(\w+)"', template)
            column = re.search(r'\{"(\w+)": \{\{ toJson \$v \}\}\}', template)
            if column and list(columns) == [column[1]]:
                inner = "".join(f"<{names[-1]}>{row[column[1]]}</{names[-1]}>" for row in items)
                for name in reversed(names[:-1]):
                    inner = f"<{name}>{inner}</{name}>"
                return {"headers": {"content-type": "text/xml"}, "body": inner}
        raise Unfit("a template of its own")

    def unflat(self, row, columns):
        """Azure's shape: what is not at the top of every resource is in `properties`."""
        top = {"id", "name", "type", "location", "tags", "etag", "sku", "identity", "zones", "kind", "systemData", "properties"}
        inner = {name: value for name, value in row.items() if name not in top}
        outer = {name: value for name, value in row.items() if name in top and name != "properties"}
        if "properties" in columns or inner:
            # A name in both: the row's own wins. `properties` itself stays.
            if "name" in outer:
                inner = {**inner, "name": "of the properties"}
            outer["properties"] = inner
            if "properties" in columns:
                row["properties"] = inner
        return outer

    def xml(self, items, columns, shape):
        action = re.search(r"Action=(\w+)", self.method.path)
        name = action[1] if action else self.method.operation.get("operationId", "Thing")
        flat = re.search(r"(^|_)(list|describe)", self.method.name) is None
        if {"NextMarker", "NextToken", "Marker", "IsTruncated"} & set(columns):
            raise Unfit("a token among the columns of XML")
        if not flat and {"Marker", "NextToken", "IsTruncated", "RequestId", "Rows"} & set(columns):
            flat = True
        for row in items:
            for column in list(row):
                kind = self.service.kind(columns[column])
                if kind == "any":
                    raise Unfit("XML of any type")
                if kind in ("object", "array"):
                    row[column] = None  # one level: what is inside an element has rules of its own
        fields = ["".join(f"<{k}>{html(plain(v))}</{k}>" for k, v in row.items() if v is not None) for row in items]
        if any(not field for field in fields):
            raise Unfit("XML rows without a scalar")
        if flat:
            if shape or len(items) > 1:
                del items[1:]
                fields = fields[:1]
            payload = fields[0]
        else:
            member = "member" if self.service.protocol == "query" else "Row"
            payload = f"<Rows>{''.join(f'<{member}>{field}</{member}>' for field in fields)}</Rows>"
            if shape:
                payload += f"<IsTruncated>true</IsTruncated><{shape['steps']}>{TOKEN}</{shape['steps']}>"
            elif {"Marker"} & {name for name in self.method.parameters}:
                payload += "<IsTruncated>false</IsTruncated>"
        if self.service.protocol == "query":
            body = (
                f'<{name}Response xmlns="https://example.amazonaws.com/doc/2010-05-08/"><{name}Result>{payload}</{name}Result>'
                f"<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></{name}Response>"
            )
        else:
            body = f'<?xml version="1.0" encoding="UTF-8"?><{name}Result>{payload}</{name}Result>'
        return {"headers": {"content-type": "text/xml"}, "body": body}


def html(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


def merge(into, other):
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
