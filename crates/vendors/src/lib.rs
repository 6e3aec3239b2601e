#![doc = include_str!("../README.md")]

pub mod attention;
mod base_url;
mod error;
pub mod gong;
mod http;
mod retry_after;
mod shape;
mod words;

pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use error::{Failure, VendorError};
pub use http::{HttpOptions, VendorHttp};
