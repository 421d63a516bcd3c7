//! What a provider document says, resolved: the catalog's model.

use serde::{Deserialize, Serialize};

use crate::{Auth, Lookup, RowPath, lookup};

/// A provider: the first part of a name in SQL.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Provider {
    /// Name in SQL (`google` for the directory `googleapis.com`).
    pub name: String,
    /// Version directory, `v00.00.00000` in a source tree.
    pub version: String,
    /// Text for SHOW EXTENDED PROVIDERS.
    pub description: String,
    /// How calls are authorised; `None` means the document says nothing.
    pub auth: Option<Auth>,
    /// Columns are shown in snake case (`snake_case_aliases`).
    pub snake_case: bool,
    /// `config` without `auth`, as JSON: what services and methods that say nothing fall back to.
    pub config: String,
    /// Services in document order.
    pub services: Vec<ServiceHead>,
}

/// One entry of `providerServices`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// `config` of this service in `provider.yaml`, as JSON.
    pub config: String,
    /// Path of the register that holds the resources; empty where the document does.
    pub register: String,
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

    /// The verbs that reach a method; `[Exec]` when none does. SELECT takes a view where there is
    /// one.
    pub fn verbs_of(&self, method: &str) -> Vec<SqlVerb> {
        let verbs: Vec<SqlVerb> = SqlVerb::BOUND
            .into_iter()
            .filter(|verb| *verb != SqlVerb::Select || self.views.is_empty())
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
    /// Request method as the document has it; see [`Method::sends`].
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
    /// How the request differs from what `OpenAPI` alone says.
    pub translation: Translation,
    /// What comes back.
    pub response: Response,
    /// How lists continue; `None` when one answer is all.
    pub page: Option<Page>,
    /// How often it is repeated, where the document says so.
    pub retry: Option<Retry>,
    /// Service name that this method's requests are signed for, where it is not the service's.
    pub signing_name: Option<String>,
    /// It changes nothing: a GET or HEAD, or a POST that only SELECT uses.
    pub reads: bool,
    /// Sending the same call twice has the effect of sending it once.
    pub idempotent: bool,
    /// The service refuses the body without `Content-MD5` or a checksum header.
    pub checksum_required: bool,
}

impl Method {
    /// The request method on the wire.
    pub fn sends(&self) -> HttpVerb {
        match (&self.translation.graphql, self.translation.query) {
            (Some(graphql), _) => graphql.http,
            (None, QueryPlace::Form) => HttpVerb::Post,
            (None, QueryPlace::Url) => self.http,
        }
    }

    /// Names that a call cannot be made without; they decide which method a statement gets.
    pub fn required_params(&self) -> Vec<String> {
        self.required_inputs(&[], |variable| variable.required)
    }

    /// Names that SHOW METHODS prints: path, query and header parameters sorted, then body fields
    /// sorted, then server variables sorted, those that have a default too.
    pub fn shown_params(&self) -> Vec<String> {
        let also = self.body.as_ref().map_or(&[][..], |body| &body.also_shown);
        self.required_inputs(also, |variable| variable.used && variable.environment.is_none())
    }

    fn required_inputs(
        &self,
        also: &[String],
        variable: impl Fn(&ServerVariable) -> bool,
    ) -> Vec<String> {
        let mut names: Vec<String> =
            self.params.iter().filter(|p| p.required).map(|p| p.name.clone()).collect();
        names.sort();
        if let Some(body) = &self.body {
            let mut fields: Vec<String> = body
                .required_fields()
                .chain(also)
                .map(|field| body.naming.column(field))
                .filter(|column| !names.contains(column))
                .collect();
            fields.sort();
            fields.dedup();
            names.extend(fields);
        }
        let mut variables: Vec<String> =
            self.server_variables().filter(|v| variable(v)).map(|v| v.name.clone()).collect();
        variables.sort();
        names.extend(variables);
        names
    }

    /// Variables of the first server.
    pub fn server_variables(&self) -> impl Iterator<Item = &ServerVariable> {
        self.servers.first().into_iter().flat_map(|server| server.variables.iter())
    }

    /// Every name that a statement may give this method: parameters, server variables, body fields.
    /// Fields that the document does not name are accepted besides; see [`Method::lookup`].
    pub fn accepted_params(&self) -> Vec<String> {
        let mut names: Vec<String> = self.params.iter().map(|p| p.name.clone()).collect();
        names.extend(self.server_variables().map(|v| v.name.clone()));
        if let Some(body) = &self.body {
            names.extend(body.fields().iter().map(|(name, _)| body.naming.column(name)));
        }
        names
    }

