"""Statements that no rule makes: views, GraphQL, bytes, lists of values, names of several spellings.

Each says by hand what must be sent and what must come, from the document and the specification; the
numbers are the specification's sections. Texts of documents (a query of GraphQL) are read from them.
"""

import oracle

JSON = {"content-type": "application/json"}
AMZ = "application/x-amz-json-1.0"
EU = "eu-west-1"


def answer(value, status=200, headers=None):
    body = value if isinstance(value, str) else oracle.compact(value)
    return {"status": status, "headers": JSON if headers is None else headers, "body": body}


def request(method, path, query=(), headers=None, **body):
    made = {"method": method, "path": path, "query": [list(pair) for pair in query], "headers": headers or {}}
    if body:
        made["body"] = body
    return made


def control(action, target, **fields):
    """A call of CloudControl."""
    headers = {"content-type": AMZ, "x-amz-target": f"CloudApiService.{target}"}
    headers["accept"] = "application/json" if target in ("CreateResource", "UpdateResource", "DeleteResource") else AMZ
    return request("POST", "/", [("Action", action), ("Version", "2021-09-30")], headers, json=fields)


def form(action, version, *pairs):
    pairs = sorted([("Action", action), ("Version", version), *pairs])
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    return request("POST", "/", (), headers, form=[list(pair) for pair in pairs])


def xml(text):
    return answer(text, headers={"content-type": "text/xml"})


def lines(registry):
    made = []

    def add(name, features, statement, requests, answers, rows, signed=None):
        made.append({
            "id": name, "features": sorted(features), "statement": statement, "signed": signed, "requests": requests,
            "answers": answers, "rows": rows,
        })  # fmt: skip

    views(add)
    bodies(add)
    queries(add)
    graphql(add, registry)
    texts(add)
    names(add)
    return made


def views(add):
    """2.7, 3.2: awscc reads through CloudControl; its answers hold properties as JSON text."""
    signed = ["cloudcontrolapi", EU]
    groups = [
        {"Arn": "arn:g1", "GroupName": "g1", "ManagedPolicyArns": ["p1", "p2"], "Path": "/", "Policies": [{"PolicyName": "x"}]},
        {"GroupName": "g2"},
    ]
    add(
        "SELECT awscc.iam.groups.view", ["view", "requiredParams", "JSON_EXTRACT"],
        f"SELECT * FROM awscc.iam.groups WHERE region = '{EU}' AND Identifier = 'g1'",
        [control("GetResource", "GetResource", TypeName="AWS::IAM::Group", Identifier="g1")],
        [answer({"TypeName": "AWS::IAM::Group", "ResourceDescription": {"Identifier": "g1", "Properties": oracle.compact(groups[0])}}, headers={"content-type": AMZ})],
        [{"region": EU, "Identifier": "g1", "arn": "arn:g1", "group_name": "g1", "managed_policy_arns": '["p1","p2"]', "path": "/", "policies": '[{"PolicyName":"x"}]'}],
        signed,
    )  # fmt: skip
    pages = [
        {"ResourceDescriptions": [{"Identifier": "g1", "Properties": oracle.compact(groups[0])}], "TypeName": "AWS::IAM::Group", "NextToken": "t2"},
        {"ResourceDescriptions": [{"Identifier": "g2", "Properties": oracle.compact(groups[1])}], "TypeName": "AWS::IAM::Group"},
    ]
    add(
        "SELECT awscc.iam.groups_list_only.view", ["view", "pages: body token"],
        f"SELECT * FROM awscc.iam.groups_list_only WHERE region = '{EU}'",
        [
            control("ListResources", "ListResources", TypeName="AWS::IAM::Group"),
            control("ListResources", "ListResources", TypeName="AWS::IAM::Group", NextToken="t2"),
        ],
        [answer(page, headers={"content-type": AMZ}) for page in pages],
        [{"region": EU, "group_name": "g1"}, {"region": EU, "group_name": "g2"}],
        signed,
    )  # fmt: skip
    patch = '[{"op":"replace","path":"/Path","value":"/x/"}]'
    progress = answer({"ProgressEvent": {"OperationStatus": "PENDING", "RequestToken": "r"}})
    add(
        "UPDATE awscc.iam.groups.update_resource by hand", ["stringOnly", "request.base"],
        f"UPDATE awscc.iam.groups SET PatchDocument = '{patch}' WHERE Identifier = 'g1' AND region = '{EU}'",
        [control("UpdateResource", "UpdateResource", TypeName="AWS::IAM::Group", Identifier="g1", PatchDocument=patch)],
        [progress], None, signed,
    )  # fmt: skip
    add(
        "INSERT awscc.iam.groups.create_resource by hand", ["body naive_DesiredState", "drop __"],
        f"INSERT INTO awscc.iam.groups(GroupName, Policies, region) SELECT 'g3', '[{{\"PolicyName\": \"x\"}}]', '{EU}'",
        [{
            **control("CreateResource", "CreateResource", TypeName="AWS::IAM::Group", DesiredState='{"GroupName":"g3","Policies":[{"PolicyName":"x"}]}'),
        }],
        [progress], None, signed,
    )  # fmt: skip
    add(
        "DELETE awscc.iam.groups.delete_resource by hand", ["IN makes several calls"],
        f"DELETE FROM awscc.iam.groups WHERE Identifier IN ('g1', 'g2') AND region = '{EU}'",
        [control("DeleteResource", "DeleteResource", TypeName="AWS::IAM::Group", Identifier=name) for name in ("g1", "g2")],
        [progress, progress], None, signed,
    )  # fmt: skip


