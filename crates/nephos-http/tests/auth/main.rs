//! Calls with every kind of authorisation, against a scripted transport.

mod aws;
mod azure;
mod google;
mod oauth;
mod registry;
mod secrets;
mod settings;
mod static_secrets;
mod world;
