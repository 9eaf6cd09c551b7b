//! AWS's wire protocols: how requests are read and answers and refusals are written.

pub mod json;
pub mod query;
pub mod rest;
pub mod xml;
