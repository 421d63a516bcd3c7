//! Serves a directory until it is killed: `serve DIR [ADDRESS] [--fast]`.
//!
//! The URL is in `DIR/endpoint`.

use nephos_s3::{BoxError, Durability, LocalS3, Options};
use std::path::Path;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut options = Options::default();
    let mut places = Vec::new();
    for argument in std::env::args().skip(1) {
        if argument == "--fast" {
            options.durability = Durability::Fast;
        } else {
            places.push(argument);
        }
    }
    let dir = places.first().ok_or("the directory is missing")?;
    let address = places.get(1).map_or("127.0.0.1:0", String::as_str);
    let endpoint = LocalS3::open(Path::new(dir), options)?;
    let listener = TcpListener::bind(address).await?;
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    endpoint.serve(listener, interrupted).await?;
    Ok(())
}