def bodies(add):
    """3.2, 3.3: what becomes of values."""
    ocean = {"accept": "application/json", "content-type": "application/json"}
    add(
        "INSERT digitalocean.compute.ssh_keys.create, two rows", ["body naive", "one call a row"],
        "INSERT INTO digitalocean.compute.ssh_keys(name, public_key) VALUES ('a', 'ssh-rsa A'), ('b', 'ssh-rsa B')",
        [request("POST", "/v2/account/keys", (), ocean, json={"name": name, "public_key": f"ssh-rsa {name.upper()}"}) for name in "ab"],
        [answer({"ssh_key": {"id": 1}}, 201)] * 2, None,
    )  # fmt: skip
    add(
        "INSERT digitalocean.network.domains.create", ["a text that looks like a number stays text"],
        "INSERT INTO digitalocean.compute.ssh_keys(name, public_key) VALUES ('42', 'true')",
        [request("POST", "/v2/account/keys", (), ocean, json={"name": "42", "public_key": "true"})],
        [answer({"ssh_key": {"id": 1}}, 201)], None,
    )  # fmt: skip
    google = {"accept": "application/json", "content-type": "application/json"}
    add(
        "INSERT google.storage.buckets.insert by hand", ["body data__", "nested data__", "string()"],
        "INSERT INTO google.storage.buckets(project, data__name, data__labels, data__website.mainPageSuffix, data__location) "
        "SELECT 'p', 'b', '{\"a\": \"1\"}', 'index.html', string('[\"EU\"]')",
        [request("POST", "/storage/v1/b", [("project", "p")], google, json={"name": "b", "labels": {"a": "1"}, "website": {"mainPageSuffix": "index.html"}, "location": '["EU"]'})],
        [answer({"name": "b"})], None,
    )  # fmt: skip
    add(
        "EXEC digitalocean.compute.droplets.power_on by hand", ["request.base", "drop __"],
        "EXEC digitalocean.compute.droplets.power_on @droplet_id=42",
        [request("POST", "/v2/droplets/42/actions", (), ocean, json={"type": "power_on"})],
        [answer({"action": {"id": 1}}, 201)], None,
    )  # fmt: skip


