//! EventBridge: rules, their targets, and what makes them fire.

pub mod expression;
pub mod pattern;
