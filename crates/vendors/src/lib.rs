#![doc = include_str!("../README.md")]

pub mod attention;
mod base_url;
mod bearer;
mod day;
mod error;
pub mod gong;
mod http;
pub mod hubspot;
pub mod oauth;
mod retry_after;
pub mod salesforce;
mod shape;
mod versions;
mod words;

pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use bearer::Bearer;
pub use day::{DayUse, hear_day};
pub use error::{Failure, VendorError};
pub use http::{HttpOptions, VendorHttp};
pub use versions::ApiVersions;