def queries(add):
    """3.4, 3.5: the query protocol of AWS."""
    version = "2010-05-08"
    user = "<CreateUserResponse><CreateUserResult><User><UserName>u</UserName></User></CreateUserResult></CreateUserResponse>"
    add(
        "INSERT aws.iam.users.create_user, AWSCanonical", ["queryParamTranspose AWSCanonical", "JSON()"],
        f"INSERT INTO aws.iam.users(user_name, tags, region) SELECT 'u', JSON('[{{\"Key\": \"k\", \"Value\": \"v w\"}}, {{\"Key\": \"k2\", \"Value\": \"\"}}]'), '{EU}'",
        [form("CreateUser", version, ("UserName", "u"), ("Tags.1.Key", "k"), ("Tags.1.Value", "v w"), ("Tags.2.Key", "k2"), ("Tags.2.Value", ""))],
        [xml(user)], None, ["iam", EU],
    )  # fmt: skip
    add(
        "INSERT aws.iam.users.create_user, plain JSON", ["queryParamTranspose AWSCanonical", "member"],
        f"INSERT INTO aws.iam.users(user_name, tags, region) SELECT 'u', '[{{\"Key\": \"k\", \"Value\": \"v\"}}]', '{EU}'",
        [form("CreateUser", version, ("UserName", "u"), ("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v"))],
        [xml(user)], None, ["iam", EU],
    )  # fmt: skip
    users = "<ListUsersResponse><ListUsersResult><Users>{}</Users>{}</ListUsersResult></ListUsersResponse>"
    member = "<member><UserName>{0}</UserName><Arn>arn:{0}</Arn><Path>/</Path><UserId/></member>"
    add(
        "SELECT aws.iam.users.list_users by hand", ["response.transform schema_driven_xml_v0.1.0", "pages: xml", "a list with one member", "a later of several methods"],
        f"SELECT user_name, arn, user_id FROM aws.iam.users WHERE region = '{EU}'",
        [form("ListUsers", version), form("ListUsers", version, ("Marker", "m&2"))],
        [
            xml(users.format(member.format("a") + member.format("b"), "<IsTruncated>true</IsTruncated><Marker>m&amp;2</Marker>")),
            xml(users.format(member.format("c"), "<IsTruncated>false</IsTruncated>")),
        ],
        [{"user_name": name, "arn": f"arn:{name}", "user_id": ""} for name in "abc"],
        ["iam", EU],
    )  # fmt: skip
    add(
        "SELECT aws.iam.users.list_users, nobody", ["response.transform schema_driven_xml_v0.1.0", "an empty list"],
        f"SELECT user_name FROM aws.iam.users WHERE region = '{EU}'",
        [form("ListUsers", version)], [xml(users.format("", "<IsTruncated>false</IsTruncated>"))], [], ["iam", EU],
    )  # fmt: skip


def graphql(add, registry):
    """3.12."""
    document = oracle.service(registry, "github", "discussions").document
    template = document["paths"]["/graphql?resource=discussion_categories"]["post"]["x-stackQL-graphQL"]["query"]

    def asked(cursor):
        text = template.replace("{{ .owner }}", "o").replace("{{ .repo }}", "r").replace("{{ .cursor }}", cursor)
        assert "{{" not in text
        return " ".join(text.split())

    def page(more, *names):
        nodes = [{"id": f"id-{name}", "name": name, "is_answerable": name == "a"} for name in names]
        info = {"endCursor": "c2" if more else None, "hasNextPage": more}
        return answer({"data": {"repository": {"discussionCategories": {"pageInfo": info, "nodes": nodes}}}})

    headers = {"accept": "application/json", "content-type": "application/json"}
    add(
        "SELECT github.discussions.discussion_categories.list", ["GraphQL", "? in the path key"],
        "SELECT id, name, is_answerable, slug, owner FROM github.discussions.discussion_categories WHERE owner = 'o' AND repo = 'r'",
        [request("POST", "/graphql", (), headers, graphql=asked(cursor)) for cursor in ("", ', after: "c2"')],
        [page(True, "a", "b"), page(False, "c")],
        [{"id": f"id-{name}", "name": name, "is_answerable": name == "a", "slug": None, "owner": "o"} for name in "abc"],
    )  # fmt: skip


def texts(add):
    """3.11: answers and bodies that are text."""
    add(
        "SELECT google.storage.objects_content.download", ["response.transform golang_template_text_v0.3.0", "servers of the operation", "? in the path key"],
        "SELECT contents FROM google.storage.objects_content WHERE bucket = 'b' AND object = 'a/b c.txt'",
        [request("GET", "/download/storage/v1/b/b/o/a/b%20c.txt", [("alt", "media")], {"accept": "application/octet-stream"})],
        [answer('line "one"\nünd <two>\n', headers={"content-type": "application/octet-stream"})],
        [{"contents": 'line "one"\nünd <two>\n'}],
    )  # fmt: skip
    add(
        "INSERT google.storage.objects_content.upload", ["request.transform golang_template_json_v0.3.0", "request.required", "request.schema_override", "request application/octet-stream"],
        "INSERT INTO google.storage.objects_content(bucket, name, data__contents) SELECT 'b', 'n', 'just text, \"quoted\"'",
        [request("POST", "/upload/storage/v1/b/b/o", [("uploadType", "media"), ("name", "n")], {"accept": "application/json", "content-type": "application/octet-stream"}, text='just text, "quoted"')],
        [answer({"name": "n"})], None,
    )  # fmt: skip
    add(
        "SELECT aws.s3.objects.get_object by hand", ["response.transform golang_template_text_v0.3.0", "SigV4 rest-xml"],
        f"SELECT contents FROM aws.s3.objects WHERE bucket = 'b' AND key = 'x/y z+é' AND region = '{EU}'",
        [request("GET", "/b/x/y%20z%2B%C3%A9")],
        [answer("text\n", headers={"content-type": "binary/octet-stream"})],
        [{"contents": "text\n"}], ["s3", EU],
    )  # fmt: skip


