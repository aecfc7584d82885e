//! Answers HTTP/1.1 (RFC 9110 and 9112), for `pattern serve` and for pattern-fetch. What there is to get, a [`Site`] says.
//!
//! A head has a length and a time, a connection stays for further requests, only `GET` and `HEAD` are answered, and no more than
//! [`MOST`] clients are served at a time. What is asked of TLS, compression and content that clients send is left out: a server
//! for machines needs none.

mod answer;
mod connection;
mod counted;
mod crowd;
mod range;
mod request;
mod status;

pub use answer::{Answer, Body};
pub use connection::{Site, attend};
pub use counted::Counted;
pub use crowd::{MOST, welcome};
pub use range::{Wanted, wanted};
pub use request::Request;
pub use status::Status;
