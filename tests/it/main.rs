//! The real `lambdo` against emulators that others wrote: one binary, one emulator per test.
//!
//! Run it with `scripts/test`, which installs the emulators into `.venv` first.

mod agree;
mod architecture;
mod artifacts;
mod behaviour;
mod behaviour_calls;
mod behaviour_destroy;
mod behaviour_event_rule;
mod behaviour_function;
mod behaviour_log_group;
mod behaviour_permission;
mod behaviour_reads;
mod behaviour_role;
mod calls;
mod clients;
mod connecting;
mod corpus;
mod drift;
mod drift_cases;
mod durable;
mod examples;
mod failing;
mod foreign;
mod formats;
mod guards;
mod harness;
mod hostile;
mod images;
mod init;
mod interrupted;
mod invoke;
mod killed;
mod layers;
mod life_cycle;
mod local;
mod measure_local;
mod packages;
mod refused;
mod saved;
mod schemas;
mod scripts;
mod storage;
mod support;
mod update;
