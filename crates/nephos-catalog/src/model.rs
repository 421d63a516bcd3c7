//! What a provider document says, resolved: the catalog's model.

use serde::{Deserialize, Serialize};

use crate::RowPath;

/// A provider: the first part of a name in SQL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provider {
    /// Name in SQL (`google` for the directory `googleapis.com`).
    pub name: String,
    /// Version directory, `v00.00.00000` in a source tree.
    pub version: String,
    /// Text for SHOW EXTENDED PROVIDERS.
    pub description: String,
    /// How calls are authorised; `None` means the document says nothing.
    pub auth: Option<Auth>,
    /// Services in document order.
    pub services: Vec<ServiceHead>,
}

/// `config.auth` of a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Auth {
    /// `aws_signing_v4`, `bearer`, `null_auth`, ...
    pub kind: String,
    /// Environment variable that holds the secret.
    pub credentials_env: Option<String>,
    /// Environment variable that holds the AWS access key id.
    pub key_id_env: Option<String>,
}

/// One entry of `providerServices`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceHead {
    /// `<name>:<version>` as documents write it.
    pub id: String,
    /// The map key: the second part of a name in SQL.
    pub name: String,
    /// Human title.
    pub title: String,
    /// Human description.
    pub description: String,
    /// Version of this service's document.
    pub version: String,
    /// Services that are not preferred are hidden from SHOW SERVICES.
    pub preferred: bool,
    /// Path of the document below the registry's `src`.
    pub document: String,
}

/// A loaded service; resources are decoded one at a time by [`crate::Catalog`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Service name that requests are signed for (`x-serviceName`).
    pub signing_name: String,
    /// Resources sorted by name.
    pub resources: Vec<ResourceHead>,
    /// Everything in the document that could not be used.
    pub faults: Vec<Fault>,
}

/// What SHOW RESOURCES shows of a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceHead {
    /// The map key: the third part of a name in SQL.
    pub name: String,
    /// `provider.service.resource`.
    pub id: String,
    /// Human title.
    pub title: String,
    /// Human description.
    pub description: String,
}

/// A resource and all its methods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Name, id and texts.
    pub head: ResourceHead,
    /// Methods in document order.
    pub methods: Vec<Method>,
    /// Indexes into `methods` per verb, in document order; that order decides which method a
    /// statement gets.
    pub select: Vec<usize>,
    /// See `select`.
    pub insert: Vec<usize>,
    /// See `select`.
    pub update: Vec<usize>,
    /// See `select`.
    pub replace: Vec<usize>,
    /// See `select`.
    pub delete: Vec<usize>,
    /// Queries that stand for SELECT in place of `select`, in document order; mostly none.
    pub views: Vec<View>,
}

/// The name under which SHOW METHODS lists a view.
pub const VIEW_METHOD: &str = "__view__";

/// A query over other resources that answers SELECT on a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Names that WHERE must give.
    pub required: Vec<String>,
    /// The query. Literals in its WHERE are defaults for what a statement around it gives.
    pub ddl: String,
    /// The spelling it is written in, `sqlite3` or `postgres`; empty where the document says none.
    pub dialect: String,
}

impl Resource {
    /// Methods that `verb` may use, in document order. Every method is reachable by EXEC.
    pub fn methods_for(&self, verb: SqlVerb) -> Vec<&Method> {
        let indexes = match verb {
            SqlVerb::Select => &self.select,
            SqlVerb::Insert => &self.insert,
            SqlVerb::Update => &self.update,
            SqlVerb::Replace => &self.replace,
            SqlVerb::Delete => &self.delete,
            SqlVerb::Exec => return self.methods.iter().collect(),
        };
        indexes.iter().filter_map(|index| self.methods.get(*index)).collect()
    }

    /// The verbs that a method is listed under; `[Exec]` when it is listed under none.
    pub fn verbs_of(&self, method: &str) -> Vec<SqlVerb> {
        let verbs: Vec<SqlVerb> = SqlVerb::BOUND
            .into_iter()
            .filter(|verb| self.methods_for(*verb).iter().any(|m| m.name == method))
            .collect();
        if verbs.is_empty() { vec![SqlVerb::Exec] } else { verbs }
    }
}

/// The SQL verb through which a method is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum SqlVerb {
    Select,
    Insert,
    Update,
    Replace,
    Delete,
    Exec,
}

impl SqlVerb {
    /// The verbs that `sqlVerbs` may list, in the order in which SHOW METHODS groups them.
    pub const BOUND: [Self; 5] =
        [Self::Select, Self::Insert, Self::Delete, Self::Update, Self::Replace];