    /// The name that `name` means: as [`crate::lookup`] finds it, else what ends in `.name`, else a
    /// field of the body that the document does not know (`data__labels.env`).
    pub fn lookup(&self, name: &str) -> NameFound {
        let accepted = self.accepted_params();
        match lookup(name, accepted.iter().map(String::as_str)) {
            Lookup::Found(found) => return NameFound::One(found.to_owned()),
            Lookup::Ambiguous(all) => {
                return NameFound::Several(all.into_iter().map(str::to_owned).collect());
            }
            Lookup::Missing => {}
        }
        let dotted: Vec<&String> = accepted
            .iter()
            .filter(|full| full.rsplit_once('.').is_some_and(|(_, last)| last == name))
            .collect();
        if let [only] = dotted.as_slice() {
            return NameFound::One((*only).clone());
        }
        let free = self.body.as_ref().is_some_and(|body| body.accepts(name));
        if free { NameFound::One(name.to_owned()) } else { NameFound::None }
    }

    /// The parameter of exactly this name.
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|p| p.name == name)
    }
}

/// What a name in a statement means to a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameFound {
    /// This declared name.
    One(String),
    /// Any of these.
    Several(Vec<String>),
    /// Nothing.
    None,
}

/// How a request differs from what `OpenAPI` alone says of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Translation {
    /// Where the query goes.
    pub query: QueryPlace,
    /// Query keys that begin with `__` only make paths unique and are not sent.
    pub drop_double_underscore: bool,
    /// Structures in the query are flattened to `Name.1.Member` (`AWSCanonical`).
    pub flatten_query: bool,
    /// Characters that a path may hold stay as they are in path parameters. AWS signs them encoded.
    pub plain_paths: bool,
    /// `Accept` header.
    pub accept: Option<String>,
    /// The operation is a GraphQL query.
    pub graphql: Option<GraphQl>,
}

/// Where the query of a request goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueryPlace {
    /// Into the URL.
    #[default]
    Url,
    /// Constants of the path included, it is sent as a form by POST
    /// (`get_query_to_post_form_utf_8`).
    Form,
}

/// `x-stackQL-graphQL` of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraphQl {
    /// Template of the query over the arguments, `.cursor` and `.limit`.
    pub query: String,
    /// URL that replaces server and path.
    pub url: Option<String>,
    /// Request method.
    pub http: HttpVerb,
    /// Where the cursor of the next page is in the answer.
    pub cursor: Option<RowPath>,
    /// How the cursor is written into the query: a template over `.cursor`, or text with `%s`.
    pub cursor_format: String,
    /// Rows a page.
    pub page_size: Option<u64>,
}

/// `retry` of a document's `config`; what it leaves out is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all.
    pub max_attempts: Option<u32>,
    /// First wait in milliseconds.
    pub initial_delay_ms: Option<u64>,
    /// Longest wait in milliseconds.
    pub max_delay_ms: Option<u64>,
    /// Factor from one wait to the next.
    pub multiplier: Option<f64>,
    /// Share of a wait that is left to chance, 0 to 1.
    pub jitter_fraction: Option<f64>,
    /// Request methods that are repeated; `*` means all.
    pub retryable_methods: Vec<String>,
    /// Statuses after which they are (`retryable_conditions.status_codes`).
    pub status_codes: Option<Vec<u16>>,
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
    /// Environment variable that stands in where no value is given (`x-stackQL-envVar`).
    pub environment: Option<String>,
    /// A call cannot be made without it: it has no default, or the default would change something
    /// or read a region that nobody named.
    pub required: bool,
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
    /// How a structure is written in the query.
    pub style: ParamStyle,
    /// Smallest integer that is valid.
    pub minimum: Option<i64>,
    /// Largest integer that is valid.
    pub maximum: Option<i64>,
    /// Values the service knows; not enforced, new ones appear before documents do.
    pub values: Vec<String>,
    /// Never shown: a key or a password.
    pub secret: bool,
}

/// How a structure is written in the query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParamStyle {
    /// A list repeats the name.
    #[default]
    Repeated,
    /// A list is one value with commas (`explode: false`).
    Commas,
    /// An object with free names, which AWS's query protocol writes as entries.
    Map,
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
    /// JSON that lies under what the caller gives.
    pub base: Option<String>,
    /// JSON that is sent when the caller gives nothing.
    pub default: Option<String>,
    /// Makes the body that is sent from the structure that was given.
    pub transform: Option<Transform>,
    /// How XML is written.
    pub xml: XmlBody,
    /// Fields that SHOW METHODS prints besides those that the schema requires (`request.required`).
    pub also_shown: Vec<String>,
}