def names(add):
    """2.5, 3.10, 4.1, 4.2: what a name may be."""
    accept = {"accept": "application/json"}
    add(
        "SELECT github.repos.content_tree.get_content, a path with slashes", ["path parameters", "IN makes several calls"],
        "SELECT path, repo FROM github.repos.content_tree WHERE owner = 'o' AND repo IN ('r1', 'r2') AND path = 'src/a b.rs'",
        [request("GET", f"/repos/o/{repo}/contents/src/a%20b.rs", (), {"accept": "application/vnd.github.object"}) for repo in ("r1", "r2")],
        [answer({"path": "src/a b.rs", "name": "a b.rs", "type": "file", "size": 1}) for _ in "ab"],
        [{"path": "src/a b.rs", "repo": repo} for repo in ("r1", "r2")],
    )  # fmt: skip
    group = {"id": "/g", "name": "g", "type": "t", "location": "west", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}, "name": "inner", "location": None}}
    add(
        "SELECT azure.network.virtual_networks.get by hand", ["response.transform golang_template_json_v0.3.0", "snake_case_aliases", "first of several methods"],
        "SELECT name, location, address_space, etag FROM azure.network.virtual_networks WHERE subscription_id = 's' AND resource_group_name = 'rg' AND virtual_network_name = 'v'",
        [request("GET", "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v", [("api-version", "2025-07-01")], accept)],
        [answer(group)],
        [{"name": "g", "location": "west", "address_space": '{"addressPrefixes":["10.0.0.0/8"]}', "etag": None}],
    )  # fmt: skip
    add(
        "SELECT azure.network.virtual_networks.list_all by hand", ["a later of several methods", "pages: nextLink", "a condition on rows"],
        "SELECT name FROM azure.network.virtual_networks WHERE subscription_id = 's' AND location = 'east'",
        [
            request("GET", "/subscriptions/s/providers/Microsoft.Network/virtualNetworks", [("api-version", "2025-07-01")], accept),
            request("GET", "/next", [("$skiptoken", "a b")], accept),
        ],
        [
            answer({"value": [{"name": "v1", "location": "east"}, {"name": "v2", "location": "west"}], "nextLink": f"{oracle.BASE}/next?$skiptoken=a%20b"}),
            answer({"value": [{"name": "v3", "location": "east"}]}),
        ],
        [{"name": "v1"}, {"name": "v3"}],
    )  # fmt: skip
    add(
        "SELECT clickhouse.services.services.list, an organization of its own", ["x-stackQL-envVar", "server variables"],
        "SELECT id, organization_id FROM clickhouse.keys.keys WHERE organization_id = 'mine'",
        [request("GET", "/v1/organizations/mine/keys", (), accept)],
        [answer({"result": [{"id": "k1"}], "status": 200, "requestId": "r"})],
        [{"id": "k1", "organization_id": "mine"}],
    )  # fmt: skip
    add(
        "SELECT homebrew.formula.formula by hand", ["null_auth", "nested values"],
        "SELECT name, versions, aliases, revision, keg_only, desc FROM homebrew.formula.formula WHERE formula_name = 'jq'",
        [request("GET", "/api/formula/jq.json", (), accept)],
        [answer({"name": "jq", "versions": {"stable": "1.7", "bottle": True}, "aliases": ["a", "b"], "revision": 0, "keg_only": False, "extra": 1})],
        [{"name": "jq", "versions": '{"stable":"1.7","bottle":true}', "aliases": '["a","b"]', "revision": 0, "keg_only": False, "desc": None}],
    )  # fmt: skip