    /// Upper-case keyword.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Replace => "REPLACE",
            Self::Delete => "DELETE",
            Self::Exec => "EXEC",
        }
    }
}

/// HTTP request method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum HttpVerb {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl HttpVerb {
    /// Reads a path item's key; any case.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "get" => Self::Get,
            "head" => Self::Head,
            "post" => Self::Post,
            "put" => Self::Put,
            "patch" => Self::Patch,
            "delete" => Self::Delete,
            "options" => Self::Options,
            _ => return None,
        })
    }

    /// Upper-case token for the request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

/// One callable operation of an API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// Key under the resource's `methods`.
    pub name: String,
    /// `operationId` of the operation behind it.
    pub operation: String,
    /// What it does.
    pub description: String,
    /// Request method.
    pub http: HttpVerb,
    /// Candidate servers; the first whose variables all have a value is used.
    pub servers: Vec<Server>,
    /// Path template with its query constants (`/{Key}?uploads`), without the `#` suffix that only
    /// makes keys unique.
    pub path: String,
    /// Path, query and header parameters.
    pub params: Vec<Param>,
    /// Request body; `None` when the operation takes none.
    pub body: Option<Body>,
    /// What comes back.
    pub response: Response,
    /// How lists continue; `None` when one answer is all.
    pub page: Option<Page>,
    /// Service name that this method's requests are signed for, where it is not the service's.
    pub signing_name: Option<String>,
    /// Sending the same call twice has the effect of sending it once.
    pub idempotent: bool,
    /// The service refuses the body without `Content-MD5` or a checksum header.
    pub checksum_required: bool,
}

impl Method {
    /// Names a caller must give, in the order SHOW METHODS prints them: path, query and header
    /// parameters sorted, then body fields sorted, then server variables sorted.
    pub fn required_params(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.params.iter().filter(|p| p.required).map(|p| p.name.clone()).collect();
        names.sort();
        if let Some(body) = &self.body {
            let mut fields: Vec<String> =
                body.schema.required.iter().map(|f| body.naming.column(f)).collect();
            fields.sort();
            names.extend(fields);
        }
        let mut variables: Vec<String> =
            self.server_variables().filter(|v| v.used).map(|v| v.name.clone()).collect();
        variables.sort();
        names.extend(variables);
        names
    }

    /// Variables of the first server.
    pub fn server_variables(&self) -> impl Iterator<Item = &ServerVariable> {
        self.servers.first().into_iter().flat_map(|server| server.variables.iter())
    }

    /// Every name that a statement may give this method: parameters, server variables, body fields.
    pub fn accepted_params(&self) -> Vec<String> {
        let mut names: Vec<String> = self.params.iter().map(|p| p.name.clone()).collect();
        names.extend(self.server_variables().map(|v| v.name.clone()));
        if let Some(body) = &self.body {
            names.extend(body.schema.properties.iter().map(|(name, _)| body.naming.column(name)));
        }
        names
    }

    /// The parameter of exactly this name.
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|p| p.name == name)
    }
}

/// A base URL with variables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// `https://{bucket}.s3.{region}.amazonaws.com`, without a trailing slash.
    pub url: String,
    /// Declared variables.
    pub variables: Vec<ServerVariable>,
}

/// A variable of a server URL; a name in SQL like any parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerVariable {
    /// Name in SQL.
    pub name: String,
    /// Default; an empty text in a document is no default.
    pub default: Option<String>,
    /// What it means.
    pub description: String,
    /// Whether the URL holds it; one that it does not hold is accepted and ignored.
    pub used: bool,
}

/// Where a parameter travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Location {
    Path,
    Query,
    Header,
}

/// A parameter of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Name on the wire and in SQL. A name that ends in `*` stands for every name with that prefix.
    pub name: String,
    /// Where it travels.
    pub location: Location,
    /// Must be given.
    pub required: bool,
    /// Shape of the value.
    pub kind: Kind,
    /// What it means.
    pub description: String,
    /// Sent when the caller gives none (header parameters only).
    pub default: Option<String>,
    /// Smallest integer that is valid.
    pub minimum: Option<i64>,
    /// Largest integer that is valid.
    pub maximum: Option<i64>,
    /// Values the service knows; not enforced, new ones appear before documents do.
    pub values: Vec<String>,
    /// Never shown: a key or a password.
    pub secret: bool,
}

impl Param {
    /// The prefix of a family (`x-amz-meta-` for `x-amz-meta-*`).
    pub fn family(&self) -> Option<&str> {
        self.name.strip_suffix('*')
    }
}

