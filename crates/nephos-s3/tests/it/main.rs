//! The endpoint from outside: in process, over a socket, and with an independent client.

mod boto3;
mod client;
mod crash;
mod in_process;
mod model;
mod serving;