impl Body {
    /// The fields that SQL names: those of the body, or of the member that holds them.
    pub fn fields(&self) -> &[(String, Schema)] {
        match &self.naming {
            BodyNaming::Within(member) => {
                self.schema.property(member).map_or(&[], |s| &s.properties)
            }
            _ => &self.schema.properties,
        }
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Schema> {
        self.fields().iter().find(|(key, _)| key == name).map(|(_, schema)| schema)
    }

    /// Fields that must be given. What the document's base body holds is given already.
    fn required_fields(&self) -> impl Iterator<Item = &String> {
        let required = match &self.naming {
            BodyNaming::Within(member) => self.schema.property(member).map(|s| &s.required),
            _ => Some(&self.schema.required),
        };
        let base: serde_json::Value = self
            .base
            .as_deref()
            .and_then(|base| serde_json::from_str(base).ok())
            .unwrap_or_default();
        let whole = !matches!(self.naming, BodyNaming::Within(_));
        // What is no field cannot be given, unless names are free.
        let free = self.naming == BodyNaming::Prefixed;
        required
            .into_iter()
            .flatten()
            .filter(move |field| !(whole && base.get(field.as_str()).is_some()))
            .filter(move |field| free || self.field(field).is_some())
    }

    /// Whether a name that the document does not declare can be a field.
    fn accepts(&self, column: &str) -> bool {
        !self.raw
            && matches!(&self.naming, BodyNaming::Prefixed)
            && column.strip_prefix(PREFIX).is_some_and(|field| !field.is_empty())
    }
}

/// What stands before fields of a body whose document asks for no translation.
const PREFIX: &str = "data__";

/// How body fields are spelled as SQL columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyNaming {
    /// `data__<field>`: the document asks for no translation.
    Prefixed,
    /// The field's own name.
    Naive,
    /// The name of a field of this member of the body (`naive_DesiredState`).
    Within(String),
}

impl BodyNaming {
    /// The column under which `field` is written.
    pub fn column(&self, field: &str) -> String {
        match self {
            Self::Prefixed => format!("{PREFIX}{field}"),
            Self::Naive | Self::Within(_) => field.to_owned(),
        }
    }

    /// The field that `column` writes.
    pub fn field<'a>(&self, column: &'a str) -> Option<&'a str> {
        match self {
            Self::Prefixed => column.strip_prefix(PREFIX),
            Self::Naive | Self::Within(_) => Some(column),
        }
    }
}

/// What stands around the root of an XML body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct XmlBody {
    /// Prologue (`xmlDeclaration`).
    pub declaration: Option<String>,
    /// Attributes of the root (`xmlRootAnnotation`).
    pub root_annotation: Option<String>,
    /// The body is the text of its only field and no XML.
    pub text_only: bool,
    /// Text may be XML itself: entities are undone after writing (`xmlTransform: unescape`).
    pub fragments: bool,
}

/// A text transform of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transform {
    /// `golang_template_json_v0.3.0`, `schema_driven_xml_v0.1.0`, ...
    pub kind: String,
    /// The template; empty where the kind needs none.
    pub source: String,
    /// `info.x-protocol` of the document: `query`, `rest-xml`, ...
    pub protocol: String,
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
    /// Sent as a JSON string whatever it holds (`x-stackQL-stringOnly`).
    pub string_only: bool,
    /// The service sets it: never part of a request.
    pub read_only: bool,
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
            string_only: false,
            read_only: false,
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
    /// Makes the text that is read from the body that came.
    pub transform: Option<Transform>,
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
    /// Says that there is more; where the answer has it, it decides.
    pub more: Option<RowPath>,
    /// Query parameter that sets the page size.
    pub size: Option<String>,
    /// How tokens follow each other.
    pub algorithm: PageAlgorithm,
    /// What to look for where the answer holds no token of this one.
    pub otherwise: Option<Box<Page>>,
}

impl Page {
    /// This way to continue, then those that are tried after it.
    pub fn ways(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |page| page.otherwise.as_deref())
    }
}

/// A token in a response and the parameter that takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenPair {
    /// Parameter of the next request; empty where the token is a whole URL.
    pub request: String,
    /// Where it travels.
    pub place: TokenPlace,
    /// No row comes after a marker of this number.
    pub maximum: Option<u64>,
    /// Where the response holds it.
    pub response: TokenSource,
}

/// Where a page token stands in a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenSource {
    /// In the body; after a transform in what it made, else in what came.
    Body(RowPath),
    /// The URL of `rel="next"` in a `Link` header (RFC 8288).
    Link,
    /// A header's value.
    Header(String),
}

/// Where a page token travels in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenPlace {
    /// A query parameter.
    Query,
    /// A header.
    Header,
    /// A member of the JSON body, or a field of the form.
    Body,
    /// A path parameter.
    Path,
    /// The token is the next request's URL.
    Url,
}

/// How page tokens follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageAlgorithm {
    /// A token says nothing about the one after it.
    Cursor,
    /// A token is the number of the last row, so that later pages can be asked for ahead.
    IntegerMarker,
    /// The token is the page's own number; the next is one more, up to the number here.
    PageNumber {
        /// Number of the last page.
        last: RowPath,
    },
    /// The token is the position of the page's first row; the next is that many rows further.
    Offset,
}

/// A part of a document that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// `resource.method`, or the resource alone.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}