/// A request body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// `Content-Type` and encoding.
    pub media_type: String,
    /// The call makes no sense without it.
    pub required: bool,
    /// Shape of the body.
    pub schema: Schema,
    /// How its fields are called in SQL.
    pub naming: BodyNaming,
    /// The body is bytes rather than a structure.
    pub raw: bool,
}

/// How body fields are spelled as SQL columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyNaming {
    /// `data__<field>`: the document asks for no translation.
    Prefixed,
    /// The field's own name.
    Naive,
}

impl BodyNaming {
    /// The column under which `field` is written.
    pub fn column(self, field: &str) -> String {
        match self {
            Self::Prefixed => format!("data__{field}"),
            Self::Naive => field.to_owned(),
        }
    }
}

/// Shape of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Kind {
    String,
    Integer,
    Number,
    Boolean,
    Object,
    Array,
    /// Bytes (`format: binary`).
    Binary,
    Any,
}

impl Kind {
    /// The type's name as DESCRIBE prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::Array => "array",
            Self::Binary => "binary",
            Self::Any => "any",
        }
    }
}

/// A resolved schema; `$ref` and `allOf` are gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// Shape of the value.
    pub kind: Kind,
    /// How it is written as XML.
    pub xml: Xml,
    /// Members of an object, in document order.
    pub properties: Vec<(String, Schema)>,
    /// Element of an array.
    pub items: Option<Box<Schema>>,
    /// Members that must be there.
    pub required: Vec<String>,
    /// What it means.
    pub description: String,
}

impl Schema {
    /// A schema of this kind and nothing else.
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            xml: Xml::default(),
            properties: Vec::new(),
            items: None,
            required: Vec::new(),
            description: String::new(),
        }
    }

    /// The member of this name.
    pub fn property(&self, name: &str) -> Option<&Self> {
        self.properties.iter().find(|(key, _)| key == name).map(|(_, schema)| schema)
    }
}

/// `xml` hints of a schema.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Xml {
    /// Element name where it differs from the member's.
    pub name: Option<String>,
    /// Namespace of the element.
    pub namespace: Option<String>,
    /// Namespace prefix (`xsi`).
    pub prefix: Option<String>,
    /// Written as an attribute.
    pub attribute: bool,
    /// A list whose elements stand directly in the parent (`wrapped: false`).
    pub flattened: bool,
    /// The value is the element's own text.
    pub text: bool,
}

/// A successful response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// How the body is read.
    pub body: ResponseBody,
    /// Where the rows are in the body.
    pub rows: RowPath,
    /// Columns in the order in which they are shown.
    pub columns: Vec<Column>,
}

/// How a response body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseBody {
    /// Nothing but headers is of interest.
    Empty,
    /// An XML document.
    Xml,
    /// A JSON document.
    Json,
    /// The body is one value of one column.
    Raw,
}

/// A column of a method's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Name in SQL.
    pub name: String,
    /// Element, key or header on the wire.
    pub wire: String,
    /// Shape, with everything below it.
    pub schema: Schema,
    /// What it means.
    pub description: String,
    /// Which part of the response it comes from.
    pub origin: ColumnOrigin,
}

/// The part of a response that fills a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnOrigin {
    /// The row itself.
    Row,
    /// The element the row was found as, where rows come from several.
    Element,
    /// The answer around the rows: the same on every row of a page.
    Envelope,
    /// A response header.
    Header,
    /// The whole body.
    Body,
}

/// How a list continues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The next page's token and where it goes; further pairs travel with the first.
    pub tokens: Vec<TokenPair>,
    /// Says that there is more; it decides, where it exists.
    pub more: Option<RowPath>,
    /// Query parameter that sets the page size.
    pub size: Option<String>,
    /// How tokens follow each other.
    pub algorithm: PageAlgorithm,
}

/// A token in a response and the parameter that takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenPair {
    /// Parameter of the next request.
    pub request: String,
    /// Where it travels.
    pub place: TokenPlace,
    /// No row comes after a marker of this number.
    pub maximum: Option<u64>,
    /// Where the response holds it.
    pub response: RowPath,
}

/// Where a page token travels in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum TokenPlace {
    Query,
    Header,
}

/// How page tokens follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageAlgorithm {
    /// A token says nothing about the one after it.
    Cursor,
    /// A token is the number of the last row, so that later pages can be asked for ahead.
    IntegerMarker,
}

/// A part of a document that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// `resource.method`, or the resource alone.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}
