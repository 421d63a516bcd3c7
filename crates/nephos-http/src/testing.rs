//! What the tests of this crate share: calls of a made-up provider and a scripted service.

use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use nephos_catalog::{Catalog, ProviderDirectory, RegistryConfig};

use crate::{Call, InProcess, RequestBody, ResponseBody};

/// `get` reads, `add` changes things, `put` may be repeated, `ask` is declared as a read.
const SERVICE: &str = r"
openapi: 3.0.0
info: {title: things, version: v1, x-serviceName: SIGNING}
servers: [{url: 'https://api.example'}]
paths:
  /things/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string}}
      - {name: X-Token, in: header, schema: {type: string, format: password}}
    get: {operationId: getThing, responses: {'200': {description: ok, content: {application/json: {schema: {type: object}}}}}}
    post: {operationId: addThing, responses: {'200': {description: ok, content: {application/json: {schema: {type: object}}}}}}
    put: {operationId: putThing, x-nephos-idempotent: true, responses: {'200': {description: ok, content: {application/json: {schema: {type: object}}}}}}
components:
  x-stackQL-resources:
    things:
      id: PROVIDER.things.things
      name: things
      title: things
      methods:
        get: {operation: {$ref: '#/paths/~1things~1{id}/get'}, response: {mediaType: application/json, openAPIDocKey: '200'}}
        add: {operation: {$ref: '#/paths/~1things~1{id}/post'}, response: {mediaType: application/json, openAPIDocKey: '200'}}
        put: {operation: {$ref: '#/paths/~1things~1{id}/put'}, response: {mediaType: application/json, openAPIDocKey: '200'}}
      sqlVerbs: {select: [], insert: [], update: [], delete: []}
";

/// A call of `method` of `provider`, whose `config.auth` is `auth`; requests are signed for
/// `signing`, where they are signed.
pub(crate) fn call_of(provider: &str, signing: &str, auth: &str, method: &str) -> Call {
    let fill = |text: &str| text.replace("PROVIDER", provider).replace("SIGNING", signing);
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: String| {
        let path = folder.path().join(provider).join("v1").join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let head = "name: PROVIDER\nproviderServices: {things: {id: 'things:v1', name: things, \
                service: {$ref: PROVIDER/v1/services/things.yaml}}}\nconfig: {auth: ";
    write("provider.yaml", format!("{}{auth}}}", fill(head)));
    write("services/things.yaml", fill(SERVICE));
    let config = RegistryConfig { source: folder.path().to_owned() };
    let catalog = Catalog::new().with_directory(ProviderDirectory::open(&config).unwrap());
    let resource = catalog.resource(provider, "things", "things").unwrap();
    let args = [("id", "a"), ("X-Token", "TOP-SECRET")];
    let args = args.map(|(name, value)| (name.to_owned(), value.into())).to_vec();
    Call::new(&resource, resource.method(method).unwrap(), args, None).unwrap()
}

/// A call that carries no credentials.
pub(crate) fn call(method: &str) -> Call {
    call_of("example", "things", "{type: null_auth}", method)
}

/// An answer.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<ResponseBody> {
    let body = Full::new(Bytes::from(body.to_owned())).map_err(|never| match never {});
    let builder = headers
        .iter()
        .fold(Response::builder().status(status), |b, (name, value)| b.header(*name, *value));
    builder.body(body.boxed_unsync()).unwrap()
}

/// Requests as they arrived: method, URL, headers.
pub(crate) type Seen = Arc<Mutex<Vec<Request<()>>>>;

/// A service that answers request number n, from 0, by a script.
pub(crate) fn service(
    script: impl Fn(usize, &Request<()>) -> BoxFuture<'static, Response<ResponseBody>>
    + Send
    + Sync
    + 'static,
) -> (InProcess, Seen) {
    let seen = Seen::default();
    let record = seen.clone();
    let transport = InProcess::new("script", move |request: Request<RequestBody>| {
        let request = request.map(|_| ());
        let mut record = record.lock().unwrap();
        record.push(request.clone());
        script(record.len() - 1, &request)
    });
    (transport, seen)
}
